// Generated from dialogue/npm/src by dialogue/npm/bundle.js. Edit the modules, then run the script.
//
// Dialogue's client for browsers and Node: one module without dependencies, served by the server itself. `client.d.ts`
// documents each public member. docs/protocol.md in the repository documents the wire protocol.
//
// From the outside in: `DialogueClient` and `JoinedRoom` are the public API and hold no state. `Engine` keeps the
// client connected from `connect` to `disconnect`, over any number of connections; `Link` is one of them. `Session`
// outlasts them: it has the rooms (`JoinedRooms`, a `TrackedRoom` for each, and a `Hold` for each handle of a room) and
// the requests that wait for an answer (`Pending`). `Outbox` and `Pacer` decide what is sent when, and `Wake` when to
// look at the connection at once. Each frame is handled completely in the call that delivers it, so no frame is queued.
// `maxPending` limits how many requests wait. Only `HandlerQueue` calls handlers, and only when the change that they
// report is complete, so a handler may call anything.
//
// A module has the name of the module in the Rust client (dialogue/src/client) that does the same. The Rust client also
// buffers events for each handler; here, handlers are called at once. Only the `Backlog` of a hold keeps events, until
// the program has attached its handlers.

/** @import * as Public from "./client.js" */

// ==== handle/client.js ====
// The handle of a client: the public class. It holds no state.

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

// ==== handle/joined.js ====
// The handle of a room that a client is in: the public class. It holds no state.

/** @implements {Public.JoinedRoom<any>} */
class JoinedRoom {
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

// ==== handle/internals.js ====
// Where handles keep what they hide. Frameworks with reactive state wrap each object that a program stores in a proxy,
// and a proxy has no private fields. So a handle has one hidden function, which works with any `this`: a proxy passes
// functions on as they are.

const INTERNALS = Symbol("internals");

/**
 * @param {object} handle
 * @param {unknown} internals
 */
function hide(handle, internals) {
  Object.defineProperty(handle, INTERNALS, { value: () => internals, configurable: true });
}

/**
 * What a handle hides, also if it is wrapped in a proxy.
 *
 * @param {any} handle
 */
function internalsOf(handle) {
  return handle[INTERNALS]();
}

// ==== engine.js ====
// The engine behind a client: it connects, signs in, and reconnects. `Renewals` keeps the session from expiring.
//
// Owns the link, its timers, and the promise of `connect`. The session reacts to frames and to a lost connection.

const SLOW_ATTEMPT_MS = 5_000; // an older attempt is given up for a new one when the client wakes

/** Keeps a session connected from `connect` to `disconnect`, over any number of connections. */
class Engine {
  #session;
  #config;
  #url = "";
  /** @type {Endpoint["WebSocket"] | undefined} */
  #WebSocket;
  #credentials;
  #renewals;
  /** @type {Link | null} */
  #link = null;
  /** @type {Deferred | null} */
  #opening = null; // the promise that `connect` returned
  #retries = true; // whether the client tries again if it cannot connect
  #dials = 0; // distinguishes the current attempt to connect from abandoned ones
  #attempt = 0;
  #waited = 0; // before the current connection, or the current attempt
  #dialedAt = 0; // by the wall clock, which goes on while a machine sleeps
  #connectedAt = 0;
  #onSleep = () => void (isHidden() || this.wake());
  #wake = new Wake(() => this.#onWake());
  #retryTimer = new SleepAwareTimer(this.#onSleep);
  /** @type {string | undefined} */
  #resume; // lets the next connection replace a lost one
  /** @type {DialogueError | undefined} */
  #refusal; // why the server has not signed the client in on this connection

  /**
   * @param {Config} config
   * @param {Session} session
   */
  constructor(config, session) {
    this.#session = session;
    this.#config = config;
    this.#credentials = new Credentials(config.auth);
    this.#renewals = new Renewals(session, this.#credentials, (connected) => this.#renewed(connected));
  }

