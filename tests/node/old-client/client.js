// Dialogue's client for browsers and Node: one module without dependencies, served by the server itself. `client.d.ts` says
// what each public member does; the repository's docs/protocol.md, what goes over the wire.
//
// From the outside in: `DialogueClient` and `JoinedRoom` are the API and hold nothing. `Session` is what goes on between
// `connect` and `disconnect`, over however many connections. `Membership` is one room: its position, its handlers. `Requests`
// is what waits for an answer. `Link` is one connection. Frames are handled from end to end in the call that brings them, so
// that nothing is queued; what is asked for is bounded by `maxPending`. Handlers are called by `Telling` alone, when what they
// are told of is done: they may call anything.

/** @import * as Public from "./client.js" */
/** @typedef {Record<string, any>} Frame */
/** @typedef {Public.JoinedRoom<any>} AnyRoom */

const PROTOCOL = 1;
const SOCKET_PATH = "/dialogue/ws"; // a server with another base path gives this module out with its own here
const CONNECT_ID = 0; // of the `connect` that opens a connection; other requests count from 1
const BACKOFF_FIRST_MS = 500; // the most that the first retry waits; each further one may wait twice as long …
const BACKOFF_LONGEST_MS = 30_000; // … up to this
const STABLE_AFTER_MS = 60_000; // a connection that lasted so long ends the doubling
const CONNECTED_WITHIN_MS = 10_000; // the server takes no longer either
const AUTH_WITHIN_MS = 30_000;
const PONG_WITHIN_MS = 10_000;
const TIMEOUT_MS = 60_000; // with the 35 s until silence is noticed, well below the 120 s that servers remember keys
const LONGEST_TIMER_MS = 2 ** 31 - 1; // longer ones fire at once
const MAX_PENDING = 96; // with a hundred rooms to join again, a reconnect stays within the rate limit of 200 frames
const MAX_LISTED = 10_000;
const REJOIN_ATTEMPTS = 8;

const MEND_THE_CLIENT = [1002, 1003, 1007, 1009];
const REFUSALS = ["INVALID_REQUEST", "UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL"]; // the same `connect` fails again
const TRY_AGAIN = ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL", "TIMEOUT"];
const BEFORE_THE_KEY = ["RATE_LIMITED", "ROOM_NOT_FOUND"]; // said of a trigger before the server looks its key up

export class DialogueError extends Error {
  /** @param {ConstructorParameters<typeof Public.DialogueError>[0]} error */
  constructor({ code, message, violations = [], retryAfter, roomId, event, closeCode, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DialogueError";
    this.code = code;
    this.violations = violations;
    this.retryAfter = retryAfter;
    this.roomId = roomId;
    this.event = event;
    this.closeCode = closeCode;
  }
}

/** @implements {Public.DialogueClient<any>} */
export class DialogueClient {
  #session;

  /** @param {Public.ClientOptions} [options] */
  constructor(options = {}) {
    this.#session = new Session(options);
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
    return [...this.#session.rooms.values()].map((room) => room.handle);
  }

  connect() {
    return this.#session.connect();
  }
  disconnect() {
    this.#session.disconnect();
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
    return this.#session.listeners.add("connect", handler);
  }
  /** @param {(disconnected: Public.Disconnected) => void} handler */
  onDisconnect(handler) {
    return this.#session.listeners.add("disconnect", handler);
  }
  /** @param {(change: Public.StateChange) => void} handler */
  onStateChange(handler) {
    return this.#session.listeners.add("state", handler);
  }
  /** @param {(error: unknown) => void} handler */
  onError(handler) {
    return this.#session.listeners.add("error", handler);
  }
  /** @param {(room: AnyRoom) => void} handler */
  onJoined(handler) {
    return this.#session.listeners.add("joined", handler);
  }
  /** @param {(room: Public.RoomInfo) => void} handler */
  onRoomCreated(handler) {
    return this.#session.listeners.add("roomCreated", handler);
  }
  /** @param {(room: { roomId: string }) => void} handler */
  onRoomDeleted(handler) {
    return this.#session.listeners.add("roomDeleted", handler);
  }
  /** @param {(history: Public.RoomHistory<any>) => void} handler */
  onHistory(handler) {
    return this.#session.listeners.add("history", handler);
  }
  /** @param {(direct: { event: string, data: unknown }) => void} handler */
  onDirect(handler) {
    return this.#session.listeners.add("direct", handler);
  }
}

/** @implements {Public.JoinedRoom<any>} */
class JoinedRoom {
  #session;
  #membership;

  /**
   * @param {Session} session
   * @param {Membership} membership
   */
  constructor(session, membership) {
    this.#session = session;
    this.#membership = membership;
  }

