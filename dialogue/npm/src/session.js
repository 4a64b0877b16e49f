// A client's session with a server: how it reacts to frames, requests, a lost connection, and time.

import { backoff, pause } from "./backoff.js";
import { MAX_PENDING, TIMEOUT_MS, socketUrl } from "./config.js";
import { DialogueError, disconnected, notInRoom } from "./error.js";
import { HandlerQueue } from "./handler.js";
import { Connection } from "./link.js";
import { Listeners, reportGlobally } from "./listeners.js";
import { Requests } from "./pending.js";
import { Membership } from "./rooms/room.js";
import { AUTH_WITHIN_MS, CONNECT_ID, FINAL_REFUSALS, PROTOCOL } from "./sign_in.js";
import { isFinal } from "./state.js";
import { LONGEST_TIMER_MS } from "./timer.js";
/** @import * as Public from "../client.js" */
/** @import { Frame } from "./link.js" */
/** @import { Move, RequestOptions } from "./pending.js" */
/** @import { AnyRoom } from "./rooms/room.js" */
/** @import { Timer } from "./timer.js" */

const STABLE_AFTER_MS = 60_000; // a connection that lasted this long resets the doubling
const REJOIN_ATTEMPTS = 8;
const RETRYABLE = ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL", "TIMEOUT"];

/** The time from `connect` to `disconnect`: the client reconnects and rejoins its rooms as often as needed. */
export class Session {
  /** @type {Public.ConnectionState} */
  state = "closed";
  /** @type {string | undefined} */
  userId;
  /** @type {string | undefined} */
  clientId;
  /** @type {string | undefined} */
  fingerprint;
  /** @type {Map<string, Membership>} */
  rooms = new Map();
  #handlerQueue = new HandlerQueue();
  listeners = new Listeners((error) => this.report(error));

  #url;
  #auth;
  #WebSocket;
  #toHandle;
  #requests;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Deferred | null} */
  #opening = null; // the promise that `connect` returned
  #dials = 0; // distinguishes the current attempt to connect from abandoned ones
  #attempt = 0;
  #connectedAt = 0;
  /** @type {Timer} */
  #retryTimer;
  /** @type {Timer} */
  #renewalTimer;
  /** @type {Timer} */
  #authTimer; // runs while `auth` is awaited
  /** @type {Map<string, Timer>} */
  #unwantedRooms = new Map(); // rooms where the server has the client as a member although the client gave up the join
  /** @type {string | undefined} */
  #resume; // lets the next connection replace a lost one
  /** @type {DialogueError | undefined} */
  #refusal; // why `connect` was refused

  /**
   * @param {Public.ClientOptions} options
   * @param {(session: Session, room: Membership) => AnyRoom} toHandle
   */
  constructor({ url, auth, WebSocket = globalThis.WebSocket, timeout = TIMEOUT_MS, maxPending = MAX_PENDING }, toHandle) {
    if (!WebSocket) {
      throw new TypeError("no global WebSocket: pass the option `WebSocket`, such as the class of the package `ws`");
    }
    this.#url = socketUrl(url);
    this.#auth = auth;
    this.#WebSocket = WebSocket;
    this.#toHandle = toHandle;
    this.#requests = new Requests(Math.min(timeout, TIMEOUT_MS), maxPending);
  }

  get connected() {
    return this.state === "connected";
  }

  /** @returns {Promise<void>} */
  connect() {
    if (this.connected) return Promise.resolve();
    this.#opening ??= new Deferred();
    const { promise } = this.#opening;
    if (this.state !== "connecting") this.#dial();
    return promise;
  }

