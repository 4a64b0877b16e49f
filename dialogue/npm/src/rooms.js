// The rooms that a client is in: how it enters, rejoins and leaves them. `rooms/room.js` has the state of one room.

import { pause } from "./backoff.js";
import { notInRoom } from "./error.js";
import { TrackedRoom } from "./rooms/room.js";
/** @import { DialogueError } from "./error.js" */
/** @import { Frame } from "./link.js" */
/** @import { Notices } from "./notice.js" */
/** @import { Pending } from "./pending.js" */
/** @import { AnyRoom } from "./rooms/room.js" */
/** @import { Timer } from "./timer.js" */

const RETRYABLE = ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL", "TIMEOUT"]; // a leave may succeed after these

/** The server has decided that the client may not rejoin. */
const REFUSED = ["JOIN_DENIED", "EVENT_NOT_ALLOWED", "PERMISSION_DENIED", "INVALID_REQUEST"];

/** The client cannot rejoin now: a server that has just started creates its rooms, and seats become free. */
const MISSING = ["ROOM_NOT_FOUND", "ROOM_FULL", "LIMIT_EXCEEDED"];
const MISSING_FOR_MS = 5 * 60_000; // then these are final, too

/** The rooms by id. */
export class JoinedRooms {
  /** @type {Map<string, TrackedRoom>} */
  #rooms = new Map();
  /** @type {Map<string, Timer>} */
  #unwanted = new Map(); // rooms where the server has the client as a member although the client gave up the join
  #notices;
  #pending;
  #toHandle;

  /**
   * @param {Notices} notices
   * @param {Pending} pending
   * @param {(room: TrackedRoom) => AnyRoom} toHandle
   */
  constructor(notices, pending, toHandle) {
    this.#notices = notices;
    this.#pending = pending;
    this.#toHandle = toHandle;
  }

  /** @param {string} id */
  get(id) {
    return this.#rooms.get(id);
  }

  handles() {
    return [...this.#rooms.values()].map((room) => room.handle);
  }

  // ---- Joining and rejoining --------------------------------------------------------------------------------------

  /** @param {Frame} frame */
  joined(frame) {
    this.#forgetUnwanted(frame.roomId);
    let room = this.#rooms.get(frame.roomId);
    if (!room) {
      room = new TrackedRoom(frame.roomId, this.#notices, this.#toHandle);
      this.#rooms.set(frame.roomId, room);
      room.begin(frame);
      this.#notices.notify("joined", room.handle);
      return room.handle;
    }
    const { state } = room;
    const { epoch } = room.position;
    const recovered = room.enter(frame);
    if (room.position.epoch !== epoch) this.#pending.rejectTriggers("the room's epoch has changed", room);
    // Before any handler is called: the requests of handlers follow the requests that were already waiting.
    if (room.state !== state) this.#rejoined(room, frame.except);
    room.joined(frame, recovered);
    return room.handle;
  }

  /**
   * Handles a `joined` that the application may no longer wait for. In a room that the client is in, it counts like any
   * other `joined`, since the server never repeats one. The client leaves any other room, unless the application has
   * asked to join it again.
   *
   * @param {Frame} frame
   */
  joinedLate(frame) {
    if (this.#rooms.has(frame.roomId)) return this.joined(frame);
    this.#unwanted.set(frame.roomId, undefined);
    this.leaveUnwanted(frame.roomId);
  }

  rejoinAll() {
    for (const room of this.#rooms.values()) if (!room.leaving) this.#rejoin(room);
  }

  /** @param {TrackedRoom} room */
  #rejoin(room, attempt = 0) {
    const { link } = this.#pending;
    const frame = { type: "join", roomId: room.id, ...room.rejoin() };
    const toResult = (/** @type {Frame} */ joined) => this.joinedLate(joined);
    room.wasCreated = false;
    this.#pending.add(frame, { repeat: false, unbounded: true, toResult }).catch((error) => {
      const isDue = () => link === this.#pending.link && room.state === "rejoining" && !room.leaving;
      if (!isDue()) return; // the next connection tries again
      if (isFinal(room, error)) return this.#rejoinFailed(room, error);
      room.retryIn(room.wasCreated ? 0 : pause(error, attempt), () => isDue() && this.#rejoin(room, attempt + 1));
    });
  }

  /**
   * A room has been created. If the client waits to rejoin it, it does so at once.
   *
   * @param {string} id
   */
  created(id) {
    const room = this.#rooms.get(id);
    if (!room) return;
    room.wasCreated = true;
    room.retry?.();
  }

  /**
   * The client cannot rejoin. It has left the room, unless the server has joined it to the room anyway.
   *
   * @param {TrackedRoom} room
   * @param {DialogueError} error
   */
  #rejoinFailed(room, error) {
    if (!room.serverSubscriptions) return this.left(room, error.code, error);
    room.settle([...room.serverSubscriptions]);
    this.#rejoined(room);
    this.#notices.report(error);
  }

  /**
   * @param {TrackedRoom} room
   * @param {string[]} [except]
   */
  #rejoined(room, except) {
    this.#unsubscribeExcluded(room, except);
    this.#pending.sendWaiting();
  }