  get id() {
    return this.#membership.id;
  }
  get name() {
    return this.#membership.name;
  }
  get state() {
    return this.#membership.state;
  }
  get subscriptions() {
    return [...this.#membership.subscriptions];
  }
  get epoch() {
    return this.#membership.epoch;
  }
  get seq() {
    return this.#membership.seq;
  }

  /**
   * @param {string} event
   * @param {unknown} [data]
   * @param {Public.TriggerOptions} [options]
   * @returns {Promise<Public.Triggered>}
   */
  async trigger(event, data, { meta, key, volatile = false } = {}) {
    const named = key ?? (volatile ? undefined : randomKey());
    const frame = { type: "trigger", roomId: this.id, event, data, meta, key: named };
    const { seq } = await this.#request(frame, { repeat: !volatile, isTrigger: true });
    return seq === undefined ? {} : { seq };
  }

  /**
   * @param {string} event
   * @param {(message: any) => void} handler
   */
  on(event, handler) {
    return this.#membership.events.add(event, handler);
  }
  /** @param {(message: any) => void} handler */
  onAny(handler) {
    return this.#membership.listeners.add("any", handler);
  }
  /** @param {(history: Public.RoomHistory<any>) => void} handler */
  onHistory(handler) {
    return this.#membership.listeners.add("history", handler);
  }
  /** @param {(recovery: { recovered: boolean }) => void} handler */
  onRecovered(handler) {
    return this.#membership.listeners.add("recovered", handler);
  }
  /** @param {(left: { reason: string | undefined }) => void} handler */
  onLeft(handler) {
    return this.#membership.listeners.add("left", handler);
  }

  /** @param {string} event */
  async subscribe(event) {
    const taken = () => this.#membership.subscribed(event);
    await this.#widen([event], { type: "subscribe", roomId: this.id, event }, taken);
  }
  async subscribeAll() {
    const room = this.#membership;
    const taken = () => room.subscribedToAll();
    await this.#widen([...room.except], { type: "subscribeAll", roomId: this.id }, taken);
  }
  /** @param {string} event */
  async unsubscribe(event) {
    const taken = () => this.#membership.unsubscribed(event);
    await this.#request({ type: "unsubscribe", roomId: this.id, event }, { taken });
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
    await this.#session.leave(this.#membership);
  }

  /**
   * Subscribes to events, which may come before the answer does.
   *
   * @param {string[]} events
   * @param {Frame} frame
   * @param {() => void} taken
   */
  async #widen(events, frame, taken) {
    const { except } = this.#membership;
    const again = events.filter((event) => except.delete(event));
    const failed = () => again.forEach((event) => except.add(event));
    await this.#request(frame, { taken, failed });
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} [options]
   */
  #request(frame, options) {
    return this.#session.request(frame, { ...options, room: this.#membership });
  }
}

/** From `connect` to `disconnect`: the connection that is made again, and the rooms that are joined again on it. */
class Session {
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
  #telling = new Telling();
  listeners = new Listeners((error) => this.report(error));

  #url;
  #auth;
  #WebSocket;
  #requests;
  /** @type {Link | null} */
  #link = null;
  /** @type {Opening | null} */
  #opening = null; // what `connect` has promised
  #dials = 0; // tells a dial that was given up from the current one
  #attempt = 0;
  #connectedAt = 0;
  /** @type {Timer} */
  #retry;
  /** @type {Timer} */
  #renewal;
  /** @type {Timer} */
  #patience; // with the `auth` that is awaited
  /** @type {Map<string, Timer>} */
  #strays = new Map(); // rooms that the server has the client in, though it has given up joining them
  /** @type {string | undefined} */
  #resume; // lets the next connection take the place of a lost one
  /** @type {DialogueError | undefined} */
  #refusal; // why `connect` was refused

  /** @param {Public.ClientOptions} options */
  constructor({ url, auth, WebSocket = globalThis.WebSocket, timeout = TIMEOUT_MS, maxPending = MAX_PENDING }) {
    if (!WebSocket) throw new TypeError("there is no WebSocket here: pass one, such as that of the package `ws`");
    this.#url = socketUrl(url);
    this.#auth = auth;
    this.#WebSocket = WebSocket;
    this.#requests = new Requests(Math.min(timeout, TIMEOUT_MS), maxPending);
  }

  get connected() {
    return this.state === "connected";
  }

  /** @returns {Promise<void>} */
  connect() {
    if (this.connected) return Promise.resolve();
    this.#opening ??= new Opening();
    const { promise } = this.#opening;
    if (this.state !== "connecting") this.#dial();
    return promise;
  }

