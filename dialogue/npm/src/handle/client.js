// The handle of a client: the public class. It holds no state.

import { configOf } from "../config.js";
import { Engine } from "../engine.js";
import { Session } from "../session.js";
import { JoinedRoom } from "./joined.js";
/** @import * as Public from "../../client.js" */
/** @import { AnyRoom } from "../rooms/hold.js" */

const MAX_LISTED = 10_000;

/** @implements {Public.DialogueClient<any>} */
export class DialogueClient {
  #session;
  #engine;

  /** @param {Public.ClientOptions} [options] */
  constructor(options = {}) {
    const config = configOf(options);
    this.#session = new Session(config, (room, hold) => new JoinedRoom(this.#session, room, hold));
    this.#engine = new Engine(config, this.#session);
  }

  get userId() {
    return this.#session.userId;
  }
  get clientId() {
    return this.#session.clientId;
  }
  get fingerprint() {
    return this.#session.fingerprint;
  }
  get connected() {
    return this.#session.connected;
  }
  get state() {
    return this.#session.state;
  }
  get rooms() {
    return this.#session.rooms.handles();
  }

  connect() {
    return this.#engine.connect();
  }
  disconnect() {
    this.#engine.disconnect();
  }

  /**
   * @param {string} id
   * @param {{ subscriptions?: readonly string[] }} [options]
   * @returns {Promise<AnyRoom>}
   */
  async join(id, { subscriptions } = {}) {
    return this.#session.join(id, subscriptions);
  }

  /** @param {string} id */
  getRoom(id) {
    return this.#session.rooms.get(id)?.handle;
  }

  /** @returns {Promise<Public.RoomInfo[]>} */
  async listRooms({ limit = MAX_LISTED } = {}) {
    /** @type {Public.RoomInfo[]} */
    const rooms = [];
    let page;
    do {
      page = await this.#session.request({ type: "listRooms", after: rooms.at(-1)?.id });
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
    return (await this.#session.request(frame, { repeat: false })).room;
  }

  /** @param {string} id */
  async deleteRoom(id) {
    await this.#session.request({ type: "deleteRoom", roomId: id }, { repeat: false });
  }

  /** @param {(connected: Public.Connected) => void} handler */
  onConnect(handler) {
    return this.#session.notices.listeners.add("connect", handler);
  }
  /** @param {(disconnected: Public.Disconnected) => void} handler */
  onDisconnect(handler) {
    return this.#session.notices.listeners.add("disconnect", handler);
  }
  /** @param {(change: Public.StateChange) => void} handler */
  onStateChange(handler) {
    return this.#session.notices.listeners.add("state", handler);
  }
  /** @param {(error: unknown) => void} handler */
  onError(handler) {
    return this.#session.notices.listeners.add("error", handler);
  }
  /** @param {(room: AnyRoom) => void} handler */
  onJoined(handler) {
    return this.#session.notices.listeners.add("joined", handler);
  }
  /** @param {(room: Public.RoomInfo) => void} handler */
  onRoomCreated(handler) {
    return this.#session.notices.listeners.add("roomCreated", handler);
  }
  /** @param {(room: { roomId: string }) => void} handler */
  onRoomDeleted(handler) {
    return this.#session.notices.listeners.add("roomDeleted", handler);
  }
  /** @param {(history: Public.RoomHistory<any>) => void} handler */
  onHistory(handler) {
    return this.#session.notices.listeners.add("history", handler);
  }
  /** @param {(direct: { event: string, data: unknown }) => void} handler */
  onDirect(handler) {
    return this.#session.notices.listeners.add("direct", handler);
  }
}