  /**
   * Unsubscribes from the excluded events again, because the wildcard of a new membership covers all events but those
   * that the server took as exceptions. If that fails, the client still delivers none of these events.
   *
   * @param {TrackedRoom} room
   * @param {string[]} [except]
   */
  #unsubscribeExcluded(room, except = []) {
    for (const event of room.excluded) {
      if (except.includes(event)) continue;
      const frame = { type: "unsubscribe", roomId: room.id, event };
      this.#pending.add(frame, { repeat: false, unbounded: true, room }).catch(() => {});
    }
  }

  linkLost() {
    for (const id of this.#unwanted.keys()) this.#forgetUnwanted(id);
    for (const room of this.#rooms.values()) room.linkLost();
  }

  // ---- Leaving ----------------------------------------------------------------------------------------------------

  /** @param {TrackedRoom} room */
  leave(room) {
    if (room.state === "left") return;
    // The server forgets memberships when the connection ends.
    if (!this.#pending.canSend()) return this.left(room, undefined, notInRoom(room.id));
    room.leaving ??= this.#pending
      .add({ type: "leave", roomId: room.id }, { repeat: false, unbounded: true, move: { roomId: room.id } })
      .catch((error) => {
        if (!["DISCONNECTED", "NOT_IN_ROOM", "ROOM_NOT_FOUND"].includes(error.code)) {
          room.leaving = undefined;
          room.mayBeLeft = error.code === "TIMEOUT";
          this.#pending.sendWaiting();
          // A rejoin may have been dropped meanwhile, because the client was leaving.
          if (this.#pending.canSend() && room.state === "rejoining") this.#rejoin(room);
          throw error;
        }
        this.left(room, undefined, notInRoom(room.id));
      });
    return room.leaving;
  }

  /** @param {DialogueError} error */
  leaveAll(error) {
    for (const room of [...this.#rooms.values()]) this.left(room, undefined, error);
  }

  /**
   * @param {TrackedRoom} room
   * @param {string | undefined} reason
   * @param {DialogueError} error
   */
  left(room, reason, error) {
    if (this.#rooms.get(room.id) === room) this.#rooms.delete(room.id);
    this.#pending.left(room, error);
    room.left(reason);
  }

  /** @param {string} id */
  leaveUnwanted(id, attempt = 0) {
    if (this.#pending.lastMove(id)?.joining || !this.#forgetUnwanted(id)) return;
    const { link } = this.#pending;
    this.#pending.add({ type: "leave", roomId: id }, { repeat: false, unbounded: true }).catch((error) => {
      if (link !== this.#pending.link || this.#rooms.has(id) || !RETRYABLE.includes(error.code)) return;
      this.#unwanted.set(id, setTimeout(() => this.leaveUnwanted(id, attempt + 1), pause(error, attempt)));
    });
  }

  /**
   * Returns whether the room was unwanted.
   *
   * @param {string} id
   */
  #forgetUnwanted(id) {
    clearTimeout(this.#unwanted.get(id));
    return this.#unwanted.delete(id);
  }
}

/**
 * Whether the client must not try to rejoin a room again after this error.
 *
 * @param {TrackedRoom} room
 * @param {DialogueError} error
 */
function isFinal(room, { code }) {
  if (REFUSED.includes(code)) return true;
  if (!MISSING.includes(code)) return false;
  if (room.serverSubscriptions) return true; // the client is in the room, so nothing has to become possible first
  room.missingSince ??= performance.now();
  return performance.now() - room.missingSince >= MISSING_FOR_MS;
}
