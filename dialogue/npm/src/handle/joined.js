// The handle of a room that a client is in: the public class. It holds no state.

import { notInRoom } from "../error.js";
import { hide, internalsOf } from "./internals.js";

/** @import * as Public from "../../client.js" */
/** @import { Frame } from "../link.js" */
/** @import { RequestOptions } from "../pending/entry.js" */
/** @import { Hold } from "../rooms/hold.js" */
/** @import { TrackedRoom } from "../rooms/room.js" */
/** @import { Session } from "../session.js" */

/** @implements {Public.JoinedRoom<any>} */
export class JoinedRoom {
  /**
   * @param {Session} session
   * @param {TrackedRoom} room
   * @param {Hold} hold
   */
  constructor(session, room, hold) {
    hide(this, { session, room, hold });
  }

  get id() {
    return partsOf(this).room.id;
  }
  get name() {
    return partsOf(this).room.name;
  }
  get state() {
    const { room, hold } = partsOf(this);
    return hold.isOver ? "left" : room.state;
  }
  get subscriptions() {
    return [...partsOf(this).room.subscriptions];
  }
  get epoch() {
    return partsOf(this).room.position.epoch;
  }
  get seq() {
    return partsOf(this).room.position.seq;
  }

  /**
   * @param {string} event
   * @param {unknown} [data]
   * @param {Public.TriggerOptions} [options]
   * @returns {Promise<Public.Triggered>}
   */
  async trigger(event, data, { meta, key, volatile = false } = {}) {
    const triggerKey = key ?? (volatile ? undefined : randomKey());
    const frame = { type: "trigger", roomId: this.id, event, data, meta, key: triggerKey };
    const slot = volatile ? `${this.id} ${event}` : undefined;
    const { seq, superseded } = await request(this, frame, { repeat: !volatile, isTrigger: true, slot });
    return { ...(seq !== undefined && { seq }), ...(superseded && { superseded }) };
  }

  /**
   * @param {string} event
   * @param {(message: any) => void} handler
   */
  on(event, handler) {
    return partsOf(this).hold.on(event, handler);
  }
  /** @param {(message: any) => void} handler */
  onAny(handler) {
    return partsOf(this).hold.listen("any", handler);
  }
  /** @param {(history: Public.RoomHistory<any>) => void} handler */
  onHistory(handler) {
    return partsOf(this).hold.listen("history", handler);
  }
  /** @param {(erasure: Public.Erasure) => void} handler */
  onErased(handler) {
    return partsOf(this).hold.listen("erased", handler);
  }
  /** @param {(recovery: { recovered: boolean }) => void} handler */
  onRecovered(handler) {
    return partsOf(this).hold.listen("recovered", handler);
  }
  /** @param {(left: { reason: string | undefined }) => void} handler */
  onLeft(handler) {
    return partsOf(this).hold.listen("left", handler);
  }

  /** @param {string} event */
  async subscribe(event) {
    const onAnswer = () => partsOf(this).room.subscribed(event);
    await subscribeTo(this, [event], { type: "subscribe", roomId: this.id, event }, onAnswer);
  }
  async subscribeAll() {
    const room = partsOf(this).room;
    const onAnswer = () => room.subscribedToAll();
    await subscribeTo(this, [...room.excluded], { type: "subscribeAll", roomId: this.id }, onAnswer);
  }
  /** @param {string} event */
  async unsubscribe(event) {
    const onAnswer = () => partsOf(this).room.unsubscribed(event);
    await request(this, { type: "unsubscribe", roomId: this.id, event }, { onAnswer, move: { roomId: this.id } });
  }

  /**
   * @param {string} event
   * @param {number | Public.HistoryRange} [range]
   * @param {number} [end]
   * @returns {Promise<Public.HistoryPage<any>>}
   */
  async getHistory(event, range = {}, end) {
    const { start, end: until, before, limit, skip } = typeof range === "number" ? { start: range, end } : range;
    const frame = { type: "history", roomId: this.id, event, start, end: until, before, limit, skip };
    const { room } = partsOf(this);
    // As soon as the page is there: a later `erased` is reported, and the program removes the event itself.
    const toResult = (/** @type {Frame} */ { events, more, next }) => {
      const last = events.at(-1)?.seq;
      const older = next ?? (last === undefined ? undefined : { before: last });
      // Not enumerable: a page compares and prints as what the server sent.
      const page = { events: room.erasures.page(events), more };
      return Object.defineProperty(page, "next", { value: more ? older : undefined });
    };
    return request(this, frame, { toResult });
  }

  async leave() {
    const { session, room, hold } = partsOf(this);
    await session.rooms.release(room, hold);
  }
}

/**
 * @param {JoinedRoom} handle
 * @returns {{ session: Session, room: TrackedRoom, hold: Hold }}
 */
function partsOf(handle) {
  return internalsOf(handle);
}

/**
 * Subscribes to events. They may arrive before the answer does.
 *
 * @param {JoinedRoom} handle
 * @param {string[]} events
 * @param {Frame} frame
 * @param {() => void} onAnswer
 */
async function subscribeTo(handle, events, frame, onAnswer) {
  const { excluded } = partsOf(handle).room;
  const included = events.filter((event) => excluded.delete(event));
  const onFailure = () => included.forEach((event) => excluded.add(event));
  await request(handle, frame, { onAnswer, onFailure, move: { roomId: handle.id } });
}

/**
 * @param {JoinedRoom} handle
 * @param {Frame} frame
 * @param {RequestOptions} [options]
 */
async function request(handle, frame, options) {
  const { session, room, hold } = partsOf(handle);
  if (!hold.isOver) return session.request(frame, { ...options, room });
  options?.onFailure?.();
  throw notInRoom(room.id);
}

let keys = 0;

/** A key that no other trigger has. Nobody has to be unable to guess it: keys of different users are never mixed up. */
function randomKey() {
  // `crypto.randomUUID` exists only on pages that were loaded over TLS, and some environments have no `crypto` at all.
  /** @type {Partial<Crypto> | undefined} */
  const crypto = globalThis.crypto;
  const bytes = new Uint8Array(16);
  if (crypto?.getRandomValues) crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  const random = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  keys += 1;
  return crypto?.getRandomValues ? random : `${random}-${Date.now().toString(16)}-${keys}`;
}