  disconnect() {
    this.#resume = undefined;
    this.#attempt = 0;
    const error = disconnected("the client has disconnected");
    this.#telling.during(() => {
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
    const stays = room && !room.leaving && !room.mayBeLeft;
    if (stays && !subscriptions) return room.handle;
    const names = subscriptions && JSON.stringify(subscriptions);
    // The history is told once: whoever joins at the same time, as a component does that is mounted twice, shall hear it, too.
    const last = this.#requests.lastMove(id);
    if (!stays && last?.joining && (!names || names === last.names)) return last.joining;
    const take = (/** @type {Frame} */ joined) => {
      if (subscriptions) this.rooms.get(id)?.hearAll();
      return this.#joined(joined);
    };
    /** @type {Move} */
    const move = { roomId: id, names };
    move.joining = this.request({ type: "join", roomId: id, subscriptions }, { room: stays ? room : undefined, move, take });
    move.joining.catch(() => this.#leaveStray(id));
    return move.joining;
  }

  /** @param {Membership} room */
  leave(room) {
    if (room.state === "left") return;
    // The server forgets memberships with the connection.
    if (!this.connected) return this.#left(room, undefined, notInRoom(room.id));
    room.leaving ??= this.#requests
      .add({ type: "leave", roomId: room.id }, { repeat: false, unbounded: true, move: { roomId: room.id } }, this)
      .catch((error) => {
        if (!["DISCONNECTED", "NOT_IN_ROOM", "ROOM_NOT_FOUND"].includes(error.code)) {
          room.leaving = undefined;
          room.mayBeLeft = error.code === "TIMEOUT";
          this.#requests.sendWaiting(this);
          // The way back may have been given up meanwhile, since it was not wanted.
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
    if (this.state === "closed") return Promise.reject(disconnected("there is no connection: call `connect`"));
    return this.#requests.add(frame, options, this);
  }

  /**
   * Whether a request could be answered now: not without a connection, and in a room not before it is joined again, nor
   * behind the request to leave it.
   *
   * @param {Membership} [room]
   */
  reaches(room) {
    return this.connected && (!room || (room.state === "joined" && !room.leaving));
  }

  /** @param {string} text */
  send(text) {
    this.#link?.send(text);
  }

  /** @param {unknown} error */
  report(error) {
    if (!this.listeners.has("error")) reportGlobally(error);
    else this.#tell("error", error);
  }

  /**
   * @param {string} name
   * @param {unknown} argument
   */
  #tell(name, argument) {
    this.#telling.add(() => this.listeners.call(name, argument));
  }

  // ---- Connections come and go ------------------------------------------------------------------------------------

  async #dial() {
    const dial = ++this.#dials;
    clearTimeout(this.#retry);
    this.#refusal = undefined;
    this.#enter({ state: "connecting" });
    if (dial !== this.#dials) return;
    let auth;
    try {
      auth = await this.#credentials();
    } catch (error) {
      if (dial !== this.#dials) return;
      if (error instanceof DialogueError && error.code === "UNAUTHENTICATED") return this.#end(1000, "", error);
      return this.#telling.during(() => {
        this.report(error);
        this.#wait(1006);
      });
    }
    if (dial !== this.#dials) return;
    try {
      const resume = this.#resume;
      const connect = JSON.stringify({ type: "connect", id: CONNECT_ID, protocol: PROTOCOL, auth, resume });
      const socket = new this.#WebSocket(this.#url);
      this.#link = new Link(socket, connect, this.#hear.bind(this), this.#lost.bind(this));
    } catch (cause) {
      // An address that no socket can be opened at, or an `auth` that is no JSON: the next attempt would fail, too.
      this.#end(1006, "", new DialogueError({ code: "CLOSED", message: String(cause), closeCode: 1006, cause }));
    }
  }

  /** @returns {Promise<Public.Auth>} */
  #credentials() {
    const auth = this.#auth;
    if (typeof auth !== "function") return Promise.resolve(auth);
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new DialogueError({ code: "TIMEOUT", message: "`auth` has given no answer" }));
      const timer = setTimeout(giveUp, AUTH_WITHIN_MS);
      this.#patience = timer;
      const asking = (async () => auth())();
      asking.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** @param {Frame} connected */
  #online(connected) {
    const again = this.userId !== undefined;
    const anotherUser = again && this.userId !== connected.userId;
    this.#link?.watch(connected.pingInterval);
    this.#connectedAt = performance.now();
    this.userId = connected.userId;
    this.clientId = connected.clientId;
    this.fingerprint = connected.fingerprint;
    this.#requests.maxBytes = connected.maxMessageBytes;
    this.#renewed(connected);
    if (anotherUser) this.#requests.rejectTriggers("the user is another now");
    const opening = this.#opening;
    this.#opening = null;
    this.#telling.during(() => {
      this.#enter({ state: "connected" });
      this.#tell("connect", { userId: connected.userId, clientId: connected.clientId, again });
      for (const room of this.rooms.values()) if (!room.leaving) this.#rejoin(room);
      this.#requests.sendWaiting(this);
      opening?.resolve();
    });
  }

  /** @param {Frame} connected */
  #renewed({ resume, expiresIn }) {
    this.#resume = resume;
    clearTimeout(this.#renewal);
    if (expiresIn !== undefined) this.#renewIn(0.9 * expiresIn, performance.now() + expiresIn);
  }

  /**
   * @param {number} delay
   * @param {number} expiresAt
   */
  #renewIn(delay, expiresAt) {
    this.#renewal = setTimeout(() => this.#renew(expiresAt), Math.min(delay, LONGEST_TIMER_MS));
  }

