// The rooms that a client is in: how it enters, rejoins and leaves them. `rooms/room.js` has the state of one room.

import { growingPause, pause } from "./backoff.js";
import { notInRoom } from "./error.js";
import { TrackedRoom } from "./rooms/room.js";
import { monotonicTime } from "./timer.js";
/** @import { DialogueError } from "./error.js" */
/** @import { Frame } from "./link.js" */
/** @import { Notices } from "./notice.js" */
/** @import { Pending } from "./pending.js" */
/** @import { Move, RequestOptions } from "./pending/entry.js" */
/** @import { AnyRoom, Hold } from "./rooms/hold.js" */
/** @import { Timer } from "./timer.js" */

/** After these, the client is out of the room, or leaving it again would not help. */
const NOT_LEFT_AGAIN = ["DISCONNECTED", "NOT_IN_ROOM", "ROOM_NOT_FOUND", "INVALID_REQUEST"];

/** The server has decided that the client may not rejoin. */
const REFUSED = ["JOIN_DENIED", "EVENT_NOT_ALLOWED", "PERMISSION_DENIED", "INVALID_REQUEST"];

/** The client cannot rejoin now: a server that has just started creates its rooms, and seats become free. */
const MISSING = ["ROOM_NOT_FOUND", "ROOM_FULL", "LIMIT_EXCEEDED"];
const MISSING_FOR_MS = 5 * 60_000; // then these are final, too

/**
 * @typedef UnwantedRoom
 * @property {() => void} leave tries to leave it
 * @property {() => void} done tells the program that the client need not leave it any more
 * @property {Timer} timer for the next attempt
 */

/** The rooms by id. */
export class JoinedRooms {
  /** @type {Map<string, TrackedRoom>} */
  #rooms = new Map();
  /** @type {Map<string, number>} */
  #expected = new Map(); // how many joins of a room have no result yet
  /** @type {Map<string, UnwantedRoom>} */
  #unwanted = new Map(); // rooms where the server may have the client as a member although nobody holds them
  #notices;
  #pending;
  #toHandle;

