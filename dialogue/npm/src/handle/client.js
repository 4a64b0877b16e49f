// The handle of a client: the public class. It holds no state.

import { configOf } from "../config.js";
import { Engine } from "../engine.js";
import { Session } from "../session.js";
import { hide, internalsOf } from "./internals.js";
import { JoinedRoom } from "./joined.js";
/** @import * as Public from "../../client.js" */
/** @import { AnyRoom } from "../rooms/hold.js" */

const MAX_LISTED = 10_000;

/** @implements {Public.DialogueClient<any>} */
export class DialogueClient {
  /** @param {Public.ClientOptions} [options] */
  constructor(options = {}) {
    const config = configOf(options);
    /** @type {Session} */
    const session = new Session(config, (room, hold) => new JoinedRoom(session, room, hold));
    hide(this, { session, engine: new Engine(config, session) });
  }

  get userId() {
    return sessionOf(this).userId;
  }
  get clientId() {
    return sessionOf(this).clientId;
  }
  get fingerprint() {
    return sessionOf(this).fingerprint;
  }
  get connected() {
    return sessionOf(this).connected;
  }
  get state() {
    return sessionOf(this).state;
  }
  get rooms() {
    return sessionOf(this).rooms.handles();
  }

  /** @param {Public.ConnectOptions} [options] */
  connect(options) {
    return engineOf(this).connect(options);
  }
  wake() {
    engineOf(this).wake();
  }
  disconnect() {
    engineOf(this).disconnect();
  }

  /**
   * @param {string} id
   * @param {{ subscriptions?: readonly string[] }} [options]
   * @returns {Promise<AnyRoom>}
   */
  async join(id, { subscriptions } = {}) {
    return sessionOf(this).join(id, subscriptions && [...subscriptions]);
  }

  /** @param {string} id */
  getRoom(id) {
    return sessionOf(this).rooms.get(id)?.handle;
  }

  /** @returns {Promise<Public.RoomInfo[]>} */
  async listRooms({ limit = MAX_LISTED } = {}) {
    /** @type {Public.RoomInfo[]} */
    const rooms = [];
    let page;
    do {
      page = await sessionOf(this).request({ type: "listRooms", after: rooms.at(-1)?.id });
      rooms.push(...page.rooms);
    } while (page.more && page.rooms.length > 0 && rooms.length < limit);
    return rooms.slice(0, limit);
  }

  /**
   * @param {string} id
   * @param {{ name?: string, description?: string, maxSize?: number }} [options]
   * @returns {Promise<Public.RoomInfo>}
   */
  async createRoom(id, { name, description, maxSize } = {}) {
    const frame = { type: "createRoom", room: { id, name, description, maxSize } };
    return (await sessionOf(this).request(frame, { repeat: false })).room;
  }

  /** @param {string} id */
  async deleteRoom(id) {
    await sessionOf(this).request({ type: "deleteRoom", roomId: id }, { repeat: false });
  }

  /** @param {(connected: Public.Connected) => void} handler */
  onConnect(handler) {
    return sessionOf(this).notices.listeners.add("connect", handler);
  }
  /** @param {(disconnected: Public.Disconnected) => void} handler */
  onDisconnect(handler) {
    return sessionOf(this).notices.listeners.add("disconnect", handler);
  }
  /** @param {(change: Public.StateChange) => void} handler */
  onStateChange(handler) {
    return sessionOf(this).notices.listeners.add("state", handler);
  }
  /** @param {(error: unknown) => void} handler */
  onError(handler) {
    return sessionOf(this).notices.listeners.add("error", handler);
  }
  /** @param {(room: AnyRoom) => void} handler */
  onJoined(handler) {
    return sessionOf(this).notices.listeners.add("joined", handler);
  }
  /** @param {(room: Public.RoomInfo) => void} handler */
  onRoomCreated(handler) {
    return sessionOf(this).notices.listeners.add("roomCreated", handler);
  }
  /** @param {(room: { roomId: string }) => void} handler */
  onRoomDeleted(handler) {
    return sessionOf(this).notices.listeners.add("roomDeleted", handler);
  }
  /** @param {(history: Public.RoomHistory<any>) => void} handler */
  onHistory(handler) {
    return sessionOf(this).notices.listeners.add("history", handler);
  }
  /** @param {(direct: { event: string, data: unknown }) => void} handler */
  onDirect(handler) {
    return sessionOf(this).notices.listeners.add("direct", handler);
  }
}

/**
 * @param {DialogueClient} client
 * @returns {Session}
 */
function sessionOf(client) {
  return internalsOf(client).session;
}

/**
 * @param {DialogueClient} client
 * @returns {Engine}
 */
function engineOf(client) {
  return internalsOf(client).engine;
}