  /** @param {number} expiresAt */
  async #renew(expiresAt) {
    const link = this.#link;
    try {
      const auth = await this.#credentials();
      if (link !== this.#link) return;
      const taken = (/** @type {Frame} */ connected) => this.#renewed(connected);
      const connect = { type: "connect", protocol: PROTOCOL, auth };
      await this.#requests.add(connect, { repeat: false, unbounded: true, taken }, this);
    } catch (error) {
      if (link !== this.#link) return;
      this.#telling.during(() => {
        this.report(error);
        // The session stands until it expires: try again while there is time, and then the server closes with 4001.
        const left = expiresAt - performance.now();
        if (left > 2_000) this.#renewIn(left / 2, expiresAt);
      });
    }
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    const refusal = this.#refusal;
    if (isFinal(code) || refusal) {
      const message = reason || `the server closed the connection with ${code}`;
      return this.#end(code, reason, refusal ?? new DialogueError({ code: "CLOSED", message, closeCode: code }));
    }
    if (this.connected && performance.now() - this.#connectedAt >= STABLE_AFTER_MS) this.#attempt = 0;
    this.#wait(code, reason);
  }

  /** Waits for the next attempt. Full jitter: a server that restarts is not met by all its clients at once. */
  #wait(code = 1006, reason = "") {
    const delay = backoff(this.#attempt++);
    this.#retry = setTimeout(() => this.#dial(), delay);
    this.#off({ state: "waiting", delay, code }, reason);
  }

  /**
   * Ends for good, until `connect` is called again.
   *
   * @param {number} code
   * @param {string} reason
   * @param {DialogueError} error
   */
  #end(code, reason, error, asked = false) {
    this.#dials += 1;
    clearTimeout(this.#retry);
    const opening = this.#opening;
    this.#opening = null;
    this.#requests.rejectAll(error);
    if (this.state !== "closed") this.#off({ state: "closed", code, error: asked ? undefined : error }, reason);
    opening?.reject(error);
  }

  /**
   * @param {Public.StateChange} change
   * @param {string} reason
   */
  #off(change, reason) {
    const wasConnected = this.connected;
    this.#link?.close();
    this.#link = null;
    clearTimeout(this.#renewal);
    clearTimeout(this.#patience);
    this.clientId = undefined;
    for (const id of this.#strays.keys()) this.#forgetStray(id);
    for (const room of this.rooms.values()) room.lost();
    this.#requests.lost();
    const { code = 1006, state } = change;
    this.#telling.during(() => {
      this.#enter(change);
      if (wasConnected) this.#tell("disconnect", { code, reason, willReconnect: state === "waiting" });
    });
  }

  /** @param {Public.StateChange} change */
  #enter(change) {
    this.state = change.state;
    this.#tell("state", change);
  }

  // ---- Rooms are joined again -------------------------------------------------------------------------------------

  /** @param {Membership} room */
  #rejoin(room, attempt = 0) {
    const link = this.#link;
    const frame = { type: "join", roomId: room.id, ...room.position() };
    const take = (/** @type {Frame} */ joined) => this.#joinedLate(joined);
    this.#requests.add(frame, { repeat: false, unbounded: true, take }, this).catch((error) => {
      const isDue = () => link === this.#link && room.state === "rejoining" && !room.leaving;
      if (!isDue()) return; // the next connection tries again
      if (!TRY_AGAIN.includes(error.code) || attempt === REJOIN_ATTEMPTS) return this.#barred(room, error);
      room.retry = setTimeout(() => isDue() && this.#rejoin(room, attempt + 1), pause(error, attempt));
    });
  }

  /**
   * There is no way back. The client has left the room, unless the server has taken it in all the same.
   *
   * @param {Membership} room
   * @param {DialogueError} error
   */
  #barred(room, error) {
    if (!room.takenIn) return this.#left(room, error.code, error);
    room.settle([...room.takenIn]);
    this.#isBack(room);
    this.report(error);
  }

  /** @param {Membership} room */
  #isBack(room) {
    this.#narrow(room);
    this.#requests.sendWaiting(this);
  }

  /**
   * The wildcard of a new membership is whole again. If that cannot be changed, what comes is not told all the same.
   *
   * @param {Membership} room
   */
  #narrow(room) {
    for (const event of room.except) {
      const frame = { type: "unsubscribe", roomId: room.id, event };
      this.#requests.add(frame, { repeat: false, unbounded: true, room }, this).catch(() => {});
    }
  }

  /** @param {Frame} frame */
  #joined(frame) {
    this.#forgetStray(frame.roomId);
    let room = this.rooms.get(frame.roomId);
    if (!room) {
      const report = (/** @type {unknown} */ error) => this.report(error);
      const handle = (/** @type {Membership} */ membership) => new JoinedRoom(this, membership);
      room = new Membership(frame.roomId, this.#telling, this.listeners, report, handle);
      this.rooms.set(frame.roomId, room);
      room.begin(frame);
      this.#tell("joined", room.handle);
      return room.handle;
    }
    const { epoch, state } = room;
    const recovered = room.enter(frame);
    if (room.epoch !== epoch) this.#requests.rejectTriggers("the room is another now", room);
    // Before anything is told: what a handler asks for comes behind what was asked for before.
    if (room.state !== state) this.#isBack(room);
    room.joined(frame, recovered);
    return room.handle;
  }

  /**
   * A `joined` that the application may have ceased to wait for. For a room that it knows, it counts like any other, since
   * the server says nothing of it twice. Any other is left, unless it has asked for it anew.
   *
   * @param {Frame} frame
   */
  #joinedLate(frame) {
    if (this.rooms.has(frame.roomId)) return this.#joined(frame);
    this.#strays.set(frame.roomId, undefined);
    this.#leaveStray(frame.roomId);
  }

  /** @param {string} id */
  #leaveStray(id, attempt = 0) {
    if (this.#requests.lastMove(id)?.joining || !this.#forgetStray(id)) return;
    const link = this.#link;
    this.#requests.add({ type: "leave", roomId: id }, { repeat: false, unbounded: true }, this).catch((error) => {
      if (link !== this.#link || this.rooms.has(id) || !TRY_AGAIN.includes(error.code)) return;
      this.#strays.set(id, setTimeout(() => this.#leaveStray(id, attempt + 1), pause(error, attempt)));
    });
  }

  /**
   * Returns whether it was one.
   *
   * @param {string} id
   */
  #forgetStray(id) {
    clearTimeout(this.#strays.get(id));
    return this.#strays.delete(id);
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

  // ---- What the server says ---------------------------------------------------------------------------------------

  /** @param {Frame} frame */
  #hear(frame) {
    switch (frame.type) {
      case "event": {
        const { type, ...message } = frame;
        return this.rooms.get(frame.roomId)?.hear(/** @type {Public.EventMessage} */ (message));
      }
      case "connected":
        if (frame.id === CONNECT_ID) this.#online(frame);
        // Late or not, it has the secret by which the server will know this client again.
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
        return this.#tell("roomCreated", frame.room);
      case "roomDeleted":
        this.#requests.answer(frame);
        return this.#tell("roomDeleted", { roomId: frame.roomId });
      case "direct":
        return this.#tell("direct", { event: frame.event, data: frame.data });
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
    if (REFUSALS.includes(error.code)) this.#refusal = error;
    // The server goes on waiting, for a better `connect` than there is.
    if (error.code === "INVALID_REQUEST") this.#lost(1006, "");
  }
}