  /**
   * @param {Notices} notices
   * @param {Pending} pending
   * @param {(room: TrackedRoom, hold: Hold) => AnyRoom} toHandle
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

  /** The oldest handle of each room. */
  handles() {
    return [...this.#rooms.values()].flatMap(({ handle }) => handle ?? []);
  }

  // ---- Joining and rejoining --------------------------------------------------------------------------------------

  /**
   * The program joins a room. Until `unexpect`, the client does not leave the room, whoever gives up a hold on it.
   *
   * @param {string} id
   */
  expect(id) {
    this.#expected.set(id, (this.#expected.get(id) ?? 0) + 1);
  }

  /** @param {string} id */
  unexpect(id) {
    const left = (this.#expected.get(id) ?? 0) - 1;
    if (left > 0) return this.#expected.set(id, left);
    this.#expected.delete(id);
    const room = this.#rooms.get(id);
    return room ? this.#leaveUnheld(room) : this.#leaveUnwanted(id);
  }

  /**
   * Handles the answer to a join of the program. Returns a handle for each call that it answers.
   *
   * @param {Frame} frame
   * @param {Move} move
   */
  entered(frame, { handles, excluded }) {
    const room = this.#rooms.get(frame.roomId);
    if (room && excluded) room.excluded = new Set(excluded);
    const given = this.joined(frame, handles);
    if (room && excluded) this.#unsubscribeExcluded(room, frame.except);
    return given;
  }

  /**
   * @param {Frame} frame
   * @param {number} [handles] how many new handles it gives, besides the one for a room that the server joined
   */
  joined(frame, handles = 0) {
    this.#forgetUnwanted(frame.roomId);
    const tracked = this.#rooms.get(frame.roomId);
    if (tracked) {
      this.#joinedAgain(tracked, frame);
      return tracked.admit(frame.events, handles);
    }
    const room = new TrackedRoom(frame.roomId, this.#notices, this.#toHandle);
    this.#rooms.set(frame.roomId, room);
    return room.begin(frame, Math.max(handles, 1));
  }

  /**
   * @param {TrackedRoom} room
   * @param {Frame} frame
   */
  #joinedAgain(room, frame) {
    const { state } = room;
    const { epoch } = room.position;
    const recovered = room.enter(frame);
    if (room.position.epoch !== epoch) this.#pending.rejectTriggers("the room's epoch has changed", room);
    // Before any handler is called: the requests of handlers follow the requests that were already waiting.
    if (room.state !== state) this.#rejoined(room, frame.except);
    room.joined(frame, recovered);
    // The server has joined the client by itself, so the client's own rejoin can succeed now.
    if (room.state === "rejoining") room.retry?.();
  }

  /**
   * Handles a `joined` that the application may no longer wait for. In a room that the client is in, it counts like any
   * other `joined`, since the server never repeats one. The client leaves any other room, unless the application has
   * asked to join it again.
   *
   * @param {Frame} frame
   */
  joinedLate(frame) {
    const id = frame.roomId;
    if (this.#rooms.has(id)) return void this.joined(frame);
    const done = () => {};
    this.#unwanted.set(id, { leave: () => this.#leave(id, done), done, timer: undefined });
    this.#leaveUnwanted(id);
  }

  rejoinAll() {
    for (const room of this.#rooms.values()) if (!room.leaving) this.#rejoin(room);
  }

  /** @param {TrackedRoom} room */
  #rejoin(room, attempt = 0) {
    const { link } = this.#pending;
    const frame = { type: "join", roomId: room.id, ...room.rejoin(this.#pending.maxBytes) };
    const toResult = (/** @type {Frame} */ joined) => this.joinedLate(joined);
    room.wasCreated = false;
    this.#pending.add(frame, { repeat: false, unbounded: true, toResult }).catch((error) => {
      const isDue = () => link === this.#pending.link && room.state === "rejoining" && !room.leaving;
      if (!isDue()) return; // the next connection tries again
      if (isFinal(room, error)) return this.#rejoinFailed(room, error);
      room.retryIn(room.wasCreated ? 0 : growingPause(error, attempt), () => isDue() && this.#rejoin(room, attempt + 1));
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

  /**
   * Gives up a hold on a room. The client leaves the room when nobody has a hold on it, or waits for one.
   *
   * @param {TrackedRoom} room
   * @param {Hold} hold
   */
  release(room, hold) {
    if (hold.isOver) return hold.leaving;
    room.release(hold);
    hold.leaving = this.#leaveUnheld(room);
    return hold.leaving;
  }

  /** @param {TrackedRoom} room */
  #leaveUnheld(room) {
    if (room.isHeld || room.state === "left" || this.#expected.has(room.id)) return undefined;
    const onFailure = () => this.left(room, undefined, notInRoom(room.id));
    // The server forgets memberships when the connection ends.
    if (!this.#pending.canSend()) return void onFailure();
    this.#pending.endHold(room); // what waits in the room is sent before the leave
    room.leaving ??= new Promise((resolve) => {
      const done = () => resolve(undefined);
      this.#leave(room.id, done, { move: { roomId: room.id, leaves: true }, onFailure });
    });
    return room.leaving;
  }

  /**
   * Leaves a room where the server has the client as a member. Tries again until that succeeds, the connection ends, or
   * the program joins the room.
   *
   * @param {string} id
   * @param {() => void} done
   * @param {RequestOptions} [options]
   */
  #leave(id, done, options, attempt = 0) {
    const { link } = this.#pending;
    const sending = this.#pending.add({ type: "leave", roomId: id }, { repeat: false, unbounded: true, ...options });
    sending.then(done, (error) => {
      if (link !== this.#pending.link || this.#rooms.has(id) || NOT_LEFT_AGAIN.includes(error.code)) return done();
      const leave = () => this.#leave(id, done, undefined, attempt + 1);
      this.#unwanted.set(id, { leave, done, timer: setTimeout(() => this.#leaveUnwanted(id), pause(error, attempt)) });
    });
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
  #leaveUnwanted(id) {
    const unwanted = this.#unwanted.get(id);
    if (!unwanted || this.#expected.has(id)) return;
    clearTimeout(unwanted.timer);
    this.#unwanted.delete(id);
    unwanted.leave();
  }

  /** @param {string} id */
  #forgetUnwanted(id) {
    const unwanted = this.#unwanted.get(id);
    clearTimeout(unwanted?.timer);
    this.#unwanted.delete(id);
    unwanted?.done();
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
  room.missingSince ??= monotonicTime();
  return monotonicTime() - room.missingSince >= MISSING_FOR_MS;
}