  disconnect() {
    this.#resume = undefined;
    this.#attempt = 0;
    const error = disconnected("`disconnect` was called");
    this.#handlerQueue.during(() => {
      for (const room of [...this.rooms.values()]) this.#left(room, undefined, error);
      this.#end(1000, "", error, true);
      this.userId = undefined;
    });
  }

  /**
   * @param {string} id
   * @param {readonly string[]} [subscriptions]
   */
  join(id, subscriptions) {
    const room = this.rooms.get(id);
    const isMember = room && !room.leaving && !room.mayBeLeft;
    if (isMember && !subscriptions) return room.handle;
    const names = subscriptions && JSON.stringify(subscriptions);
    // History is delivered once. Calls that join at the same time share one join, so that each caller receives it. A
    // component that is mounted twice makes such calls.
    const last = this.#requests.lastMove(id);
    if (!isMember && last?.joining && (!names || names === last.names)) return last.joining;
    const toResult = (/** @type {Frame} */ joined) => {
      if (subscriptions) this.rooms.get(id)?.clearExcluded();
      return this.#joined(joined);
    };
    /** @type {Move} */
    const move = { roomId: id, names };
    const options = { room: isMember ? room : undefined, move, toResult };
    move.joining = this.request({ type: "join", roomId: id, subscriptions }, options);
    move.joining.catch(() => this.#leaveUnwanted(id));
    return move.joining;
  }

  /** @param {Membership} room */
  leave(room) {
    if (room.state === "left") return;
    // The server forgets memberships when the connection ends.
    if (!this.connected) return this.#left(room, undefined, notInRoom(room.id));
    room.leaving ??= this.#requests
      .add({ type: "leave", roomId: room.id }, { repeat: false, unbounded: true, move: { roomId: room.id } }, this)
      .catch((error) => {
        if (!["DISCONNECTED", "NOT_IN_ROOM", "ROOM_NOT_FOUND"].includes(error.code)) {
          room.leaving = undefined;
          room.mayBeLeft = error.code === "TIMEOUT";
          this.#requests.sendWaiting(this);
          // A rejoin may have been dropped meanwhile, because the client was leaving.
          if (this.connected && room.state === "rejoining") this.#rejoin(room);
          throw error;
        }
        this.#left(room, undefined, notInRoom(room.id));
      });
    return room.leaving;
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} [options]
   */
  request(frame, options = {}) {
    if (this.state === "closed") return Promise.reject(disconnected("not connected: call `connect` first"));
    return this.#requests.add(frame, options, this);
  }

  /**
   * Whether the server could answer a request now. It cannot without a connection. In a room, it cannot before the room
   * is rejoined or after the request to leave it.
   *
   * @param {Membership} [room]
   */
  canSend(room) {
    return this.connected && (!room || (room.state === "joined" && !room.leaving));
  }

  /** @param {string} text */
  send(text) {
    this.#connection?.send(text);
  }

  /** @param {unknown} error */
  report(error) {
    if (!this.listeners.has("error")) reportGlobally(error);
    else this.#notify("error", error);
  }

  /**
   * @param {string} name
   * @param {unknown} argument
   */
  #notify(name, argument) {
    this.#handlerQueue.add(() => this.listeners.call(name, argument));
  }

  // ---- Connecting and reconnecting --------------------------------------------------------------------------------

  async #dial() {
    const dial = ++this.#dials;
    clearTimeout(this.#retryTimer);
    this.#refusal = undefined;
    this.#setState({ state: "connecting" });
    if (dial !== this.#dials) return;
    let auth;
    try {
      auth = await this.#credentials();
    } catch (error) {
      if (dial !== this.#dials) return;
      if (error instanceof DialogueError && error.code === "UNAUTHENTICATED") return this.#end(1000, "", error);
      return this.#handlerQueue.during(() => {
        this.report(error);
        this.#wait(1006);
      });
    }
    if (dial !== this.#dials) return;
    try {
      const resume = this.#resume;
      const connect = JSON.stringify({ type: "connect", id: CONNECT_ID, protocol: PROTOCOL, auth, resume });
      const socket = new this.#WebSocket(this.#url);
      this.#connection = new Connection(socket, connect, this.#onFrame.bind(this), this.#onLost.bind(this));
    } catch (cause) {
      // No socket can be opened at this address, or `auth` isn't JSON. The next attempt would fail, too.
      this.#end(1006, "", new DialogueError({ code: "CLOSED", message: String(cause), closeCode: 1006, cause }));
    }
  }

  /** @returns {Promise<Public.Auth>} */
  #credentials() {
    const auth = this.#auth;
    if (typeof auth !== "function") return Promise.resolve(auth);
    return new Promise((resolve, reject) => {
      const message = `the function \`auth\` did not answer within ${AUTH_WITHIN_MS / 1_000} s`;
      const giveUp = () => reject(new DialogueError({ code: "TIMEOUT", message }));
      const timer = setTimeout(giveUp, AUTH_WITHIN_MS);
      this.#authTimer = timer;
      const answer = (async () => auth())();
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** @param {Frame} connected */
  #onConnected(connected) {
    const again = this.userId !== undefined;
    const anotherUser = again && this.userId !== connected.userId;
    this.#connection?.startKeepAlive(connected.pingInterval);
    this.#connectedAt = performance.now();
    this.userId = connected.userId;
    this.clientId = connected.clientId;
    this.fingerprint = connected.fingerprint;
    this.#requests.maxBytes = connected.maxMessageBytes;
    this.#renewed(connected);
    if (anotherUser) this.#requests.rejectTriggers("the user has changed");
    const opening = this.#opening;
    this.#opening = null;
    this.#handlerQueue.during(() => {
      this.#setState({ state: "connected" });
      this.#notify("connect", { userId: connected.userId, clientId: connected.clientId, again });
      for (const room of this.rooms.values()) if (!room.leaving) this.#rejoin(room);
      this.#requests.sendWaiting(this);
      opening?.resolve();
    });
  }

  /** @param {Frame} connected */
  #renewed({ resume, expiresIn }) {
    this.#resume = resume;
    clearTimeout(this.#renewalTimer);
    if (expiresIn !== undefined) this.#renewIn(0.9 * expiresIn, performance.now() + expiresIn);
  }

  /**
   * @param {number} delay
   * @param {number} expiresAt
   */
  #renewIn(delay, expiresAt) {
    this.#renewalTimer = setTimeout(() => this.#renew(expiresAt), Math.min(delay, LONGEST_TIMER_MS));
  }

  /** @param {number} expiresAt */
  async #renew(expiresAt) {
    const connection = this.#connection;
    try {
      const auth = await this.#credentials();
      if (connection !== this.#connection) return;
      const onAnswer = (/** @type {Frame} */ connected) => this.#renewed(connected);
      const connect = { type: "connect", protocol: PROTOCOL, auth };
      await this.#requests.add(connect, { repeat: false, unbounded: true, onAnswer }, this);
    } catch (error) {
      if (connection !== this.#connection) return;
      this.#handlerQueue.during(() => {
        this.report(error);
        // The session is valid until it expires. Try again while there is time; after that, the server closes with 4001.
        const left = expiresAt - performance.now();
        if (left > 2_000) this.#renewIn(left / 2, expiresAt);
      });
    }
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #onLost(code, reason) {
    const refusal = this.#refusal;
    if (isFinal(code) || refusal) {
      const message = reason || `the server closed the connection with code ${code}`;
      return this.#end(code, reason, refusal ?? new DialogueError({ code: "CLOSED", message, closeCode: code }));
    }
    if (this.connected && performance.now() - this.#connectedAt >= STABLE_AFTER_MS) this.#attempt = 0;
    this.#wait(code, reason);
  }

  /** Waits for the next attempt. With full jitter, the clients of a server that restarts do not all reconnect at once. */
  #wait(code = 1006, reason = "") {
    const delay = backoff(this.#attempt++);
    this.#retryTimer = setTimeout(() => this.#dial(), delay);
    this.#dropConnection({ state: "waiting", delay, code }, reason);
  }

  /**
   * Closes and does not reconnect until `connect` is called again.
   *
   * @param {number} code
   * @param {string} reason
   * @param {DialogueError} error
   */
  #end(code, reason, error, asked = false) {
    this.#dials += 1;
    clearTimeout(this.#retryTimer);
    const opening = this.#opening;
    this.#opening = null;
    this.#requests.rejectAll(error);
    if (this.state !== "closed") this.#dropConnection({ state: "closed", code, error: asked ? undefined : error }, reason);
    opening?.reject(error);
  }

  /**
   * @param {Public.StateChange} change
   * @param {string} reason
   */
  #dropConnection(change, reason) {
    const wasConnected = this.connected;
    this.#connection?.close();
    this.#connection = null;
    clearTimeout(this.#renewalTimer);
    clearTimeout(this.#authTimer);
    this.clientId = undefined;
    for (const id of this.#unwantedRooms.keys()) this.#forgetUnwanted(id);
    for (const room of this.rooms.values()) room.lost();
    this.#requests.lost();
    const { code = 1006, state } = change;
    this.#handlerQueue.during(() => {
      this.#setState(change);
      if (wasConnected) this.#notify("disconnect", { code, reason, willReconnect: state === "waiting" });
    });
  }

  /** @param {Public.StateChange} change */
  #setState(change) {
    this.state = change.state;
    this.#notify("state", change);
  }

  // ---- Joining and rejoining rooms --------------------------------------------------------------------------------

  /** @param {Membership} room */
  #rejoin(room, attempt = 0) {
    const connection = this.#connection;
    const frame = { type: "join", roomId: room.id, ...room.position() };
    const toResult = (/** @type {Frame} */ joined) => this.#joinedLate(joined);
    this.#requests.add(frame, { repeat: false, unbounded: true, toResult }, this).catch((error) => {
      const isDue = () => connection === this.#connection && room.state === "rejoining" && !room.leaving;
      if (!isDue()) return; // the next connection tries again
      if (!RETRYABLE.includes(error.code) || attempt === REJOIN_ATTEMPTS) return this.#rejoinFailed(room, error);
      room.retryTimer = setTimeout(() => isDue() && this.#rejoin(room, attempt + 1), pause(error, attempt));
    });
  }

  /**
   * The client cannot rejoin. It has left the room, unless the server has joined it to the room anyway.
   *
   * @param {Membership} room
   * @param {DialogueError} error
   */
  #rejoinFailed(room, error) {
    if (!room.serverSubscriptions) return this.#left(room, error.code, error);
    room.settle([...room.serverSubscriptions]);
    this.#rejoined(room);
    this.report(error);
  }

  /** @param {Membership} room */
  #rejoined(room) {
    this.#unsubscribeExcluded(room);
    this.#requests.sendWaiting(this);
  }

  /**
   * Unsubscribes from the excluded events again, because the wildcard of a new membership covers all events. If that
   * fails, the client still delivers none of these events.
   *
   * @param {Membership} room
   */
  #unsubscribeExcluded(room) {
    for (const event of room.excluded) {
      const frame = { type: "unsubscribe", roomId: room.id, event };
      this.#requests.add(frame, { repeat: false, unbounded: true, room }, this).catch(() => {});
    }
  }

  /** @param {Frame} frame */
  #joined(frame) {
    this.#forgetUnwanted(frame.roomId);
    let room = this.rooms.get(frame.roomId);
    if (!room) {
      const report = (/** @type {unknown} */ error) => this.report(error);
      const handle = (/** @type {Membership} */ membership) => this.#toHandle(this, membership);
      room = new Membership(frame.roomId, this.#handlerQueue, this.listeners, report, handle);
      this.rooms.set(frame.roomId, room);
      room.begin(frame);
      this.#notify("joined", room.handle);
      return room.handle;
    }
    const { epoch, state } = room;
    const recovered = room.enter(frame);
    if (room.epoch !== epoch) this.#requests.rejectTriggers("the room's epoch has changed", room);
    // Before any handler is called: the requests of handlers follow the requests that were already waiting.
    if (room.state !== state) this.#rejoined(room);
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
  #joinedLate(frame) {
    if (this.rooms.has(frame.roomId)) return this.#joined(frame);
    this.#unwantedRooms.set(frame.roomId, undefined);
    this.#leaveUnwanted(frame.roomId);
  }

  /** @param {string} id */
  #leaveUnwanted(id, attempt = 0) {
    if (this.#requests.lastMove(id)?.joining || !this.#forgetUnwanted(id)) return;
    const connection = this.#connection;
    this.#requests.add({ type: "leave", roomId: id }, { repeat: false, unbounded: true }, this).catch((error) => {
      if (connection !== this.#connection || this.rooms.has(id) || !RETRYABLE.includes(error.code)) return;
      this.#unwantedRooms.set(id, setTimeout(() => this.#leaveUnwanted(id, attempt + 1), pause(error, attempt)));
    });
  }

  /**
   * Returns whether the room was unwanted.
   *
   * @param {string} id
   */
  #forgetUnwanted(id) {
    clearTimeout(this.#unwantedRooms.get(id));
    return this.#unwantedRooms.delete(id);
  }

  /**
   * @param {Membership} room
   * @param {string | undefined} reason
   * @param {DialogueError} error
   */
  #left(room, reason, error) {
    if (this.rooms.get(room.id) === room) this.rooms.delete(room.id);
    this.#requests.left(room, error);
    room.left(reason);
  }

  // ---- Frames from the server -------------------------------------------------------------------------------------

  /** @param {Frame} frame */
  #onFrame(frame) {
    switch (frame.type) {
      case "event": {
        const { type, ...message } = frame;
        return this.rooms.get(frame.roomId)?.receive(/** @type {Public.EventMessage} */ (message));
      }
      case "connected":
        if (frame.id === CONNECT_ID) this.#onConnected(frame);
        // Even a late answer carries the secret that lets this client resume.
        else if (!this.#requests.answer(frame)) this.#renewed(frame);
        return;
      case "joined":
        if (frame.id === undefined) this.#joined(frame);
        else if (!this.#requests.answer(frame)) this.#joinedLate(frame);
        return;
      case "left": {
        const room = this.rooms.get(frame.roomId);
        if (room) this.#left(room, frame.reason, notInRoom(room.id));
        return this.#requests.answer(frame);
      }
      case "roomCreated":
        this.#requests.answer(frame);
        return this.#notify("roomCreated", frame.room);
      case "roomDeleted":
        this.#requests.answer(frame);
        return this.#notify("roomDeleted", { roomId: frame.roomId });
      case "direct":
        return this.#notify("direct", { event: frame.event, data: frame.data });
      case "error": {
        const error = new DialogueError(/** @type {any} */ (frame));
        if (frame.id === CONNECT_ID && !this.connected) return this.#refused(error);
        if (!this.#requests.answer(frame, error) && frame.id === undefined) this.report(error);
        return;
      }
      default:
        return this.#requests.answer(frame);
    }
  }

  /** @param {DialogueError} error */
  #refused(error) {
    if (FINAL_REFUSALS.includes(error.code)) this.#refusal = error;
    // The server still waits for a valid `connect`, but the client has no other.
    if (error.code === "INVALID_REQUEST") this.#onLost(1006, "");
  }
}

/** A promise that is settled from outside. */
class Deferred {
  resolve = () => {};
  /** @type {(error: DialogueError) => void} */
  reject = () => {};
  /** @type {Promise<void>} */
  promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
}