/** One room that the client is in, across connections. Handlers are called in the order of what they are told of. */
class Membership {
  name = "";
  epoch = "";
  seq = 0;
  /** @type {"joined" | "rejoining" | "left"} */
  state = "joined";
  /** @type {Set<string>} */
  subscriptions = new Set();
  /** @type {Set<string>} */
  except = new Set(); // what the wildcard does not stand for any more
  /** @type {Promise<unknown> | undefined} */
  leaving;
  mayBeLeft = false; // late: a join that is sent now leads in again
  /** @type {Set<string> | undefined} */
  takenIn; // subscriptions where the server has taken the client in by itself, and the way back is not yet answered
  #hasHole = false; // what was missed does not begin at `seq`
  /** @type {Timer} */
  retry; // of the way back
  #telling;
  #all;
  /** @type {(() => void)[]} */
  #untold = [];
  #handled = true;
  #isOver = false; // for who has left of its own will

  /**
   * @param {string} id
   * @param {Telling} telling
   * @param {Listeners} all those of the client
   * @param {(error: unknown) => void} report
   * @param {(membership: Membership) => AnyRoom} handle
   */
  constructor(id, telling, all, report, handle) {
    this.id = id;
    this.#telling = telling;
    this.#all = all;
    this.events = new Listeners(report);
    this.listeners = new Listeners(report);
    this.handle = handle(this);
  }

