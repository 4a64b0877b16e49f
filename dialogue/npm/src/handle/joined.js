// The handle of a room that a client is in: the public class. It holds no state.

import { notInRoom } from "../error.js";

/** @import * as Public from "../../client.js" */
/** @import { Frame } from "../link.js" */
/** @import { RequestOptions } from "../pending.js" */
/** @import { Hold } from "../rooms/hold.js" */
/** @import { TrackedRoom } from "../rooms/room.js" */
/** @import { Session } from "../session.js" */

/** @implements {Public.JoinedRoom<any>} */
export class JoinedRoom {
  #session;
  #room;
  #hold;

  /**
   * @param {Session} session
   * @param {TrackedRoom} room
   * @param {Hold} hold
   */
  constructor(session, room, hold) {
    this.#session = session;
    this.#room = room;
    this.#hold = hold;
  }

  get id() {
    return this.#room.id;
  }
  get name() {
    return this.#room.name;
  }
  get state() {
    return this.#hold.isOver ? "left" : this.#room.state;
  }
  get subscriptions() {
    return [...this.#room.subscriptions];
  }
  get epoch() {
    return this.#room.position.epoch;
  }
  get seq() {
    return this.#room.position.seq;
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
    const { seq, superseded } = await this.#request(frame, { repeat: !volatile, isTrigger: true, slot });
    return { ...(seq !== undefined && { seq }), ...(superseded && { superseded }) };
  }

  /**
   * @param {string} event
   * @param {(message: any) => void} handler
   */
  on(event, handler) {
    return this.#hold.on(event, handler);
  }
  /** @param {(message: any) => void} handler */
  onAny(handler) {
    return this.#hold.listen("any", handler);
  }
  /** @param {(history: Public.RoomHistory<any>) => void} handler */
  onHistory(handler) {
    return this.#hold.listen("history", handler);
  }
  /** @param {(recovery: { recovered: boolean }) => void} handler */
  onRecovered(handler) {
    return this.#hold.listen("recovered", handler);
  }
  /** @param {(left: { reason: string | undefined }) => void} handler */
  onLeft(handler) {
    return this.#hold.listen("left", handler);
  }

  /** @param {string} event */
  async subscribe(event) {
    const onAnswer = () => this.#room.subscribed(event);
    await this.#subscribeTo([event], { type: "subscribe", roomId: this.id, event }, onAnswer);
  }
  async subscribeAll() {
    const room = this.#room;
    const onAnswer = () => room.subscribedToAll();
    await this.#subscribeTo([...room.excluded], { type: "subscribeAll", roomId: this.id }, onAnswer);
  }
  /** @param {string} event */
  async unsubscribe(event) {
    const onAnswer = () => this.#room.unsubscribed(event);
    await this.#request({ type: "unsubscribe", roomId: this.id, event }, { onAnswer, move: { roomId: this.id } });
  }

  /**
   * @param {string} event
   * @param {number | Public.HistoryRange} [range]
   * @param {number} [end]
   * @returns {Promise<Public.HistoryPage<any>>}
   */
  async getHistory(event, range = {}, end) {
    const { start, end: until, before, limit } = typeof range === "number" ? { start: range, end } : range;
    const frame = { type: "history", roomId: this.id, event, start, end: until, before, limit };
    const { events, more } = await this.#request(frame);
    return { events, more };
  }

  async leave() {
    await this.#session.rooms.release(this.#room, this.#hold);
  }

  /**
   * Subscribes to events. They may arrive before the answer does.
   *
   * @param {string[]} events
   * @param {Frame} frame
   * @param {() => void} onAnswer
   */
  async #subscribeTo(events, frame, onAnswer) {
    const { excluded } = this.#room;
    const included = events.filter((event) => excluded.delete(event));
    const onFailure = () => included.forEach((event) => excluded.add(event));
    await this.#request(frame, { onAnswer, onFailure, move: { roomId: this.id } });
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} [options]
   */
  async #request(frame, options) {
    if (this.#hold.isOver) {
      options?.onFailure?.();
      throw notInRoom(this.id);
    }
    return this.#session.request(frame, { ...options, room: this.#room });
  }
}

// `crypto.randomUUID` exists only on pages that were loaded over TLS.
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