  /**
   * @param {Public.ConnectOptions} [options]
   * @returns {Promise<void>}
   */
  connect({ retry = true } = {}) {
    if (this.#session.connected) return Promise.resolve();
    try {
      ({ url: this.#url, WebSocket: this.#WebSocket } = endpointOf(this.#config));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#retries = retry;
    this.#opening ??= new Deferred();
    const { promise } = this.#opening;
    this.#wake.start();
    if (this.#session.state !== "connecting") this.#dialAtOnce();
    return promise;
  }

  /** The network may be back, or the machine was asleep. */
  wake() {
    this.#wake.now();
  }

  #onWake() {
    const { state } = this.#session;
    if (state === "connected") return this.#link?.probe();
    this.#attempt = 0;
    if (state === "waiting") return this.#dialAtOnce();
    // The socket is probably from before the sleep, or from another network.
    if (this.#link && Date.now() - this.#dialedAt >= SLOW_ATTEMPT_MS) this.#dialAtOnce();
  }

  #dialAtOnce() {
    this.#waited = 0;
    this.#link?.close();
    this.#link = null;
    this.#dial();
  }

  disconnect() {
    this.#resume = undefined;
    this.#attempt = 0;
    const error = disconnected("`disconnect` was called");
    this.#during(() => {
      this.#session.rooms.leaveAll(error);
      this.#end(1000, "", error, true);
      this.#session.userId = undefined;
    });
  }

  async #dial() {
    const dial = ++this.#dials;
    this.#retryTimer.clear();
    this.#refusal = undefined;
    if (this.#session.state !== "connecting") this.#session.setState({ state: "connecting" });
    if (dial !== this.#dials) return;
    let auth;
    try {
      auth = await this.#credentials.obtain();
    } catch (error) {
      if (dial !== this.#dials) return;
      if (error instanceof DialogueError && error.code === "UNAUTHENTICATED") return this.#end(1000, "", error);
      return this.#during(() => {
        this.#session.notices.report(error);
        this.#retry(connectFailed(this.#url, { code: 1006, reason: "", opened: false, cause: error, isOfAuth: true }));
      });
    }
    if (dial !== this.#dials) return;
    try {
      const connect = greeting(auth, this.#resume);
      const WebSocket = /** @type {Endpoint["WebSocket"]} */ (this.#WebSocket);
      const socket = new WebSocket(this.#url);
      this.#dialedAt = Date.now();
      this.#link = new Link(socket, connect, this.#onFrame.bind(this), this.#onLost.bind(this), this.#onSleep);
    } catch (cause) {
      // No socket can be opened at this address, or `auth` isn't JSON. The next attempt would fail, too.
      const url = withoutSecrets(this.#url);
      const message = String(cause).split(this.#url).join(url);
      const failed = connectFailed(this.#url, { code: 1006, reason: "", opened: false, cause });
      this.#during(() => {
        this.#session.notices.reportFailedAttempt(failed);
        this.#end(1006, "", new DialogueError({ code: "CLOSED", message, url, closeCode: 1006, cause }));
      });
    }
  }

  /** @param {Frame} frame */
  #onFrame(frame) {
    const answersConnect = frame.id === CONNECT_ID;
    if (frame.type === "connected") {
      if (answersConnect) this.#onConnected(frame);
      // Even a late answer carries the secret that lets this client resume.
      else if (!this.#session.pending.answer(frame)) this.#renewed(frame);
    } else if (frame.type === "error" && answersConnect && !this.#session.connected) {
      this.#onRefused(new DialogueError(/** @type {any} */ (frame)));
    } else this.#session.frame(frame);
  }

  /** @param {Frame} connected */
  #onConnected(connected) {
    const link = /** @type {Link} */ (this.#link);
    link.setRate(rateOf(connected.rate));
    link.startKeepAlive(connected.pingInterval, connected.rate !== undefined);
    this.#connectedAt = monotonicTime();
    this.#refusal = undefined;
    this.#retries = true;
    this.#renewed(connected);
    const opening = this.#opening;
    this.#opening = null;
    this.#during(() => {
      this.#session.welcomed(connected, link);
      opening?.resolve();
    });
  }

  /** @param {DialogueError} error */
  #onRefused(error) {
    this.#refusal = error;
    // The server still waits for a valid `connect`, but the client has no other.
    if (error.code === "INVALID_REQUEST") this.#onLost({ code: 1006, reason: "", opened: true });
  }

  /** @param {Frame} connected */
  #renewed({ resume, expiresIn }) {
    this.#resume = resume;
    this.#renewals.start(expiresIn);
  }

  /** @param {Failure} end */
  #onLost(end) {
    const { code, reason } = end;
    const refusal = this.#refusal;
    if (!this.#session.connected) {
      const error = connectFailed(this.#url, { ...end, cause: refusal ?? end.cause });
      return this.#during(() => {
        this.#session.notices.reportFailedAttempt(error);
        if (refusal && isFinalRefusal(refusal)) this.#end(code, reason, refusal);
        else if (!reconnects(code)) this.#end(code, reason, closed(code, reason));
        else this.#retry(error, reason);
      });
    }
    if (!reconnects(code)) return this.#end(code, reason, closed(code, reason));
    if (isStable(monotonicTime() - this.#connectedAt, this.#waited)) this.#attempt = 0;
    this.#wait(code, reason);
  }

  /**
   * An attempt has failed. Tries again, unless the program wants only one attempt.
   *
   * @param {DialogueError} error
   */
  #retry(error, reason = "") {
    if (this.#retries) this.#wait(error.closeCode, reason);
    else this.#end(1006, reason, error);
  }

  /** Waits for the next attempt, at least as long as the server has asked for. */
  #wait(code = 1006, reason = "") {
    const delay = asked(this.#refusal) + backoff(this.#attempt++);
    this.#waited = delay;
    this.#retryTimer.set(delay, () => this.#dial());
    this.#dropLink({ state: "waiting", delay, code }, reason);
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
    this.#retryTimer.clear();
    this.#wake.stop();
    const opening = this.#opening;
    this.#opening = null;
    this.#session.pending.rejectAll(error);
    const change = { state: /** @type {const} */ ("closed"), code, error: asked ? undefined : error };
    if (this.#session.state !== "closed") this.#dropLink(change, reason);
    opening?.reject(error);
  }

  /**
   * @param {Public.StateChange} change
   * @param {string} reason
   */
  #dropLink(change, reason) {
    this.#link?.close();
    this.#link = null;
    this.#renewals.stop();
    this.#credentials.abandon();
    this.#session.linkLost(change, reason);
  }

  /** @param {() => void} change */
  #during(change) {
    this.#session.notices.queue.during(change);
  }
}

/**
 * The error for a connection that the server has closed for good.
 *
 * @param {number} code
 * @param {string} reason
 */
function closed(code, reason) {
  const message = reason || `the server closed the connection with code ${code}`;
  return new DialogueError({ code: "CLOSED", message, closeCode: code });
}

/** A promise that is settled from outside. */
class Deferred {
  resolve = () => {};
  /** @type {(error: DialogueError) => void} */
  reject = () => {};
  /** @type {Promise<void>} */
  promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
}

// ==== wake.js ====
// When to look at the connection at once: the network is back, the page is shown again, or the machine was asleep.
//
// Owns the page's events and the rule that the client acts on them at most once a second. The engine acts.

const AT_MOST_EVERY_MS = 1_000;
const WINDOW_EVENTS = ["online", "pageshow"];
const DOCUMENT_EVENTS = ["visibilitychange", "resume"]; // `resume` ends the freezing of a page in the background

/** Calls the engine when something in the environment says that the connection may be dead, or may be possible again. */
class Wake {
  #act;
  #last = -Infinity;
  /** @type {Timer} */
  #timer;
  #isListening = false;
  #onEvent = (/** @type {Event} */ { type }) => {
    if (type !== "visibilitychange" || !isHidden()) this.now();
  };

  /** @param {() => void} act */
  constructor(act) {
    this.#act = act;
  }

  /** Listens to the environment, as far as it has such events, until `stop`. */
  start() {
    if (this.#isListening) return;
    this.#isListening = true;
    for (const [target, name] of sources()) target.addEventListener(name, this.#onEvent);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isListening) return;
    this.#isListening = false;
    for (const [target, name] of sources()) target.removeEventListener(name, this.#onEvent);
  }

  /** Acts now, or when a second has passed since the last time: several signs of the same change come together. */
  now() {
    if (!this.#isListening || this.#timer !== undefined) return;
    const wait = this.#last + AT_MOST_EVERY_MS - monotonicTime();
    if (wait <= 0) return this.#fire();
    this.#timer = setTimeout(() => this.#fire(), wait);
  }

  #fire() {
    this.#timer = undefined;
    this.#last = monotonicTime();
    this.#act();
  }
}

/** Whether this is a page that nobody sees. Browsers slow down its timers. */
function isHidden() {
  return globalThis.document?.visibilityState === "hidden";
}

/**
 * What has events of this kind: a page has them on its window and its document, a worker on itself, and Node nowhere.
 *
 * @returns {[EventTarget, string][]}
 */
function sources() {
  const { document } = globalThis;
  /** @type {[EventTarget, string][]} */
  const found = [];
  if (isTarget(globalThis)) for (const name of WINDOW_EVENTS) found.push([globalThis, name]);
  if (isTarget(document)) for (const name of DOCUMENT_EVENTS) found.push([document, name]);
  return found;
}

/** @param {any} target */
function isTarget(target) {
  return typeof target?.addEventListener === "function" && typeof target.removeEventListener === "function";
}

// ==== state.js ====
// Whether a client reconnects after a close code.

const CLIENT_FAULT_CODES = [1002, 1003, 1007, 1009]; // the same fault would only happen again

/**
 * Whether a client reconnects after a close with this code. A connection that ends without a close frame has 1006.
 *
 * @param {number} code
 */
function reconnects(code) {
  return !CLIENT_FAULT_CODES.includes(code) && (code < 4500 || code > 4999);
}

// ==== renewal.js ====
// Renewing a session before it expires, on the connection that it belongs to.

const RENEWED_AFTER = 0.9; // of the session's time
const PAUSE_MS = 1_000; // at least, between two attempts

/** Renews a session until `stop`. */
class Renewals {
  #session;
  #credentials;
  #onRenewed;
  /** @type {Timer} */
  #timer;

  /**
   * @param {Session} session
   * @param {Credentials} credentials
   * @param {(connected: Frame) => void} onRenewed
   */
  constructor(session, credentials, onRenewed) {
    this.#session = session;
    this.#credentials = credentials;
    this.#onRenewed = onRenewed;
  }

  /** @param {number} [expiresIn] undefined if the session does not expire */
  start(expiresIn) {
    this.stop();
    if (expiresIn !== undefined) this.#renewIn(RENEWED_AFTER * expiresIn, monotonicTime() + expiresIn);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /**
   * @param {number} delay
   * @param {number} expiresAt
   */
  #renewIn(delay, expiresAt, attempt = 0) {
    this.#timer = setTimeout(() => this.#renew(expiresAt, attempt), Math.min(delay, LONGEST_TIMER_MS));
  }

  /**
   * @param {number} expiresAt
   * @param {number} attempt
   */
  async #renew(expiresAt, attempt) {
    const { pending, notices } = this.#session;
    const { link } = pending;
    try {
      const auth = await this.#credentials.obtain();
      if (link !== pending.link) return;
      const options = { repeat: false, unbounded: true, urgent: true, onAnswer: this.#onRenewed };
      await pending.add(renewal(auth), options);
    } catch (error) {
      if (link !== pending.link) return;
      notices.queue.during(() => {
        notices.report(error);
        // The session is valid until it expires. Try again while there is time; then the server closes with 4001. A
        // server that could not decide is asked again soon.
        const left = expiresAt - monotonicTime();
        const soon = error instanceof DialogueError && isTemporary(error) ? growingPause(error, attempt) : Infinity;
        const delay = Math.max(Math.min(soon, left / 2), PAUSE_MS);
        if (delay < left) this.#renewIn(delay, expiresAt, attempt + 1);
      });
    }
  }
}

// ==== session.js ====
// A client's session with a server: who the client is, its requests, and how it reacts to frames and to a lost
// connection.
//
// Owns the order of things and decides who is notified. It knows no socket; the engine does.

/** Everything that outlasts a connection. */
class Session {
  /** @type {Public.ConnectionState} */
  state = "closed";
  /** @type {string | undefined} */
  userId;
  /** @type {string | undefined} */
  clientId;
  /** @type {string | undefined} */
  fingerprint;
  notices = new Notices();

  /**
   * @param {Config} config
   * @param {(room: TrackedRoom, hold: Hold) => AnyRoom} toHandle
   */
  constructor({ timeout, maxPending, maxPendingBytes }, toHandle) {
    this.pending = new Pending(timeout, maxPending, maxPendingBytes);
    this.rooms = new JoinedRooms(this.notices, this.pending, toHandle);
  }

  get connected() {
    return this.state === "connected";
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} [options]
   */
  request(frame, options = {}) {
    if (this.state === "closed") {
      options.onFailure?.();
      return Promise.reject(disconnected("not connected: call `connect` first"));
    }
    const answer = this.pending.add(frame, options);
    if (options.move) options.move.answered = answer.then(() => {}, () => {});
    return answer;
  }

  /**
   * Joins a room for one more part of the program, and returns its handle.
   *
   * @param {string} id
   * @param {readonly string[]} [names] the subscriptions
   * @returns {Promise<AnyRoom>}
   */
  async join(id, names) {
    this.rooms.expect(id);
    try {
      for (;;) {
        const last = this.pending.lastMove(id);
        // Only the answers say which subscriptions a join with others adds to.
        if (last && !last.leaves && names && !covers(last, names)) await last.answered;
        else {
          const { room, handle } = this.#enter(id, names, last);
          try {
            return await handle;
          } catch (error) {
            // The client was removed from the room before it could be sent: it is a first join now.
            if (room?.state !== "left" || /** @type {DialogueError} */ (error).code !== "NOT_IN_ROOM") throw error;
          }
        }
      }
    } finally {
      this.rooms.unexpect(id);
    }
  }

  /**
   * Sends a join, or shares the one that is waiting for its answer: calls that join at the same time share one.
   *
   * @param {string} id
   * @param {readonly string[] | undefined} names
   * @param {Move | undefined} last
   */
  #enter(id, names, last) {
    const tracked = this.rooms.get(id);
    const room = tracked?.leaving ? undefined : tracked;
    /** @type {(move: Move) => Promise<AnyRoom>} */
    const take = async ({ joining, handles = 0 }) => /** @type {AnyRoom} */ ((await joining)?.[handles - 1]);
    if (last?.joining && covers(last, names)) {
      last.handles = (last.handles ?? 0) + 1;
      return { room, handle: take(last) };
    }
    const { subscriptions, excluded } = room && names ? room.union(names) : { subscriptions: names, excluded: [] };
    /** @type {Move} */
    const move = { roomId: id, handles: 1, names: subscriptions, excluded: names && excluded };
    const toResult = (/** @type {Frame} */ joined) => this.rooms.entered(joined, move);
    const except = exceptOf(excluded, this.pending.maxBytes);
    const frame = { type: "join", roomId: id, subscriptions, except, erasures: true };
    move.joining = this.request(frame, { room, move, toResult });
    return { room, handle: take(move) };
  }

  /** @param {Public.StateChange} change */
  setState(change) {
    this.state = change.state;
    this.notices.notify("state", change);
  }

  /**
   * The server has signed the client in on a new link.
   *
   * @param {Frame} welcome
   * @param {Link} link
   */
  welcomed(welcome, link) {
    const { userId, clientId, fingerprint } = welcome;
    const again = this.userId !== undefined;
    const anotherUser = again && this.userId !== userId;
    Object.assign(this, { userId, clientId, fingerprint });
    this.pending.open(link, welcome);
    if (anotherUser) this.pending.rejectTriggers("the user has changed");
    this.setState({ state: "connected" });
    this.notices.notify("connect", { userId, clientId, again });
    this.rooms.rejoinAll();
    this.pending.sendWaiting();
  }

  /**
   * @param {Public.StateChange} change
   * @param {string} reason
   */
  linkLost(change, reason) {
    const wasConnected = this.connected;
    this.clientId = undefined;
    this.rooms.linkLost();
    this.pending.linkLost();
    const { code = 1006, state } = change;
    this.notices.queue.during(() => {
      this.setState(change);
      if (wasConnected) this.notices.notify("disconnect", { code, reason, willReconnect: state === "waiting" });
    });
  }

  /**
   * Handles any frame but those that sign in.
   *
   * @param {Frame} frame
   */
  frame(frame) {
    switch (frame.type) {
      case "event": {
        const { type, ...message } = frame;
        return this.rooms.get(frame.roomId)?.receive(/** @type {Public.EventMessage} */ (message));
      }
      case "erased":
        return this.rooms.get(frame.roomId)?.erased(frame.seq);
      case "joined":
        if (frame.id === undefined) this.rooms.joined(frame);
        else if (!this.pending.answer(frame)) this.rooms.joinedLate(frame);
        return;
      case "left": {
        const room = this.rooms.get(frame.roomId);
        if (room) this.rooms.left(room, frame.reason, notInRoom(room.id));
        return this.pending.answer(frame);
      }
      case "roomCreated":
        this.pending.answer(frame);
        this.rooms.created(frame.room?.id);
        return this.notices.notify("roomCreated", frame.room);
      case "roomDeleted": {
        // While the client rejoins a room, it is not a member, so no `left` tells it that the room is gone.
        const room = this.rooms.get(frame.roomId);
        if (room) this.rooms.left(room, "roomDeleted", notInRoom(room.id));
        this.pending.answer(frame);
        return this.notices.notify("roomDeleted", { roomId: frame.roomId });
      }
      case "direct":
        return this.notices.notify("direct", { event: frame.event, data: frame.data });
      case "error": {
        const error = new DialogueError(/** @type {any} */ (frame));
        if (!this.pending.answer(frame, error) && frame.id === undefined) this.notices.report(error);
        return;
      }
      default:
        return this.pending.answer(frame);
    }
  }
}

/**
 * Whether this is a join that brings these subscriptions, too. Without names, any join does.
 *
 * @param {Move} move
 * @param {readonly string[] | undefined} names
 */
function covers({ joining, names: sent = [], excluded = [] }, names = []) {
  if (!joining) return false;
  const isSent = (/** @type {string} */ name) => sent.includes(name) || (sent.includes("*") && !excluded.includes(name));
  return names.every((name) => (name === "*" ? sent.includes("*") && excluded.length === 0 : isSent(name)));
}

// ==== rooms.js ====
// The rooms that a client is in: how it enters, rejoins and leaves them. `rooms/room.js` has the state of one room.

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
class JoinedRooms {
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

// ==== pending.js ====
// Requests that wait to be sent, or for their answers.
//
// Owns the requests, their limits, and the rules for sending again. `Sending` has their order and their pace.

// How long after a trigger was made it may be sent again to a server that does not know `repeats`. Such a server remembers
// a key for two minutes. The rest is for the time in transit: a connection whose other end is silent is given up after 35 s at
// most, so a repetition seldom arrives later than 30 s after it was sent. The Rust client has the same limit.
const KEYS_KNOWN_FOR_MS = 90_000;
const BEFORE_KEY_LOOKUP = ["ROOM_NOT_FOUND"]; // refusals of a trigger before its key is looked up

/** The requests that wait for an answer, or for a connection to be sent on, in the order in which they were made. */
class Pending {
  maxBytes = Infinity; // of a message
  #clientId = "";
  #marksRepetitions = false; // whether the server decides about repetitions
  #sending = new Sending(
    (id) => this.#pending.get(id),
    (id, pending) => this.#textNow(id, pending),
  );
  #holds = new Holds((room) => this.#holdEnded(room));
  #timeout;
  #max;
  #maxPendingBytes;
  #bytes = 0; // of the requests that count
  #count = 0; // of the requests that count
  #nextId = CONNECT_ID + 1;
  /** @type {Map<number, PendingRequest>} */
  #pending = new Map();

  /**
   * @param {number} timeout
   * @param {number} max
   * @param {number} maxBytes
   */
  constructor(timeout, max, maxBytes) {
    this.#timeout = timeout;
    this.#max = max;
    this.#maxPendingBytes = maxBytes;
  }

  /** The connection on which requests are sent, while the client is connected. */
  get link() {
    return this.#sending.link;
  }

  /**
   * Requests can be sent on this link, until `linkLost`.
   *
   * @param {Link} link
   * @param {Frame} welcome
   */
  open(link, { clientId, maxMessageBytes, rate }) {
    this.#sending.open(link, rate);
    this.#clientId = clientId;
    this.maxBytes = maxMessageBytes;
    this.#marksRepetitions = rate !== undefined; // both came with the same version of the server
  }

  /**
   * Whether the server could answer a request now. It cannot without a connection. In a room, it cannot before the room
   * is rejoined or after the request to leave it.
   *
   * @param {TrackedRoom} [room]
   */
  canSend(room) {
    return this.link !== undefined && (!room || (room.state === "joined" && !room.leaving));
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} options
   * @returns {Promise<any>}
   */
  add(frame, options) {
    return new Promise((resolve, rejects) => {
      const reject = (/** @type {DialogueError} */ error) => {
        options.onFailure?.();
        rejects(error);
      };
      const text = JSON.stringify({ ...frame, id: this.#nextId });
      const bytes = lengthOf(text);
      const refusal = this.#refusal(options, bytes);
      if (refusal) return reject(refusal);
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#expire(id), this.#timeout);
      const state = { queued: false, sent: false, first: undefined, repeats: false, refusal: undefined, refusals: 0 };
      const pending = { text, bytes, options, ...state, madeAt: Date.now(), timer, resolve, reject };
      this.#pending.set(id, pending);
      this.#counts(pending, 1);
      if (!this.canSend(options.room) || this.#isHeld(options)) return;
      this.#enqueue(id, pending);
      this.#sending.flush();
    });
  }

  /**
   * Returns the reason why a request cannot be made, if there is one.
   *
   * @param {RequestOptions} options
   * @param {number} bytes
   */
  #refusal({ repeat = true, room, unbounded }, bytes) {
    if (room?.leaving || room?.state === "left") return notInRoom(room.id);
    if (!repeat && !this.canSend(room)) {
      return disconnected("not connected, or not yet back in the room: try again later");
    }
    if (unbounded) return undefined;
    let limit;
    if (this.#count >= this.#max) limit = `maxPending = ${this.#max}`;
    else if (this.#bytes + bytes > this.#maxPendingBytes) limit = `maxPendingBytes = ${this.#maxPendingBytes}`;
    if (limit === undefined) return undefined;
    return new DialogueError({ code: "OVERLOADED", message: `too many unanswered requests (${limit})` });
  }

  /**
   * @param {PendingRequest} pending
   * @param {1 | -1} change
   */
  #counts({ bytes, options }, change) {
    if (options.unbounded) return;
    this.#count += change;
    this.#bytes += change * bytes;
  }

  /**
   * Settles the request that a frame answers. Returns false if there is no such request.
   *
   * @param {Frame} frame
   * @param {DialogueError} [error]
   */
  answer(frame, error) {
    if (error?.code === "RATE_LIMITED" && this.#cameTooFast(frame.id, error)) return true;
    if (error?.code === "UNAVAILABLE" && this.#wasNotTaken(frame.id, error)) return true;
    const pending = this.#remove(frame.id);
    if (!pending) return false;
    const { room, onAnswer, toResult } = pending.options;
    if (error) {
      const saysNothing = pending.repeats && BEFORE_KEY_LOOKUP.includes(error.code);
      const isUnknown = saysNothing || error.code === "OUTCOME_UNKNOWN";
      pending.reject(isUnknown ? unknown(pending, `the server has answered ${error.code}`, error) : error);
    } else {
      if (frame.type === "ok") room?.position.acknowledge(frame.seq);
      onAnswer?.(frame);
      pending.resolve(toResult ? toResult(frame) : frame);
    }
    this.#sending.resume();
    return true;
  }

  /**
   * The server has not run a request because it came too fast. Nothing is sent for the time that the server asks for,
   * and then this request again. Returns false if it no longer waits.
   *
   * @param {number | undefined} id
   * @param {DialogueError} error
   */
  #cameTooFast(id = -1, error) {
    this.link?.pause(pause(error, 0));
    const pending = this.#pending.get(id);
    if (!pending?.sent) return false;
    const { slot } = pending.options;
    if (slot !== undefined && this.#sending.hasVolatile(slot)) this.#supersede(id);
    else {
      this.#sending.unsent(pending);
      pending.refusal = error;
      if (!pending.repeats) pending.first = undefined;
      if (!this.#isHeld(pending.options)) this.#sending.enqueueAgain(id, pending);
    }
    this.#sending.flush();
    return true;
  }

  /**
   * The server could not take a trigger, or does not know yet whether it has stored it. It is sent again with its key
   * after the time that the server asks for. Until then, the room's later triggers wait, too. Returns false if it is not
   * sent again.
   *
   * @param {number | undefined} id
   * @param {DialogueError} error
   */
  #wasNotTaken(id = -1, error) {
    const pending = this.#pending.get(id);
    if (!pending?.sent) return false;
    const { room, isTrigger, repeat } = pending.options;
    if (!isTrigger || repeat === false || !room || !this.canSend(room)) return false;
    const wait = this.#holds.has(room) ? asked(error) : spreadPause(error, pending.refusals);
    if (this.#isForgotten(pending, wait)) return false;
    this.#sending.unsent(pending);
    pending.refusal = error;
    pending.refusals += 1;
    pending.repeats = true;
    this.#holds.add(room, wait);
    for (const [other, later] of this.#pending) {
      if (later.queued && later.options.room === room && this.#isHeld(later.options)) this.#sending.dequeue(other, later);
    }
    this.#sending.flush();
    return true;
  }

  /**
   * Whether a trigger waits for an earlier one of its room. Volatile triggers do not.
   *
   * @param {RequestOptions} options
   */
  #isHeld({ isTrigger, slot, room }) {
    return isTrigger === true && slot === undefined && room !== undefined && this.#holds.has(room);
  }

  /** @param {TrackedRoom} room its triggers wait for an earlier one no longer */
  endHold(room) {
    if (!this.#holds.has(room)) return;
    this.#holds.delete(room);
    this.#holdEnded(room);
  }

  /** @param {TrackedRoom} room its triggers may be sent again: first those that were already sent */
  #holdEnded(room) {
    for (const [id, pending] of this.#pending) {
      const { options, sent, queued, refusal } = pending;
      if (options.room !== room || !options.isTrigger || sent || queued || !refusal || !this.canSend(room)) continue;
      this.#sending.enqueueAgain(id, pending);
    }
    this.sendWaiting();
  }

  /**
   * Whether the server may have forgotten the key of a trigger when it is sent again after this time.
   *
   * @param {PendingRequest} pending
   * @param {number} [ms]
   */
  #isForgotten({ madeAt }, ms = 0) {
    return !this.#marksRepetitions && Date.now() + ms - madeAt > KEYS_KNOWN_FOR_MS;
  }

  /**
   * The latest of the waiting requests that changes the membership of a room or the subscriptions there.
   *
   * @param {string} roomId
   */
  lastMove(roomId) {
    let last;
    for (const { options } of this.#pending.values()) if (options.move?.roomId === roomId) last = options.move;
    return last;
  }

  sendWaiting() {
    for (const [id, pending] of this.#pending) {
      const { sent, queued, options } = pending;
      if (!sent && !queued && this.canSend(options.room) && !this.#isHeld(options)) this.#enqueue(id, pending);
    }
    this.#sending.flush();
  }

  /**
   * @param {number} id
   * @param {PendingRequest} pending
   */
  #enqueue(id, pending) {
    const replaced = this.#sending.enqueue(id, pending);
    if (replaced !== undefined) this.#supersede(replaced);
  }

  /** @param {number} id a volatile trigger; a newer one waits for the same room and event */
  #supersede(id) {
    this.#remove(id)?.resolve({ superseded: true });
  }

  /** The connection is lost: requests that may be sent again wait for the next connection, all others are rejected. */
  linkLost() {
    this.#sending.close();
    this.#holds.clear();
    for (const [id, pending] of this.#pending) {
      pending.repeats ||= pending.sent && pending.options.isTrigger === true;
      pending.sent = false;
      pending.queued = false;
      const isOver = pending.options.repeat === false || pending.options.room?.state === "left";
      if (isOver) this.#reject(id, pending.refusal ?? lost(pending));
    }
  }

  /** @param {DialogueError} error */
  rejectAll(error) {
    for (const [id, pending] of this.#pending) {
      this.#reject(id, mayBeDone(pending) ? unknown(pending, "the client has stopped", error) : error);
    }
  }

  /**
   * The client has left the room. Requests that are already sent wait for their answers: the server may have carried
   * them out before the client left. All others in this room are rejected.
   *
   * @param {TrackedRoom} room
   * @param {DialogueError} error
   */
  left(room, error) {
    this.#holds.delete(room);
    for (const [id, pending] of this.#pending) {
      if (pending.options.room !== room || pending.sent) continue;
      this.#reject(id, pending.repeats ? unknown(pending, "the client is no longer in the room", error) : error);
    }
  }

  /**
   * Rejects the triggers that the server would not recognise when they are sent again. Without a room, these are all
   * triggers. Otherwise, they are the triggers of the room that were first sent in another epoch.
   *
   * @param {string} why
   * @param {TrackedRoom} [room]
   */
  rejectTriggers(why, room) {
    for (const [id, pending] of this.#pending) {
      const { options, first } = pending;
      const stale = !room || (options.room === room && first && first.epoch !== room.position.epoch);
      if (options.isTrigger && stale) this.#reject(id, first ? unknown(pending, why) : disconnected(why));
    }
  }

  /**
   * The text of a request that is sent now. Undefined if it cannot be sent: then it is rejected.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  #textNow(id, pending) {
    if (pending.repeats && this.#isForgotten(pending)) {
      this.#reject(id, unknown(pending, "the server may have forgotten the trigger's key"));
      return undefined;
    }
    const text = pending.repeats ? repetition(pending) : pending.text;
    // After a message that is too long, the server closes the connection for good.
    if (pending.bytes + text.length - pending.text.length > this.maxBytes) {
      const message = `the message is longer than the server accepts (maxMessageBytes = ${this.maxBytes})`;
      const error = pending.repeats ? unknown(pending, message) : new DialogueError({ code: "LIMIT_EXCEEDED", message });
      this.#reject(id, error);
      return undefined;
    }
    pending.refusal = undefined;
    pending.first ??= { clientId: this.#clientId, epoch: pending.options.room?.position.epoch };
    return text;
  }

  /** @param {number} id */
  #expire(id) {
    const pending = this.#pending.get(id);
    if (pending) this.#reject(id, lateness(pending, this.#timeout, this.#isHeld(pending.options)));
    this.#sending.resume();
  }

  /**
   * @param {number} id
   * @param {DialogueError} error
   */
  #reject(id, error) {
    this.#remove(id)?.reject(error);
  }

  /** @param {number} id */
  #remove(id) {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    this.#counts(pending, -1);
    if (pending.sent) this.#sending.unsent(pending);
    if (pending.queued) this.#sending.dequeue(id, pending);
    clearTimeout(pending.timer);
    return pending;
  }
}

// ==== pending/sending.js ====
// When the requests of a connection are sent: their order, their pace, and how many wait for answers at the same time.
//
// Owns the connection, the outbox and its timer. `Pending` has the requests themselves.

class Sending {
  /** @type {Link | undefined} */
  link; // set while the client is connected
  #outbox = new Outbox(rateOf());
  #maxUnanswered = 1; // a network that has stalled delivers everything at once, and that must not exceed the rate
  #unanswered = 0;
  #isStalled = false; // requests wait for answers to earlier ones
  /** @type {Timer} */
  #timer; // for the next request in the outbox
  #request;
  #text;

  /**
   * @param {(id: number) => PendingRequest | undefined} request a request by its id
   * @param {(id: number, pending: PendingRequest) => string | undefined} text the text of a request that is sent now.
   *   Undefined if it cannot be sent: then it is no longer here
   */
  constructor(request, text) {
    this.#request = request;
    this.#text = text;
  }

  /**
   * Requests can be sent on this link, until `close`.
   *
   * @param {Link} link
   * @param {Rate} [rate]
   */
  open(link, rate) {
    this.link = link;
    this.#outbox = new Outbox(rateOf(rate));
    this.#maxUnanswered = rateOf(rate).frames;
  }

  /** The connection is lost: nothing waits to be sent on it. */
  close() {
    this.link = undefined;
    this.#unanswered = 0;
    clearTimeout(this.#timer);
    this.#outbox = new Outbox(rateOf());
  }

  /**
   * Puts a request in the queue. Returns the id of the volatile trigger that waits and that it replaces.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  enqueue(id, pending) {
    const { slot, urgent } = pending.options;
    pending.queued = true;
    if (slot !== undefined) return this.#outbox.addVolatile(id, slot);
    this.#outbox.add(id, urgent);
    return undefined;
  }

  /**
   * Puts a request in the queue that was sent before on this connection: it comes before all that were not.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  enqueueAgain(id, pending) {
    const { slot } = pending.options;
    pending.queued = true;
    if (slot !== undefined) this.#outbox.addVolatile(id, slot);
    else this.#outbox.addRefused(id);
  }

  /**
   * Takes a request out of the queue.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  dequeue(id, pending) {
    pending.queued = false;
    this.#outbox.delete(id, pending.options.slot);
  }

  /** @param {string} slot whether a volatile trigger waits there */
  hasVolatile(slot) {
    return this.#outbox.hasVolatile(slot);
  }

  /** @param {PendingRequest} pending waits for its answer no longer */
  unsent(pending) {
    pending.sent = false;
    this.#unanswered -= 1;
  }

  /** Sends what waits for answers to earlier requests, if it can be sent now. */
  resume() {
    if (this.#isStalled) this.flush();
  }

  /** Sends what the rate permits. */
  flush() {
    clearTimeout(this.#timer);
    for (;;) {
      const now = monotonicTime();
      const next = this.#outbox.next(now);
      if (!this.link || next.at === Infinity) return;
      this.#isStalled = this.#unanswered >= this.#maxUnanswered;
      if (this.#isStalled) return;
      const wait = Math.max(this.link.wait(now), next.at - now);
      if (wait > 0) {
        this.#timer = setTimeout(() => this.flush(), Math.min(Math.ceil(wait), LONGEST_TIMER_MS));
        return;
      }
      const id = Number(next.id);
      const pending = /** @type {PendingRequest} */ (this.#request(id));
      this.dequeue(id, pending);
      const text = this.#text(id, pending);
      if (text === undefined) continue;
      pending.sent = true;
      this.#unanswered += 1;
      this.link?.send(text);
      this.#outbox.sent(id, now, pending.options.slot);
    }
  }
}

// ==== outbox.js ====
// Which request is sent next on a connection. Pure: time is an argument. `Pending` has the requests themselves.

const VOLATILE_SHARE = 0.6; // of the rate; the rest is for requests that matter
const OTHERS_SHARE = 0.6; // of the rate, while the program also uses volatile triggers …
const KEPT_SHARE = 0.2; // … which have this share then: they are of no use when all others are sent

/**
 * @typedef Next the request that is sent next
 * @property {number} [id] absent if none waits
 * @property {number} at when it may be sent
 */

/** The requests that could be sent now, in their order. */
class Outbox {
  /** @type {Set<number>} */
  #urgent = new Set();
  /** @type {Set<number>} */
  #refused = new Set(); // the server has not run them because they came too fast
  /** @type {Map<number, number>} */
  #waiting = new Map(); // with the number of its place in the queue
  /** @type {Map<string, { id: number, place: number }>} */
  #volatile = new Map(); // at most one for each room and event
  /** @type {Map<string, number>} */
  #sentAt = new Map(); // when a volatile trigger for a room and event was last sent, earliest first
  #places = 0;
  #lastVolatile = -Infinity; // when the latest volatile trigger was sent
  #pacer;
  #others; // counts what is not volatile
  #window;
  #interval; // between two volatile triggers for the same room and event …
  #keptInterval; // … and between any two while other requests wait

  /** @param {Rate} rate */
  constructor(rate) {
    this.#pacer = new Pacer(rate, VOLATILE_SHARE);
    this.#others = new Pacer(rate, OTHERS_SHARE);
    this.#window = rate.window;
    this.#interval = rate.window / (VOLATILE_SHARE * rate.frames);
    this.#keptInterval = rate.window / (KEPT_SHARE * rate.frames);
  }

  /**
   * @param {number} id
   * @param {boolean} [isUrgent] whether it overtakes all others
   */
  add(id, isUrgent) {
    if (isUrgent) this.#urgent.add(id);
    else this.#waiting.set(id, this.#places++);
  }

  /**
   * The server has refused a request because it came too fast: it is sent again before all that were not sent yet.
   *
   * @param {number} id
   */
  addRefused(id) {
    this.#refused.add(id);
  }

  /**
   * A volatile trigger takes the place of one that waits for the same room and event. Returns the one that it replaces.
   *
   * @param {number} id
   * @param {string} slot the room and the event
   */
  addVolatile(id, slot) {
    const waiting = this.#volatile.get(slot);
    this.#volatile.set(slot, { id, place: waiting?.place ?? this.#places++ });
    return waiting?.id;
  }

  /**
   * Whether a volatile trigger waits for this room and event.
   *
   * @param {string} slot
   */
  hasVolatile(slot) {
    return this.#volatile.has(slot);
  }

  /**
   * @param {number} id
   * @param {string} [slot]
   */
  delete(id, slot) {
    this.#urgent.delete(id);
    this.#refused.delete(id);
    this.#waiting.delete(id);
    if (slot !== undefined && this.#volatile.get(slot)?.id === id) this.#volatile.delete(slot);
  }

  /**
   * @param {number} now
   * @returns {Next}
   */
  next(now) {
    const [urgent = lowest(this.#refused)] = this.#urgent;
    if (urgent !== undefined) return { id: urgent, at: now };
    const volatile = this.#nextVolatile(now);
    const held = this.#others.wait(now);
    const [waiting] = this.#waiting;
    if (!waiting) return volatile;
    const [id, place] = waiting;
    const usesVolatile = this.#volatile.size > 0 || now < this.#lastVolatile + this.#window;
    const other = { id, at: usesVolatile ? now + held : now };
    const at = volatile.place < place ? volatile.at : Math.max(volatile.at, this.#lastVolatile + this.#keptInterval);
    return at <= Math.max(now, other.at) ? { ...volatile, at } : other;
  }

  /**
   * Takes out a request that is being sent.
   *
   * @param {number} id
   * @param {number} now
   * @param {string} [slot] the room and the event of a volatile trigger
   */
  sent(id, now, slot) {
    this.delete(id, slot);
    if (slot === undefined) return this.#others.sent(now);
    this.#pacer.sent(now);
    this.#lastVolatile = now;
    for (const [earlier, at] of this.#sentAt) {
      if (at + this.#interval > now) break;
      this.#sentAt.delete(earlier);
    }
    this.#sentAt.delete(slot);
    this.#sentAt.set(slot, now);
  }

  /**
   * @param {number} now
   * @returns {Next & { place: number }}
   */
  #nextVolatile(now) {
    /** @type {Next & { place: number }} */
    let next = { at: Infinity, place: Infinity };
    if (this.#volatile.size === 0) return next;
    const free = now + this.#pacer.wait(now);
    for (const [slot, { id, place }] of this.#volatile) {
      const at = Math.max(free, (this.#sentAt.get(slot) ?? -Infinity) + this.#interval);
      if (at < next.at) next = { id, at, place };
      if (at <= now) break;
    }
    return next;
  }
}

/**
 * @param {Set<number>} ids
 * @returns {number | undefined}
 */
function lowest(ids) {
  return ids.size === 0 ? undefined : Math.min(...ids);
}

// ==== pending/not_now.js ====
// The rooms whose triggers wait because the server could not take one of them. Owns the timers, and no request.

class Holds {
  /** @type {Map<TrackedRoom, { endsAt: number, timer: Timer }>} */
  #holds = new Map();
  #onEnd;

  /** @param {(room: TrackedRoom) => void} onEnd is called when the triggers of a room may be sent again */
  constructor(onEnd) {
    this.#onEnd = onEnd;
  }

  /** @param {TrackedRoom} room */
  has(room) {
    return this.#holds.has(room);
  }

  /**
   * Holds a room's triggers for this time, or longer if they are held already.
   *
   * @param {TrackedRoom} room
   * @param {number} ms
   */
  add(room, ms) {
    const endsAt = monotonicTime() + ms;
    const hold = this.#holds.get(room);
    if (hold && hold.endsAt >= endsAt) return;
    clearTimeout(hold?.timer);
    const end = () => {
      this.#holds.delete(room);
      this.#onEnd(room);
    };
    this.#holds.set(room, { endsAt, timer: setTimeout(end, Math.ceil(ms)) });
  }

  /** @param {TrackedRoom} room */
  delete(room) {
    clearTimeout(this.#holds.get(room)?.timer);
    this.#holds.delete(room);
  }

  clear() {
    for (const room of [...this.#holds.keys()]) this.delete(room);
  }
}

// ==== pending/entry.js ====
// One request that waits: what is known about it, the text to send, and why it is late.

/**
 * @typedef Move a request of the application that changes its membership of a room or its subscriptions there
 * @property {string} roomId
 * @property {boolean} [leaves] whether it leaves the room
 * @property {Promise<unknown>} [answered] resolves when it is answered or has failed
 * @property {Promise<AnyRoom[]>} [joining] the handles that a join gives
 * @property {number} [handles] how many a join gives
 * @property {readonly string[]} [names] the subscriptions of a join, if it lists any
 * @property {readonly string[]} [excluded] the exceptions from the wildcard of these subscriptions
 */

/**
 * @typedef RequestOptions
 * @property {boolean} [repeat] whether it waits for a connection, and for the next if that is lost, instead of failing
 * @property {TrackedRoom} [room] the room that must be joined before it is sent
 * @property {boolean} [isTrigger] whether it may be sent again only if the server can recognise its key
 * @property {boolean} [unbounded] whether the client makes it for itself, so that `maxPending` does not apply to it
 * @property {boolean} [urgent] whether it is sent before all others
 * @property {string} [slot] the room and event of a volatile trigger: a newer one for the same replaces it while it waits
 * @property {Move} [move]
 * @property {(frame: Frame) => void} [onAnswer] receives the answer before any later frame is handled
 * @property {() => void} [onFailure] is called when the request is rejected, before any later frame is handled
 * @property {(frame: Frame) => unknown} [toResult] is called like `onAnswer`; the request resolves with its result
 */

/**
 * @typedef Attempt
 * @property {string} clientId the id of the connection
 * @property {string | undefined} epoch the room's epoch
 */

/**
 * @typedef PendingRequest
 * @property {string} text
 * @property {RequestOptions} options
 * @property {number} bytes the length of `text` in UTF-8
 * @property {boolean} queued whether it is in the outbox
 * @property {boolean} sent whether it waits for its answer on the current connection
 * @property {DialogueError | undefined} refusal why it must be sent again: it came too fast, or the server could not take it
 * @property {number} refusals how often the server could not take it
 * @property {Attempt | undefined} first when it was first sent
 * @property {boolean} repeats whether an earlier attempt may have been carried out
 * @property {number} madeAt the wall clock's time, which goes on while a machine sleeps
 * @property {Timer} timer
 * @property {(value: any) => void} resolve
 * @property {(error: DialogueError) => void} reject
 */

/**
 * Why a trigger fails that may have been carried out: the server could not take it, or nothing shows its outcome.
 *
 * @param {PendingRequest} pending
 * @param {string} why
 * @param {DialogueError} [cause]
 */
function unknown({ refusal, text }, why, cause) {
  return refusal?.code === "UNAVAILABLE" ? refusal : outcomeUnknown(why, JSON.parse(text), cause);
}

/**
 * Whether a request is a trigger that was sent, so that the server may have carried it out.
 *
 * @param {PendingRequest} pending
 */
function mayBeDone({ options, first }) {
  return options.isTrigger === true && first !== undefined;
}

/**
 * Why a request fails that is not repeated after the connection is lost.
 *
 * @param {PendingRequest} pending
 */
function lost(pending) {
  const why = "the connection was lost before the answer";
  return mayBeDone(pending) ? unknown(pending, why) : disconnected(why);
}

/**
 * Why a request has no answer after its time.
 *
 * @param {PendingRequest} pending
 * @param {number} timeout
 * @param {boolean} isHeld whether it waits for an earlier trigger of its room
 */
function lateness(pending, timeout, isHeld) {
  const { sent, queued, repeats, refusal } = pending;
  const time = `${timeout} ms`;
  if (sent) return new DialogueError({ code: "TIMEOUT", message: `the server did not answer within ${time}` });
  if (repeats) return unknown(pending, `the trigger could not be sent again within ${time}`, refusal);
  if (refusal) return refusal;
  if (isHeld) {
    const message = `the trigger waited ${time} for an earlier one: the server cannot take the room's triggers now`;
    return new DialogueError({ code: "OVERLOADED", message });
  }
  if (!queued) return disconnected(`the request waited ${time} for the connection or the room`);
  const message = `the request waited ${time} for its turn: the client keeps to the rate that the server accepts`;
  return new DialogueError({ code: "OVERLOADED", message });
}

/**
 * A trigger that is sent again, with the mark that lets the server refuse it if it cannot recognise the key.
 *
 * @param {PendingRequest} pending
 */
function repetition({ text, first }) {
  return `${text.slice(0, -1)},"repeats":${JSON.stringify(first)}}`;
}

/**
 * The length of a text in UTF-8. JSON has no unpaired surrogates.
 *
 * @param {string} text
 */
function lengthOf(text) {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Both halves of a surrogate pair count two.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

// ==== rooms/room.js ====
// One room that the client is in: its subscriptions, the holds on it, and whether the client is in it or rejoining it.

const MAX_EXCEPT = 1_000; // how many exceptions a join may have …
const MAX_EXCEPT_BYTES = 32_768; // … and their bytes: half of the longest message that a server accepts by default

/** A room that the client is in, across connections. */
class TrackedRoom {
  name = "";
  position = new Position();
  erasures = new Erasures();
  /** @type {"joined" | "rejoining" | "left"} */
  state = "joined";
  /** @type {Set<string>} */
  subscriptions = new Set();
  /** @type {Set<string>} */
  excluded = new Set(); // events that the wildcard no longer covers
  /** @type {Promise<unknown> | undefined} */
  leaving;
  /** @type {Set<string> | undefined} */
  serverSubscriptions; // set while the server has joined the client by itself and the client's own rejoin is unanswered
  /** @type {(() => void) | undefined} */
  retry; // set while the client waits to rejoin: rejoins at once
  wasCreated = false; // since the latest attempt to rejoin was sent
  /** @type {number | undefined} */
  missingSince; // when the server first answered on this connection that the client cannot rejoin now
  /** @type {Timer} */
  #retryTimer; // for the next attempt to rejoin
  #notices;
  #toHandle;
  /** @type {Set<Hold>} */
  #holds = new Set(); // those that have not left, oldest first
  #leftByClient = false; // then the client's own handlers learn nothing more about the room

  /**
   * @param {string} id
   * @param {Notices} notices
   * @param {(room: TrackedRoom, hold: Hold) => AnyRoom} toHandle
   */
  constructor(id, notices, toHandle) {
    this.id = id;
    this.#notices = notices;
    this.#toHandle = toHandle;
  }

  get isHeld() {
    return this.#holds.size > 0;
  }

  /** The oldest handle that has not left. */
  get handle() {
    const [oldest] = this.#holds;
    return oldest?.handle;
  }

  /**
   * Handles the `joined` with which the client enters the room.
   *
   * @param {Frame} frame
   * @param {number} handles
   */
  begin(frame, handles) {
    this.enter(frame);
    this.position.seq = frame.seq;
    return this.admit(frame.events, handles);
  }

  /**
   * Gives new handles, which begin with these events. Earlier handles see nothing of them.
   *
   * @param {WireMessage[]} events
   * @param {number} handles
   */
  admit(events, handles) {
    const isFirst = !this.isHeld;
    const toHandle = (/** @type {Hold} */ hold) => this.#toHandle(this, hold);
    const holds = Array.from({ length: handles }, () => new Hold(this.id, this.#notices, toHandle));
    const given = holds.map(({ handle }) => handle);
    if (this.state === "left") holds.forEach((hold) => hold.end()); // a handler has disconnected
    else this.#notices.queue.during(() => this.#begin(holds, events, isFirst));
    return given;
  }

  /**
   * @param {Hold[]} holds
   * @param {WireMessage[]} events
   * @param {boolean} isFirst
   */
  #begin(holds, events, isFirst) {
    for (const hold of holds) this.#holds.add(hold);
    if (holds[0] && isFirst) this.#notices.notify("joined", holds[0].handle);
    this.#start(holds, events, false, isFirst);
  }

  /**
   * The program gives up a hold.
   *
   * @param {Hold} hold
   */
  release(hold) {
    this.#holds.delete(hold);
    hold.end();
  }

  /**
   * Records that the client is in the room. Returns whether all missed events were recovered, or undefined if there is
   * nothing to report.
   *
   * @param {Frame} frame
   */
  enter(frame) {
    const recovered = this.position.recovered(frame, this.#wasPresent(frame));
    if (frame.epoch !== this.position.epoch) this.erasures.clear();
    this.position.epoch = frame.epoch;
    this.name = frame.roomName;
    // The answer to the client's own rejoin is still to come. It restores the subscriptions.
    if (frame.id === undefined && this.state === "rejoining") this.serverSubscriptions = new Set(frame.subscriptions);
    else this.settle(frame.subscriptions);
    return recovered;
  }

  /**
   * Whether everything up to a `joined` has already arrived on this connection.
   *
   * @param {Frame} frame
   */
  #wasPresent({ subscriptions, recovered }) {
    const before = this.state === "joined" ? this.subscriptions : this.serverSubscriptions;
    // A join without the client's position does not ask for earlier events.
    return before !== undefined && (recovered !== false || !addsEvents(subscriptions, before));
  }

  /**
   * Sets the subscriptions, and marks the room as joined.
   *
   * @param {string[]} subscriptions
   */
  settle(subscriptions) {
    if (!subscriptions.includes("*")) this.clearExcluded();
    this.subscriptions = new Set(subscriptions.filter((name) => !this.excluded.has(name)));
    this.state = "joined";
    this.#stopRetry();
    this.serverSubscriptions = undefined;
    this.position.hasGap = false;
  }

  /**
   * Delivers the events that a join replays in a room that the client was already in: before the connection was lost,
   * before the subscriptions were changed, or before the server joined the client.
   *
   * @param {Frame} frame
   * @param {boolean | undefined} recovered
   */
  joined(frame, recovered) {
    if (recovered) for (const message of frame.events) this.receive(message);
    // If no connection was lost, everything up to this number has already arrived on this connection.
    this.position.seq = frame.seq;
    if (recovered === undefined) return;
    if (!recovered) this.#start(this.#holds, frame.events, true, true);
    for (const hold of this.#holds) hold.offer({ kind: "recovered", argument: { recovered } });
  }

  /** @param {WireMessage} message */
  receive(message) {
    if (!this.position.take(message.seq)) return;
    if (this.excluded.has(message.event)) return; // replayed, or sent before the events were excluded again
    if (message.erased) return this.#offerErased(this.#holds, message);
    for (const hold of this.#holds) hold.offer({ kind: "event", argument: message });
  }

  /**
   * An event is erased that the client may have received.
   *
   * @param {number} seq
   */
  erased(seq) {
    this.erasures.add(seq);
    for (const hold of this.#holds) hold.offer({ kind: "erased", argument: { roomId: this.id, seq } });
  }

  /**
   * Reports an event that was erased before the client received it. Without a number, nothing can be reported.
   *
   * @param {Iterable<Hold>} holds
   * @param {WireMessage} message
   */
  #offerErased(holds, message) {
    const { seq } = message;
    if (seq === undefined) return;
    const argument = { roomId: this.id, seq, message: erasedEvent(message) };
    for (const hold of holds) hold.offer({ kind: "erased", argument });
  }

  /** The wildcard covers all events again. A request that fails later restores its events only in the old set. */
  clearExcluded() {
    this.excluded = new Set();
  }

  /** @param {string} event */
  subscribed(event) {
    this.subscriptions.add(event);
    this.excluded.delete(event);
  }

  subscribedToAll() {
    this.subscriptions = new Set(["*", ...this.subscriptions]);
    this.clearExcluded();
  }

  /** @param {string} event */
  unsubscribed(event) {
    this.subscriptions.delete(event);
    if (this.subscriptions.has("*")) this.excluded.add(event);
  }

  /**
   * What a further join asks for, if it names subscriptions: what the other handles have, and these. `*` goes alone,
   * with the excluded events that the join does not name.
   *
   * @param {readonly string[]} names
   */
  union(names) {
    if (!this.isHeld) return { subscriptions: names, excluded: [] };
    const union = new Set([...this.subscriptions, ...names]);
    if (!union.has("*")) return { subscriptions: [...union], excluded: [] };
    const excluded = names.includes("*") ? [] : [...this.excluded].filter((name) => !names.includes(name));
    return { subscriptions: ["*"], excluded };
  }

  /**
   * What a rejoin asks for. `*` goes alone, because the client does not know which names it covers.
   *
   * @param {number} maxBytes of a message
   */
  rejoin(maxBytes) {
    const { subscriptions, excluded } = this;
    const since = this.position.since();
    if (!subscriptions.has("*")) return { since, subscriptions: [...subscriptions], erasures: true };
    return { since, subscriptions: ["*"], except: exceptOf([...excluded], maxBytes), erasures: true };
  }

  /**
   * Waits before the next attempt to rejoin.
   *
   * @param {number} delay
   * @param {() => void} rejoin
   */
  retryIn(delay, rejoin) {
    clearTimeout(this.#retryTimer);
    this.retry = () => {
      clearTimeout(this.#retryTimer);
      this.retry = undefined;
      rejoin();
    };
    if (delay === 0) this.retry();
    else this.#retryTimer = setTimeout(this.retry, delay);
  }

  #stopRetry() {
    clearTimeout(this.#retryTimer);
    this.retry = undefined;
    this.missingSince = undefined;
  }

  linkLost() {
    this.#stopRetry();
    const granted = this.serverSubscriptions;
    if (granted && addsEvents(this.subscriptions, granted)) this.position.hasGap = true;
    this.serverSubscriptions = undefined;
    if (this.state === "joined") this.state = "rejoining";
  }

  /** @param {string} [reason] undefined if the client left by its own request: then only `onLeft` is called any more */
  left(reason) {
    if (this.state === "left") return;
    this.#stopRetry();
    this.state = "left";
    this.#leftByClient = reason === undefined;
    for (const hold of this.#holds) hold.end(reason);
    this.#holds.clear();
  }

  /**
   * @param {Iterable<Hold>} holds
   * @param {WireMessage[]} events
   * @param {boolean} gap
   * @param {boolean} isOfClient whether the client's own handlers are called, too
   */
  #start(holds, events, gap, isOfClient) {
    const included = events.filter(({ event }) => !this.excluded.has(event));
    const present = included.filter(({ erased }) => !erased);
    const history = (/** @type {AnyRoom} */ room) => ({ room, roomId: this.id, events: [...present], gap });
    for (const hold of holds) hold.offer({ kind: "history", argument: history(hold.handle) });
    for (const event of included) if (event.erased) this.#offerErased(holds, event);
    const { handle } = this;
    if (!handle || !isOfClient) return;
    const { queue, listeners } = this.#notices;
    queue.add(() => this.#leftByClient || listeners.call("history", history(handle)));
  }
}

/**
 * The exceptions that a join names: as many as it may have, and as fit into half of a message. The server learns of the
 * others by `unsubscribe`.
 *
 * @param {string[]} excluded
 * @param {number} maxBytes of a message
 */
function exceptOf(excluded, maxBytes) {
  let left = Math.min(MAX_EXCEPT_BYTES, maxBytes / 2);
  const fit = excluded.slice(0, MAX_EXCEPT).filter((name) => (left -= JSON.stringify(name).length + 1) >= 0);
  return fit.length > 0 ? fit : undefined;
}

/**
 * Whether the new subscriptions cover events that the old ones do not.
 *
 * @param {Iterable<string>} subscriptions
 * @param {Set<string>} before
 */
function addsEvents(subscriptions, before) {
  return !before.has("*") && [...subscriptions].some((name) => !before.has(name));
}

// ==== rooms/erasures.js ====
// Which events of a room are erased, and what the program receives in their place. Pure.

// A page that is on its way may contain events that were erased meanwhile. More than these are unlikely to be erased in
// that time.
const MAX_REMEMBERED = 1_000;

/** The numbers of events that were erased while the client was in the room. Beyond the limit, the oldest are forgotten. */
class Erasures {
  /** @type {Set<number>} */
  #seqs = new Set();

  /** @param {number} seq */
  add(seq) {
    this.#seqs.delete(seq);
    this.#seqs.add(seq);
    const [oldest] = this.#seqs;
    if (oldest !== undefined && this.#seqs.size > MAX_REMEMBERED) this.#seqs.delete(oldest);
  }

  /** The numbers mean other events now. */
  clear() {
    this.#seqs.clear();
  }

  /**
   * A page of history without the data of erased events.
   *
   * @param {WireMessage[]} events
   */
  page(events) {
    return events.map((event) => (event.erased || this.#seqs.has(event.seq ?? -1) ? erasedEvent(event) : event));
  }
}

/** @typedef {Public.EventMessage<any> & { erased?: boolean }} WireMessage an event as the server sends it */

/**
 * What is left of an erased event. It has no `data`: not even a type that permits `null` may take it for an event.
 *
 * @param {WireMessage} message
 * @returns {Public.ErasedEvent}
 */
function erasedEvent({ data, meta, ...envelope }) {
  return { ...envelope, erased: true };
}

// ==== position.js ====
// The client's position in a room: which events are new, which it has seen, and whether it missed any. Pure.

/** The epoch of a room, and the highest number in it that the client has seen. */
class Position {
  epoch = "";
  seq = 0;
  hasGap = false; // the missed events do not begin at `seq`

  /** The position to send with the next `join`. */
  since() {
    const epoch = this.hasGap ? "" : this.epoch; // the empty epoch matches no room, so the server reports a gap
    return { epoch, seq: this.seq };
  }

  /**
   * Takes in an event and returns whether it is new. An event without a number is always new.
   *
   * @param {number} [seq]
   */
  take(seq) {
    if (seq !== undefined && seq <= this.seq) return false;
    this.acknowledge(seq);
    return true;
  }

  /** @param {number} [seq] everything for this client up to this number has arrived */
  acknowledge(seq = 0) {
    if (seq > this.seq) this.seq = seq;
  }

  /**
   * Whether a `joined` brings all missed events, or undefined if the client was present all the time and missed none.
   *
   * @param {Frame} joined
   * @param {boolean} wasPresent
   */
  recovered({ epoch, seq, recovered }, wasPresent) {
    if (epoch !== this.epoch) return false;
    if (wasPresent) return undefined;
    // A join by the server does not have the client's position. If nothing has happened since, nothing was missed.
    return recovered ?? (!this.hasGap && seq === this.seq);
  }
}

// ==== rooms/hold.js ====
// What one `join` gives to a program: the hold on a room, its handlers, and what waits for the first of them.

/** @typedef {Public.JoinedRoom<any>} AnyRoom */

const SET_UP_MS = 5_000; // after the first handler, for the program to attach the others

/** A hold on a room. The room is left when nobody has a hold on it any more. */
class Hold {
  isOver = false;
  /** @type {Promise<unknown> | undefined} */
  leaving; // the result of leaving with this hold
  #notices;
  #roomId;
  /** @type {Backlog | undefined} */
  #backlog = new Backlog();
  #isHandled = false; // a handler has been attached
  #isFresh = true; // the code that awaits the join has not run yet
  #hasReported = false; // how many events were dropped
  #isSilent = false; // the client left by its own request: then no handlers but `onLeft` are called any more
  /** @type {Timer} */
  #catchUpTimer; // runs until the kept items are delivered
  /** @type {Timer} */
  #setUpTimer; // runs until nothing is kept any more

  /**
   * @param {string} roomId
   * @param {Notices} notices
   * @param {(hold: Hold) => AnyRoom} toHandle
   */
  constructor(roomId, notices, toHandle) {
    const report = (/** @type {unknown} */ error) => notices.report(error);
    this.#roomId = roomId;
    this.#notices = notices;
    this.events = new Listeners(report);
    this.listeners = new Listeners(report);
    this.handle = toHandle(this);
    // Code that awaits the join attaches its handlers only after this call has returned, but some sockets deliver the
    // next frame at once. What arrives until then waits for these handlers.
    Promise.resolve().then(() => (this.#isFresh = false));
    this.#catchUpLater();
  }

  /**
   * Attaches a handler for events of this name.
   *
   * @param {string} event
   * @param {(message: any) => unknown} handler
   */
  on(event, handler) {
    return this.#attached(this.events.add(event, handler));
  }

  /**
   * Attaches a handler for anything but events of one name.
   *
   * @param {"any" | "erased" | "history" | "recovered" | "left"} kind
   * @param {(argument: any) => unknown} handler
   */
  listen(kind, handler) {
    return this.#attached(this.listeners.add(kind, handler));
  }

  /**
   * Passes an item to the handlers, in the order in which things happened.
   *
   * @param {RoomItem} item
   */
  offer(item) {
    this.#notices.queue.add(() => this.#take(item));
  }

  /** @param {string} [reason] undefined if the client left by its own request */
  end(reason) {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.#setUpTimer);
    if (reason === undefined) {
      this.#isSilent = true;
      clearTimeout(this.#catchUpTimer);
      this.#catchUpTimer = undefined;
      this.#backlog?.clear();
    }
    this.offer({ kind: "left", argument: { reason } });
  }

  /** @param {() => void} remove */
  #attached(remove) {
    const isFirst = !this.#isHandled;
    this.#isHandled = true;
    const backlog = this.#backlog;
    if (!backlog) return remove;
    if (isFirst && !this.isOver) this.#setUpTimer = setTimeout(() => this.#setUp(), SET_UP_MS);
    // In a task of its own, so that handlers that are attached together receive everything in order.
    if (backlog.missed > 0 || backlog.has((item) => this.#isWanted(item))) this.#catchUpLater();
    return remove;
  }

  /** The program has attached its handlers. */
  #setUp() {
    this.#notices.queue.add(() => {
      this.#catchUp();
      this.#backlog = undefined;
    });
  }

  #catchUpLater() {
    this.#catchUpTimer ??= setTimeout(() => this.#notices.queue.add(() => this.#catchUp()), 0);
  }

  /** Delivers the kept items that a handler wants by now. */
  #catchUp() {
    clearTimeout(this.#catchUpTimer);
    this.#catchUpTimer = undefined;
    const backlog = this.#backlog;
    if (!backlog) return;
    if (this.#isHandled) this.#reportMissed(backlog.missed);
    const isWanted = (/** @type {RoomItem} */ item) => this.#isWanted(item);
    for (const item of backlog.take(isWanted)) this.#call(item);
    // A handler may have attached a handler for items that were skipped before.
    if (backlog.has(isWanted)) this.#catchUpLater();
  }

  /** @param {RoomItem} item */
  #take(item) {
    if (this.#isSilent && item.kind !== "left") return;
    if (this.#catchUpTimer !== undefined && !this.#isFresh) this.#catchUp();
    if (this.#catchUpTimer === undefined && this.#isWanted(item)) this.#call(item);
    else this.#backlog?.keep(item);
  }

  /** @param {RoomItem} item */
  #isWanted(item) {
    if (item.kind !== "event") return this.listeners.has(item.kind);
    return this.events.has(item.argument.event) || this.listeners.has("any");
  }

  /** @param {RoomItem} item */
  #call({ kind, argument }) {
    if (kind !== "event") return this.listeners.call(kind, argument);
    this.events.call(argument.event, argument);
    this.listeners.call("any", argument);
  }

  /** @param {number} missed */
  #reportMissed(missed) {
    if (missed === 0 || this.#hasReported) return;
    this.#hasReported = true;
    const roomId = this.#roomId;
    const message = `nobody handled the events of the room ${roomId}, so the oldest ${missed} were dropped`;
    this.#notices.report(new DialogueError({ code: "MISSED", message, missed, roomId }));
  }
}

// ==== rooms/backlog.js ====
// What a handle keeps until the program attaches the handlers for it. Pure.

/**
 * @typedef RoomItem what the handlers of a room are called with
 * @property {"event" | "erased" | "history" | "recovered" | "left"} kind
 * @property {any} argument
 */

/** @typedef {{ item: RoomItem, sizes: number[] }} BacklogEntry an item with the sizes of its events */

// By default, a server sends 300 events or 512 KiB to a client that joins. This is about twice as much, for the live
// events that follow.
const MAX_ITEMS = 600;
const MAX_BYTES = 1024 * 1024;

/** The items that no handler has received yet, oldest first. Beyond the limits, the oldest are dropped. */
class Backlog {
  missed = 0; // how many events were dropped
  /** @type {Set<BacklogEntry>} */
  #entries = new Set();
  #count = 0;
  #bytes = 0;

  /** @param {RoomItem} item */
  keep(item) {
    const sizes = eventsOf(item).map(sizeOf);
    this.#entries.add({ item, sizes });
    this.#count += countOf(sizes);
    this.#bytes += sum(sizes);
    while (this.#count > MAX_ITEMS || this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  /**
   * Whether it has an item that somebody wants.
   *
   * @param {(item: RoomItem) => boolean} isWanted
   */
  has(isWanted) {
    return [...this.#entries].some(({ item }) => isWanted(item));
  }

  /**
   * Takes the items out, one after another, that somebody wants when it is their turn.
   *
   * @param {(item: RoomItem) => boolean} isWanted
   */
  *take(isWanted) {
    for (const entry of this.#entries) {
      if (!isWanted(entry.item)) continue;
      this.#remove(entry);
      yield entry.item;
    }
  }

  clear() {
    this.#entries.clear();
    this.#count = 0;
    this.#bytes = 0;
  }

  #dropOldest() {
    const [oldest] = this.#entries;
    if (!oldest) return;
    const { item, sizes } = oldest;
    if (item.kind === "event" || sizes.length > 0) this.missed += 1;
    if (item.kind !== "history" || sizes.length === 0) return this.#remove(oldest);
    this.#count -= countOf(sizes);
    this.#bytes -= sizes.shift() ?? 0;
    this.#count += countOf(sizes);
    item.argument.events.shift();
  }

  /** @param {BacklogEntry} entry */
  #remove(entry) {
    this.#entries.delete(entry);
    this.#count -= countOf(entry.sizes);
    this.#bytes -= sum(entry.sizes);
  }
}

/** @param {RoomItem} item */
function eventsOf({ kind, argument }) {
  if (kind === "history") return argument.events;
  return kind === "event" ? [argument] : [];
}

/**
 * How many items an entry counts for.
 *
 * @param {number[]} sizes
 */
const countOf = (sizes) => Math.max(1, sizes.length);

/** @param {unknown} event */
const sizeOf = (event) => JSON.stringify(event).length;

/** @param {number[]} sizes */
const sum = (sizes) => sizes.reduce((total, size) => total + size, 0);

// ==== notice.js ====
// Notices of events outside of the client's rooms, and of errors, as the handlers of the client receive them.

/** The client's own handlers, and the queue in which the handlers of the client and of its rooms wait. */
class Notices {
  queue = new HandlerQueue();
  listeners = new Listeners((error) => this.report(error));

  /**
   * @param {string} name
   * @param {unknown} argument
   */
  notify(name, argument) {
    this.queue.add(() => this.listeners.call(name, argument));
  }

  /**
   * A failed attempt to connect is not an error of the program, so without a handler it is only a line in the console.
   *
   * @param {Error} error
   */
  reportFailedAttempt(error) {
    if (!this.listeners.has("error")) console.warn(error.message);
    else this.notify("error", error);
  }

  /** @param {unknown} error */
  report(error) {
    if (!this.listeners.has("error")) reportGlobally(error);
    else this.notify("error", error);
  }
}

// ==== listeners.js ====
// Handlers that a program has attached, by the name of what they handle.

/** Handlers by the name of what they handle. The failure of a handler is reported, and the others are still called. */
class Listeners {
  /** @type {Map<string, Set<{ handler: (argument: any) => unknown }>>} */
  #handlers = new Map();
  #report;

  /** @param {(error: unknown) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /**
   * @param {string} name
   * @param {(argument: any) => unknown} handler
   */
  add(name, handler) {
    const entry = { handler };
    const entries = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#handlers.get(name) === entries) this.#handlers.delete(name);
    };
  }

  /** @param {string} name */
  has(name) {
    return this.#handlers.has(name);
  }

  /**
   * @param {string} name
   * @param {unknown} argument
   */
  call(name, argument) {
    // A failure in an error handler has no other handler to go to.
    const report = name === "error" ? reportGlobally : this.#report;
    const entries = this.#handlers.get(name) ?? new Set();
    for (const entry of [...entries]) {
      if (!entries.has(entry)) continue; // an earlier handler removed it
      try {
        const result = entry.handler(argument);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** @param {unknown} error */
function reportGlobally(error) {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}

// ==== handler.js ====
// When handlers run: one after another, and only when the change that they report is complete.

/**
 * Calls handlers one after another, in the order in which things happened, and never one inside another. If a
 * handler causes a further event, the handlers for that event are called after all handlers for the current one.
 */
class HandlerQueue {
  /** @type {(() => void)[]} */
  #queue = [];
  #isRunning = false;

  /** @param {() => void} call */
  add(call) {
    this.during(() => this.#queue.push(call));
  }

  /**
   * Makes a change, and calls the handlers only when the change is complete: a handler may undo it.
   *
   * @param {() => void} change
   */
  during(change) {
    if (this.#isRunning) return change();
    this.#isRunning = true;
    try {
      change();
      for (const call of this.#queue) call();
    } finally {
      this.#queue = [];
      this.#isRunning = false;
    }
  }
}

// ==== sign_in.js ====
// Signing in: the credentials, the `connect` that carries them, and which refusals of it are final.

const CONNECT_ID = 0; // the id of the `connect` that opens a connection; other requests count from 1
const PROTOCOL = 1;
const AUTH_WITHIN_MS = 30_000;
const FINAL_REFUSALS = ["INVALID_REQUEST", "UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL"]; // the same `connect` fails again

/** The option `auth`: the credentials, or the function that returns them. */
class Credentials {
  #auth;
  /** @type {Timer} */
  #timer; // runs while the function is awaited

  /** @param {Public.ClientOptions["auth"]} auth */
  constructor(auth) {
    this.#auth = auth;
  }

  /** @returns {Promise<Public.Auth>} */
  obtain() {
    const auth = this.#auth;
    if (typeof auth !== "function") return Promise.resolve(auth);
    return new Promise((resolve, reject) => {
      const message = `the function \`auth\` did not answer within ${AUTH_WITHIN_MS / 1_000} s`;
      const giveUp = () => reject(new DialogueError({ code: "TIMEOUT", message }));
      const timer = setTimeout(giveUp, AUTH_WITHIN_MS);
      this.#timer = timer;
      const answer = (async () => auth())();
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** Nobody waits for the function any more. */
  abandon() {
    clearTimeout(this.#timer);
  }
}

/**
 * The first message on a connection.
 *
 * @param {Public.Auth} auth
 * @param {string | undefined} resume
 */
function greeting(auth, resume) {
  return JSON.stringify({ type: "connect", id: CONNECT_ID, protocol: PROTOCOL, auth, resume });
}

/**
 * The frame that renews the session of a connection.
 *
 * @param {Public.Auth} auth
 */
function renewal(auth) {
  return { type: "connect", protocol: PROTOCOL, auth };
}

/**
 * Whether the server could not decide about the credentials.
 *
 * @param {DialogueError} error
 */
function isTemporary(error) {
  return error.code !== "TIMEOUT" && !FINAL_REFUSALS.includes(error.code);
}

/** @param {DialogueError} error */
function isFinalRefusal(error) {
  return FINAL_REFUSALS.includes(error.code);
}

// ==== link.js ====
// One connection: a socket, its keep-alive, its rate, and the frames that it carries. The only part of the client that
// uses the network. It does not know what the frames mean.

/** @typedef {Record<string, any>} Frame */

const CONNECTED_WITHIN_MS = 10_000; // the server allows no more time either
const PONG_WITHIN_MS = 10_000;
const PROBED_WITHIN_MS = 2_000; // when something says that the connection may be dead
const SHARE = 0.8; // of the rate that the server accepts; the network may bring frames closer together

/** A WebSocket, from its opening to its end. `onEnd` is called once, and never after `close`. */
class Link {
  #socket;
  #onFrame;
  #onEnd;
  #interval = 0;
  #isOpen = false;
  #isPingDue = false; // it waits for the rate
  #pacer = new Pacer(rateOf(), SHARE); // counts everything that is sent
  #unanswered = 0; // pings
  #isProbing = false; // only the answers to all pings show that the connection is alive
  #probedAt = 0; // by the wall clock, which goes on while a machine sleeps
  #answersAtOnce = false; // whether the server answers pings also while other commands run
  #timer;

  /**
   * @param {Public.WebSocketLike} socket
   * @param {string} connect
   * @param {(frame: Frame) => void} onFrame
   * @param {(end: Failure) => void} onEnd
   * @param {() => void} onSleep the machine was asleep
   */
  constructor(socket, connect, onFrame, onEnd, onSleep) {
    this.#socket = socket;
    this.#onFrame = onFrame;
    this.#onEnd = onEnd;
    this.#timer = new SleepAwareTimer(onSleep);
    const giveUp = () => this.#finish(1006, "the server did not answer `connect` in time");
    this.#timer.set(CONNECTED_WITHIN_MS, giveUp);
    socket.onopen = () => {
      this.#isOpen = true;
      this.send(connect);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#finish(code, String(reason ?? ""));
    // After the opening, a close follows. Before it, some sockets say nothing more.
    socket.onerror = (event) => this.#isOpen || this.#finish(1006, "", causeOf(event));
  }

  /**
   * Starts the keep-alive: after a silent interval the client sends a ping, and further silence ends the connection.
   * Pages do not see the pings of the WebSocket itself.
   *
   * @param {number} interval
   * @param {boolean} answersAtOnce whether the server answers pings also while other commands run
   */
  startKeepAlive(interval, answersAtOnce) {
    this.#interval = interval;
    this.#answersAtOnce = answersAtOnce;
    this.#startPingTimer();
  }

  /** Pings at once. The connection ends if the answer does not come soon, however often it is asked for. */
  probe() {
    const isUnderWay = this.#isProbing && !this.#isPingDue;
    if (isUnderWay && Date.now() - this.#probedAt < PROBED_WITHIN_MS + SLEPT_MS) return;
    this.#isProbing = true;
    this.#ping();
  }

  /** @param {Rate} rate */
  setRate(rate) {
    this.#pacer.setRate(rate);
  }

  /**
   * How long to wait before the next frame is sent. A ping that is due goes first.
   *
   * @param {number} now
   */
  wait(now) {
    if (this.#isPingDue) this.#ping();
    return this.#pacer.wait(now);
  }

  /**
   * Nothing is sent for a while.
   *
   * @param {number} ms
   */
  pause(ms) {
    this.#pacer.pause(monotonicTime() + ms);
  }

  /** @param {string} text */
  send(text) {
    this.#pacer.sent(monotonicTime());
    this.#socket.send(text);
  }

  close() {
    this.#timer.clear();
    // In Node, an error without a handler would end the process.
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null, onerror: () => {} });
    this.#socket.close();
  }

  /** @param {unknown} data */
  #receive(data) {
    const frame = parseFrame(data);
    if (frame && this.#interval > 0 && this.#isAlive(frame)) this.#startPingTimer();
    if (frame) this.#onFrame(frame);
    else this.#finish(1006, "the server sent a message that is not a frame");
  }

  /**
   * Whether a frame shows that the connection is alive. After a sleep, frames from before it may still arrive on a
   * connection that is dead, so only the last `pong` counts; or the refusal of a ping, which has no `id` either.
   *
   * @param {Frame} frame
   */
  #isAlive({ type, id }) {
    if (type === "pong" || (type === "error" && id === undefined)) this.#unanswered = Math.max(0, this.#unanswered - 1);
    return !this.#isProbing || !this.#answersAtOnce || (this.#unanswered === 0 && !this.#isPingDue);
  }

  #startPingTimer() {
    this.#isPingDue = false;
    this.#isProbing = false;
    this.#timer.set(this.#interval, () => this.#ping());
  }

  /** Sends a ping as soon as the rate permits. */
  #ping() {
    const wait = this.#pacer.wait(monotonicTime());
    this.#isPingDue = wait > 0;
    if (this.#isPingDue) return this.#timer.set(wait, () => this.#ping());
    const giveUp = () => this.#finish(1006, "the server did not answer a ping in time");
    this.#probedAt = Date.now();
    this.#timer.set(this.#isProbing ? PROBED_WITHIN_MS : PONG_WITHIN_MS, giveUp);
    this.#unanswered += 1;
    this.send(`{"type":"ping"}`);
  }

  /**
   * @param {number} code
   * @param {string} reason
   * @param {unknown} [cause]
   */
  #finish(code, reason, cause) {
    this.close();
    this.#onEnd({ code, reason, opened: this.#isOpen, cause });
  }
}

/**
 * The error of an event, if the socket tells it. Browsers do not, so that pages cannot explore a network.
 *
 * @param {any} event
 */
function causeOf(event) {
  return event?.error ?? (event?.message ? new Error(event.message) : undefined);
}

/**
 * Parses a message as a frame. Returns undefined if it isn't one.
 *
 * @param {unknown} data
 * @returns {Frame | undefined}
 */
function parseFrame(data) {
  try {
    const frame = JSON.parse(String(data));
    return typeof frame?.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}

// ==== timer.js ====
// What the client knows about timers, and a timer that notices when the machine was asleep.

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */

const LONGEST_TIMER_MS = 2 ** 31 - 1; // a longer timer fires at once

const STEP_MS = 2_000; // a machine that wakes is noticed within this time …
const SLEPT_MS = 5_000; // … if a step ends this much later than it should

/**
 * A timer that takes several steps. Timers and the monotonic clock stand still while a machine sleeps, but the wall clock
 * goes on, so a step that took far too long was a sleep.
 */
class SleepAwareTimer {
  #onSleep;
  /** @type {Timer} */
  #timer;

  /** @param {() => void} onSleep may set or clear this timer */
  constructor(onSleep) {
    this.#onSleep = onSleep;
  }

  /**
   * @param {number} ms
   * @param {() => void} run
   */
  set(ms, run) {
    this.#step(monotonicTime() + ms, run);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * @param {number} due
   * @param {() => void} run
   */
  #step(due, run) {
    clearTimeout(this.#timer);
    const step = Math.min(Math.max(due - monotonicTime(), 0), STEP_MS);
    const endsAt = Date.now() + step;
    const timer = setTimeout(() => {
      if (Date.now() - endsAt > SLEPT_MS) this.#onSleep();
      if (this.#timer !== timer) return;
      if (due > monotonicTime()) return this.#step(due, run);
      this.#timer = undefined;
      run();
    }, Math.ceil(step));
    this.#timer = timer;
  }
}

/** The time in milliseconds, to measure how long something takes. Some environments have only the wall clock. */
function monotonicTime() {
  return (globalThis.performance ?? Date).now();
}

// ==== pacer.js ====
// How fast a client may send. Pure: time is an argument.

/**
 * @typedef Rate what a server accepts
 * @property {number} frames how many frames …
 * @property {number} window … in any time of this many milliseconds
 */

/** @type {Rate} */
const UNANNOUNCED = { frames: 200, window: 4_000 }; // of servers that do not announce theirs

/**
 * The rate that a server has announced.
 *
 * @param {Partial<Rate>} [rate]
 * @returns {Rate}
 */
function rateOf(rate) {
  const { frames = 0, window = 0 } = rate ?? {};
  return frames >= 1 && window > 0 ? { frames, window } : UNANNOUNCED;
}

/** A sliding window over what was sent, so that never more than a share of the rate is sent. */
class Pacer {
  #share;
  #limit = 1;
  #window = 0;
  /** @type {number[]} */
  #sent = []; // the times in the window, oldest first
  #pausedUntil = -Infinity;

  /**
   * @param {Rate} rate
   * @param {number} share between 0 and 1
   */
  constructor(rate, share) {
    this.#share = share;
    this.setRate(rate);
  }

  /** @param {Rate} rate */
  setRate({ frames, window }) {
    this.#limit = Math.max(1, Math.floor(frames * this.#share));
    this.#window = window;
  }

  /**
   * How long to wait before the next frame.
   *
   * @param {number} now
   */
  wait(now) {
    while (this.#frees(0) <= now) this.#sent.shift();
    const free = this.#frees(this.#sent.length - this.#limit); // a new rate may be lower, so this is not always the first
    return Math.max(free === Infinity ? now : free, this.#pausedUntil) - now;
  }

  /** @param {number} index when the frame at this place leaves the window */
  #frees(index) {
    const sent = this.#sent[index];
    return sent === undefined ? Infinity : sent + this.#window;
  }

  /** @param {number} now */
  sent(now) {
    this.#sent.push(now);
  }

  /** @param {number} until */
  pause(until) {
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }
}

// ==== endpoint.js ====
// Where a client connects to: the address of the socket, and the class that opens it.

// A server replaces this line by an address relative to the module. Only then does the module know its own address:
// packages are read by tools that do not understand how a module would ask for it.
const SOCKET_URL = "/dialogue/ws";

// Some environments have a `URL` that cannot be read or changed, so an absolute address is taken apart here.
const ABSOLUTE = /^(ws|http)(s?):\/\/([^/?#\s]+)(\/[^?#]*)?(\?[^#]*)?(#.*)?$/i;
const HOST_ALONE = /^[\w.-]+:\d+/;

/**
 * @typedef Endpoint
 * @property {string} url
 * @property {new (url: string) => Public.WebSocketLike} WebSocket
 */

/**
 * Throws a `DialogueError` if the environment cannot connect with these settings.
 *
 * @param {Config} config
 * @returns {Endpoint}
 */
function endpointOf({ url, WebSocket = globalThis.WebSocket }) {
  const endpoint = { url: socketUrl(url), WebSocket };
  if (WebSocket) return endpoint;
  const message = "no global WebSocket: pass the option `WebSocket`, such as the class of the package `ws`";
  throw new DialogueError({ code: "NO_WEBSOCKET", message });
}

/** @param {string | { readonly href: string } | null} [url] */
function socketUrl(url) {
  const given = (typeof url === "string" ? url : url?.href)?.trim() || String(SOCKET_URL);
  const [, scheme, secure = "", host, path = "/", query = ""] = resolved(given).match(ABSOLUTE) ?? [];
  if (!scheme) {
    const shown = withoutSecrets(given);
    throw new DialogueError({ code: "INVALID_URL", message: `cannot connect to "${shown}": ${remedy(shown)}` });
  }
  return `ws${secure.toLowerCase()}://${host}${path === "/" ? `/dialogue/ws` : path}${query}`;
}

/**
 * The absolute address, if it is absolute or there is a page that it is relative to.
 *
 * @param {string} url
 */
function resolved(url) {
  if (ABSOLUTE.test(url)) return url;
  try {
    const { location, document } = globalThis; // in some environments, even reading them fails
    const base = [location?.href, document?.baseURI, location?.origin].find((base) => base?.startsWith("http"));
    return new URL(url, base).href;
  } catch {
    return url;
  }
}

/** @param {string} url */
function remedy(url) {
  if (HOST_ALONE.test(url)) return `write "ws://${url}" or "wss://${url}"`;
  return 'pass an absolute `url`, such as "wss://chat.example.com/dialogue/ws"';
}

// ==== failure.js ====
// Why an attempt to connect failed, in words that say what to do.

const NO_SERVER = "there is no Dialogue server, or a proxy does not forward `Upgrade` and `Connection`";
const REDIRECTS = "it redirects, which sockets do not follow. Use the address to which it redirects";
const NO_ANSWER = "a proxy does not reach the server. Check that the server runs";

/** What to do about a status with which a server, or a proxy before it, answers the upgrade. */
const STATUSES = {
  200: NO_SERVER,
  301: REDIRECTS,
  302: REDIRECTS,
  307: REDIRECTS,
  308: REDIRECTS,
  400: "a proxy may have changed the request. Let it forward `Upgrade` and `Connection`",
  401: "it wants credentials of its own",
  403: "it does not accept this origin. Let the proxy forward `Host`, or call `allow_origin`. The server's log says more",
  404: "there is no Dialogue server at this path. Check the path of `url`",
  426: "it speaks no WebSocket here. Let the proxy forward `Upgrade` and `Connection`",
  429: "there are too many connections from this address",
  502: NO_ANSWER,
  503: NO_ANSWER,
  504: NO_ANSWER,
};

/** @type {Record<string, string>} */
const SYSTEM_ERRORS = {
  ECONNREFUSED: "no server listens there",
  ECONNRESET: "the other side closed the connection",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host cannot be resolved now",
  ETIMEDOUT: "there is no answer",
  EPROTO: "there is no TLS, or not of this version. A server without TLS needs `ws:`",
};

const CHECK =
  "Check that the server runs, that `url` has the right path, and the server's log: it may not accept the page's origin";

/**
 * What is known about a failed attempt.
 *
 * @typedef Failure
 * @property {number} code the close code, or 1006
 * @property {string} reason
 * @property {boolean} opened whether the socket was open
 * @property {unknown} [cause] the socket's error, the server's refusal, or why `auth` has failed
 * @property {boolean} [isOfAuth] whether the function `auth` has failed
 */

/**
 * The error for a failed attempt to connect.
 *
 * @param {string} url
 * @param {Failure} failure
 */
function connectFailed(url, failure) {
  const { code: closeCode, cause } = failure;
  const shown = withoutSecrets(url);
  const message = `cannot connect to ${shown}: ${explanation(failure).split(url).join(shown)}`;
  return new DialogueError({ code: "CONNECT_FAILED", message, url: shown, closeCode, cause });
}

/**
 * An address as errors name it: without its query and its password, since errors end up in logs.
 *
 * @param {string} url
 */
function withoutSecrets(url) {
  return url.replace(/\?.*$/s, "").replace(/^(\w+:\/\/)[^/]*@/, "$1");
}

/** @param {Failure} failure */
function explanation({ code, reason, opened, cause, isOfAuth }) {
  if (isOfAuth) return `\`auth\` has failed${cause === undefined ? "" : ` (${/** @type {any} */ (cause)?.message ?? cause})`}`;
  if (cause instanceof DialogueError) return `the server answered ${cause.code} (${cause.message})`;
  if (cause !== undefined) return explained(cause);
  if (reason) return reason;
  if (code !== 1006) return `the server closed the connection with code ${code}`;
  return opened ? "the connection was lost before the server had answered" : `the socket does not say why. ${CHECK}`;
}

/** @param {any} cause an error of a socket; Node's have a code and a message, those of browsers have neither */
function explained(cause) {
  const text = String(cause?.message || cause?.code || cause?.errors?.[0]?.message || "the socket does not say why").trim();
  const status = Number(/Unexpected server response: (\d+)/.exec(text)?.[1]); // the package `ws`
  if (status) {
    const remedy = STATUSES[/** @type {keyof typeof STATUSES} */ (status)];
    return `the server refused the upgrade with HTTP ${status}${remedy ? `: ${remedy}` : ""}`;
  }
  const known = SYSTEM_ERRORS[cause?.code ?? cause?.cause?.code];
  if (known) return text.includes(cause.code) ? `${known} (${text})` : known;
  return `${text.replace(/\.$/, "")}. ${CHECK}`;
}

// ==== backoff.js ====
// How long to wait before the next attempt to connect, or before a request is tried again.

const STABLE_AFTER_MS = 60_000; // a connection that lasted this long resets the doubling, however long the wait was …
const STABLE_AFTER_WAITS = 3; // … and so does one that lasted this many times the wait before it …
const UNSTABLE_WITHIN_MS = 5_000; // … but not one that was shorter than this
const BACKOFF_FIRST_MS = 500; // the longest wait before the first retry; it doubles with each further retry …
const BACKOFF_LONGEST_MS = 30_000; // … up to this
const RETRY_AFTER_LONGEST_MS = 60_000; // a server cannot make a client wait longer

/**
 * Full jitter: the clients of a server that restarts do not reconnect all at once.
 *
 * @param {number} attempt
 */
function backoff(attempt) {
  return Math.random() * Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** attempt);
}

/**
 * How long to wait before the request that failed with this error is tried again.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
function pause(error, attempt) {
  return error.retryAfter === undefined ? backoff(attempt) : asked(error);
}

/**
 * The same for something that is tried until it succeeds: a server may ask for the same short wait each time.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
function growingPause(error, attempt) {
  return Math.max(asked(error), backoff(attempt));
}

/**
 * The same for what many clients send again at the same time: the random part comes after the time that the server asks
 * for.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
function spreadPause(error, attempt) {
  return Math.min(asked(error) + backoff(attempt), RETRY_AFTER_LONGEST_MS);
}

/**
 * How long the server has asked the client to wait, with an error.
 *
 * @param {DialogueError} [error]
 */
function asked(error) {
  return Math.min(error?.retryAfter ?? 0, RETRY_AFTER_LONGEST_MS);
}

/**
 * Whether a connection lasted so long that the next attempts may start with short waits again.
 *
 * @param {number} lasted
 * @param {number} waited the wait before it
 */
function isStable(lasted, waited) {
  return lasted >= STABLE_AFTER_MS || lasted >= Math.max(UNSTABLE_WITHIN_MS, STABLE_AFTER_WAITS * waited);
}

// ==== config.js ====
// The settings of a client and their defaults. Making a client touches nothing of its environment, so that a program may
// do so anywhere: on a server that renders pages, too.

const TIMEOUT_MS = 60_000; // plus the 35 s until silence is noticed: below the 120 s for which servers remember keys
const MAX_PENDING = 10_000; // about as many as the client sends in four minutes
const MAX_PENDING_BYTES = 4 * 1024 * 1024; // so that a client that is offline for long does not fill the memory

/** @typedef {ReturnType<typeof configOf>} Config */

/** @param {Public.ClientOptions} options */
function configOf(options) {
  const { url, auth, WebSocket, timeout = TIMEOUT_MS } = options;
  const { maxPending = MAX_PENDING, maxPendingBytes = MAX_PENDING_BYTES } = options;
  return { url, auth, WebSocket, timeout: Math.min(timeout, TIMEOUT_MS), maxPending, maxPendingBytes };
}

// ==== error.js ====
// The error of the client, as programs receive it, and the errors that the client itself makes.

export class DialogueError extends Error {
  /** @param {ConstructorParameters<typeof Public.DialogueError>[0]} error */
  constructor({ code, message, violations = [], data, retryAfter, roomId, event, closeCode, url, missed, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DialogueError";
    this.code = code;
    this.violations = violations;
    this.data = data;
    this.retryAfter = retryAfter;
    this.roomId = roomId;
    this.event = event;
    this.closeCode = closeCode;
    this.missed = missed;
    this.url = url;
  }
}

/** @param {string} message */
function disconnected(message) {
  return new DialogueError({ code: "DISCONNECTED", message });
}

/**
 * The error for a trigger that was sent, when nothing shows its outcome and it is not repeated.
 *
 * @param {string} why
 * @param {{ roomId?: string, event?: string }} about
 * @param {DialogueError} [cause]
 */
function outcomeUnknown(why, { roomId, event }, cause) {
  const message = `${why}: the event may or may not have been delivered, so do not trigger it again if it must not happen twice`;
  return new DialogueError({ code: "OUTCOME_UNKNOWN", message, roomId, event, cause });
}

/** @param {string} roomId */
function notInRoom(roomId) {
  return new DialogueError({ code: "NOT_IN_ROOM", message: "the client is not in the room", roomId });
}