  /**
   * The first join. Whoever awaits it attaches handlers only when this call has returned, but some sockets go on with the
   * next frame at once: what comes before the handlers can be there waits for them.
   *
   * @param {Frame} frame
   */
  begin(frame) {
    this.#handled = false;
    queueMicrotask(() => (this.#handled = true));
    setTimeout(() => this.#catchUp(), 0);
    this.enter(frame);
    this.seq = frame.seq;
    this.#start(frame.events, false);
  }

  /**
   * The client is in the room. Returns whether nothing was missed, or undefined where there is nothing to tell of that.
   *
   * @param {Frame} frame
   */
  enter(frame) {
    const recovered = this.#recovered(frame);
    Object.assign(this, { mayBeLeft: false, name: frame.roomName, epoch: frame.epoch });
    // The answer to the way back is still to come, and restores what was subscribed to.
    if (frame.id === undefined && this.state === "rejoining") this.takenIn = new Set(frame.subscriptions);
    else this.settle(frame.subscriptions);
    return recovered;
  }

  /** @param {Frame} frame */
  #recovered({ epoch, seq, subscriptions, recovered }) {
    if (epoch !== this.epoch) return false;
    const heard = this.state === "joined" ? this.subscriptions : this.takenIn;
    // A join that does not say where the client was asks for nothing that was before it.
    if (heard && (recovered !== false || !widens(subscriptions, heard))) return undefined;
    // The server's own join is not asked where the client was; if nothing has happened since, nothing is missed.
    return recovered ?? (!this.#hasHole && seq === this.seq);
  }

  /**
   * The client hears what it is subscribed to.
   *
   * @param {string[]} subscriptions
   */
  settle(subscriptions) {
    if (!subscriptions.includes("*")) this.hearAll();
    this.subscriptions = new Set(subscriptions.filter((name) => !this.except.has(name)));
    this.state = "joined";
    this.takenIn = undefined;
    this.#hasHole = false;
  }

  /**
   * Takes from a join what has happened in a room that one was in: before a lost connection, before subscriptions were
   * changed, or before the server took one in.
   *
   * @param {Frame} frame
   * @param {boolean | undefined} recovered
   */
  joined(frame, recovered) {
    if (recovered) for (const message of frame.events) this.hear(message);
    // Without a loss, everything up to its number has come on this connection already.
    this.seq = frame.seq;
    if (recovered === undefined) return;
    if (!recovered) this.#start(frame.events, true);
    this.#tell(() => this.listeners.call("recovered", { recovered }));
  }

  /** @param {Public.EventMessage} message */
  hear(message) {
    if (message.seq !== undefined && message.seq <= this.seq) return;
    this.advance(message.seq);
    if (this.except.has(message.event)) return; // missed, or sent before a new membership was narrowed
    this.#tell(() => {
      this.events.call(message.event, message);
      this.listeners.call("any", message);
    });
  }

  /** @param {number} [seq] everything that was for this client up to there has come */
  advance(seq = 0) {
    if (seq > this.seq) this.seq = seq;
  }

  /** Nothing is left out of the wildcard. What has failed and is put back goes into a set of before. */
  hearAll() {
    this.except = new Set();
  }

  /** @param {string} event */
  subscribed(event) {
    this.subscriptions.add(event);
    this.except.delete(event);
  }

  subscribedToAll() {
    this.subscriptions = new Set(["*", ...this.subscriptions]);
    this.hearAll();
  }

  /** @param {string} event */
  unsubscribed(event) {
    this.subscriptions.delete(event);
    if (this.subscriptions.has("*")) this.except.add(event);
  }

  /** What to join again with. The wildcard stands for the names: it is not known which are behind it. */
  position() {
    const { seq, subscriptions } = this;
    const epoch = this.#hasHole ? "" : this.epoch; // of no room: it is a gap
    return { since: { epoch, seq }, subscriptions: subscriptions.has("*") ? ["*"] : [...subscriptions] };
  }

  lost() {
    clearTimeout(this.retry);
    if (this.takenIn) this.#hasHole ||= widens(this.subscriptions, this.takenIn);
    this.takenIn = undefined;
    if (this.state === "joined") this.state = "rejoining";
  }

  /** @param {string} [reason] undefined if the client wanted to: then nothing else is told any more */
  left(reason) {
    if (this.state === "left") return;
    clearTimeout(this.retry);
    this.state = "left";
    this.#isOver = reason === undefined;
    this.#put(() => this.listeners.call("left", { reason }));
  }

  /**
   * @param {Public.EventMessage[]} events
   * @param {boolean} gap
   */
  #start(events, gap) {
    const heard = events.filter(({ event }) => !this.except.has(event));
    const history = { room: this.handle, roomId: this.id, events: heard, gap };
    this.#tell(() => {
      this.listeners.call("history", history);
      this.#all.call("history", history);
    });
  }

  /** @param {() => void} tell */
  #tell(tell) {
    this.#put(() => this.#isOver || tell());
  }

  /** @param {() => void} tell */
  #put(tell) {
    this.#untold.push(tell);
    if (this.#handled) this.#catchUp();
  }

  #catchUp() {
    this.#telling.during(() => this.#untold.splice(0).forEach((tell) => this.#telling.add(tell)));
  }
}

/**
 * @typedef Move into a room or out of it, that the application has asked for
 * @property {string} roomId
 * @property {string} [names] the subscriptions of a join, if it names them
 * @property {Promise<any>} [joining] what comes of a join
 */

/**
 * @typedef RequestOptions
 * @property {boolean} [repeat] whether it waits for a connection, and is sent again after a lost one; otherwise it is rejected
 * @property {Membership} [room] the room that must be joined before it is sent
 * @property {boolean} [isTrigger] whether it may only be repeated where the server knows the repetition
 * @property {boolean} [unbounded] whether it is the client's own, and does not count
 * @property {Move} [move]
 * @property {(frame: Frame) => void} [taken] is told of the answer, before anything that comes after it
 * @property {() => void} [failed] is told that it is rejected, before anything that comes after it
 * @property {(frame: Frame) => unknown} [take] the same, and makes of it what the request resolves with
 */

/**
 * @typedef Pending
 * @property {string} text
 * @property {RequestOptions} options
 * @property {boolean} sent on the connection that there is
 * @property {string | null} epoch in which it was first sent
 * @property {boolean} repeats whether it was sent before, on another connection
 * @property {Timer} timer
 * @property {(value: any) => void} resolve
 * @property {(error: DialogueError) => void} reject
 */

/** What waits for an answer, or for a connection to be sent on, in the order in which it was asked for. */
class Requests {
  maxBytes = Infinity;
  #timeout;
  #max;
  #nextId = CONNECT_ID + 1;
  /** @type {Map<number, Pending>} */
  #pending = new Map();

  /**
   * @param {number} timeout
   * @param {number} max
   */
  constructor(timeout, max) {
    this.#timeout = timeout;
    this.#max = max;
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} options
   * @param {Session} session
   * @returns {Promise<any>}
   */
  add(frame, options, session) {
    return new Promise((resolve, rejects) => {
      const reject = (/** @type {DialogueError} */ error) => {
        options.failed?.();
        rejects(error);
      };
      const refusal = this.#refusal(options, session);
      if (refusal) return reject(refusal);
      const id = this.#nextId++;
      const text = JSON.stringify({ ...frame, id });
      const timer = setTimeout(() => this.#expire(id), this.#timeout);
      const pending = { text, options, sent: false, epoch: null, repeats: false, timer, resolve, reject };
      this.#pending.set(id, pending);
      if (session.reaches(options.room)) this.#send(id, pending, session);
    });
  }

  /**
   * Why a request cannot be made.
   *
   * @param {RequestOptions} options
   * @param {Session} session
   */
  #refusal({ repeat = true, room, unbounded }, session) {
    if (room?.leaving || room?.state === "left") return notInRoom(room.id);
    if (!repeat && !session.reaches(room)) return disconnected("there is no connection");
    if (unbounded || this.#pending.size < this.#max) return undefined;
    return new DialogueError({ code: "OVERLOADED", message: "too many requests are waiting for their answers" });
  }

  /**
   * Settles the request that a frame answers; false if there is none.
   *
   * @param {Frame} frame
   * @param {DialogueError} [error]
   */
  answer(frame, error) {
    const pending = this.#remove(frame.id);
    if (!pending) return false;
    const { room, taken, take } = pending.options;
    if (error) {
      const isUnknown = pending.repeats && BEFORE_THE_KEY.includes(error.code);
      pending.reject(isUnknown ? unknown(`the repetition was refused with ${error.code}`, error) : error);
    } else {
      if (frame.type === "ok") room?.advance(frame.seq);
      taken?.(frame);
      pending.resolve(take ? take(frame) : frame);
    }
    return true;
  }

  /**
   * The last that was asked for of those that wait.
   *
   * @param {string} roomId
   */
  lastMove(roomId) {
    const moves = [...this.#pending.values()].map(({ options }) => options.move);
    return moves.filter((move) => move?.roomId === roomId).at(-1);
  }

  /** @param {Session} session */
  sendWaiting(session) {
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.sent && session.reaches(pending.options.room)) this.#send(id, pending, session);
    }
  }

  /** The connection is lost: what may be repeated waits for the next. */
  lost() {
    for (const [id, pending] of this.#pending) {
      pending.repeats ||= pending.sent && pending.options.isTrigger === true;
      pending.sent = false;
      const isOver = pending.options.repeat === false || pending.options.room?.state === "left";
      if (isOver) this.#reject(id, disconnected("the connection was lost before the answer"));
    }
  }

  /** @param {DialogueError} error */
  rejectAll(error) {
    for (const id of this.#pending.keys()) this.#reject(id, error);
  }

  /**
   * The room is left. What is under way may have been done before that: its answer says so.
   *
   * @param {Membership} room
   * @param {DialogueError} error
   */
  left(room, error) {
    for (const [id, { options, sent, repeats }] of this.#pending) {
      if (options.room !== room || sent) continue;
      this.#reject(id, repeats ? unknown("the room is left", error) : error);
    }
  }

  /**
   * Rejects the triggers whose repetition the server would not know: all, or those sent when the room had another epoch.
   *
   * @param {string} why
   * @param {Membership} [room]
   */
  rejectTriggers(why, room) {
    for (const [id, { options, epoch }] of this.#pending) {
      const stale = !room || (options.room === room && epoch !== null && epoch !== room.epoch);
      if (options.isTrigger && stale) this.#reject(id, unknown(why));
    }
  }

  /**
   * @param {number} id
   * @param {Pending} pending
   * @param {Session} session
   */
  #send(id, pending, session) {
    // One that is too long would end the connection for good.
    if (isLonger(pending.text, this.maxBytes)) {
      const message = `the server takes no message of more than ${this.maxBytes} bytes`;
      return this.#reject(id, pending.repeats ? unknown(message) : new DialogueError({ code: "LIMIT_EXCEEDED", message }));
    }
    pending.sent = true;
    pending.epoch ??= pending.options.room?.epoch ?? null;
    session.send(pending.text);
  }

  /** @param {number} id */
  #expire(id) {
    const error = this.#pending.get(id)?.sent
      ? new DialogueError({ code: "TIMEOUT", message: "the server did not answer in time" })
      : disconnected("the connection did not come back in time");
    this.#reject(id, error);
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
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}

/** One connection: from the opening of its socket to its end, which is told once, and not after `close`. */
class Link {
  #socket;
  #hear;
  #end;
  #interval = 0;
  /** @type {Timer} */
  #timer;

  /**
   * @param {Public.WebSocketLike} socket
   * @param {string} connect
   * @param {(frame: Frame) => void} hear
   * @param {(code: number, reason: string) => void} end
   */
  constructor(socket, connect, hear, end) {
    this.#socket = socket;
    this.#hear = hear;
    this.#end = end;
    this.#timer = setTimeout(() => this.#ends(1006, "the server did not answer in time"), CONNECTED_WITHIN_MS);
    socket.onopen = () => this.send(connect);
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#ends(code, String(reason ?? ""));
    socket.onerror = () => {}; // a close follows; in Node, an error that nobody hears would end the process
  }

  /**
   * Once connected, silence is asked about with a ping, and more silence ends the connection: pages do not see the pings
   * of the WebSocket itself.
   *
   * @param {number} interval
   */
  watch(interval) {
    this.#interval = Math.min(interval, LONGEST_TIMER_MS);
    this.#listen();
  }

  /** @param {string} text */
  send(text) {
    this.#socket.send(text);
  }

  close() {
    clearTimeout(this.#timer);
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    this.#socket.close();
  }

  /** @param {unknown} data */
  #receive(data) {
    if (this.#interval > 0) this.#listen();
    const frame = frameIn(data);
    if (frame) this.#hear(frame);
    else this.#ends(1006, "the server sent something that is no frame");
  }

  #listen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send(`{"type":"ping"}`);
      this.#timer = setTimeout(() => this.#ends(1006, "the server is silent"), PONG_WITHIN_MS);
    }, this.#interval);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #ends(code, reason) {
    this.close();
    this.#end(code, reason);
  }
}

/**
 * Calls handlers one after the other and never within each other, in the order of what they are told of: what a handler brings
 * about is told when all have been told what it was called for.
 */
class Telling {
  /** @type {(() => void)[]} */
  #queue = [];
  #isHeld = false;

  /** @param {() => void} tell */
  add(tell) {
    this.during(() => this.#queue.push(tell));
  }

  /**
   * Makes a change, and tells of it when it is made from end to end: a handler may undo it.
   *
   * @param {() => void} change
   */
  during(change) {
    if (this.#isHeld) return change();
    this.#isHeld = true;
    try {
      change();
      for (const tell of this.#queue) tell();
    } finally {
      this.#queue = [];
      this.#isHeld = false;
    }
  }
}

/** Handlers by the name of what they are for. One that fails is reported, and the others are called all the same. */
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
    // What fails while an error is told has nobody else to be told to.
    const report = name === "error" ? reportGlobally : this.#report;
    const entries = this.#handlers.get(name) ?? new Set();
    for (const entry of [...entries]) {
      if (!entries.has(entry)) continue; // ended by one before it
      try {
        const result = entry.handler(argument);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** A promise to be settled from outside. */
class Opening {
  resolve = () => {};
  /** @type {(error: DialogueError) => void} */
  reject = () => {};
  /** @type {Promise<void>} */
  promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
}

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */

/**
 * The frame that a message is; undefined if it is none.
 *
 * @param {unknown} data
 * @returns {Frame | undefined}
 */
function frameIn(data) {
  try {
    const frame = JSON.parse(String(data));
    return typeof frame?.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}

/** @param {number} attempt */
function backoff(attempt) {
  return Math.random() * Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** attempt);
}

/**
 * How long to wait before what came to this error is tried again.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
function pause({ retryAfter }, attempt) {
  return Math.min(retryAfter ?? backoff(attempt), LONGEST_TIMER_MS);
}

/** @param {number} code */
function isFinal(code) {
  return MEND_THE_CLIENT.includes(code) || (code >= 4500 && code <= 4999);
}

/** @param {string} message */
function disconnected(message) {
  return new DialogueError({ code: "DISCONNECTED", message });
}

/**
 * Of a trigger that was sent before the connection was lost: what has come since does not say what came of that.
 *
 * @param {string} why
 * @param {DialogueError} [cause]
 */
function unknown(why, cause) {
  const message = `the connection was lost before the answer, and ${why}`;
  return new DialogueError({ code: "DISCONNECTED", message, roomId: cause?.roomId, event: cause?.event, cause });
}

/** @param {string} roomId */
function notInRoom(roomId) {
  return new DialogueError({ code: "NOT_IN_ROOM", message: "the client is not in the room", roomId });
}

/** @param {string | URL} [url] */
function socketUrl(url = SOCKET_PATH) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  absolute.hash = "";
  return absolute.href;
}

/**
 * @param {string} text
 * @param {number} bytes
 */
function isLonger(text, bytes) {
  // A unit of UTF-16 is at most three bytes of UTF-8.
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}

/**
 * Whether one hears something by these subscriptions that one does not by those of before.
 *
 * @param {Iterable<string>} subscriptions
 * @param {Set<string>} before
 */
function widens(subscriptions, before) {
  return !before.has("*") && [...subscriptions].some((name) => !before.has(name));
}

// `crypto.randomUUID` is only there on pages that came over TLS.
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {unknown} error */
function reportGlobally(error) {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
