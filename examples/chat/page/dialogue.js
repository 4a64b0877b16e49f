// A client of Dialogue's wire protocol, version 1, for browsers: requests with promises, pushes with a callback, and a
// connection that comes back by itself to the rooms it was in. Knows nothing of the page; chat.js does.

const BACKOFF_FIRST_MS = 500; // the most that the first retry waits; each further one may wait twice as long …
const BACKOFF_LONGEST_MS = 20_000; // … up to this
const PONG_WITHIN_MS = 10_000;

/** What the server (or the lack of one) answered in place of a reply: `code` is the protocol's, or `DISCONNECTED`. */
export class RequestError extends Error {
  constructor({ code, message, violations = [], retryAfter }) {
    super(message);
    Object.assign(this, { code, violations, retryAfter });
  }
}

function disconnected() {
  return new RequestError({ code: "DISCONNECTED", message: "there is no connection to the server" });
}

export class Connection {
  #url;
  #auth;
  #listen;
  #socket = null;
  #requests = new Map(); // id → { resolve, reject }
  #nextId = 1;
  #rooms = new Map(); // the id of each room that we are in → its last { epoch, seq }, for recovery
  #resume; // lets the next connection take the place of a lost one at once
  #attempt = 0;
  #retryTimer;
  #pingTimer;
  #pongTimer;
  #refusal; // why `connect` was refused; the close that follows says whether that is final

  /**
   * Connects. `listen` gets each frame that the server pushes; each `joined` and `left`, answers too, so that there is
   * one place to handle them; and `{type: "state", state}`: `connecting`, `online`, `waiting` (with the `delay` until
   * the next attempt, in milliseconds) or `closed` (for good, with the close `code` and, if told, the `error`).
   */
  constructor(url, auth, listen) {
    this.#url = url;
    this.#auth = auth;
    this.#listen = listen;
    this.#connect();
  }

  /** Joins a room; the `joined` frame goes to `listen`, too. After a lost connection it is joined again by itself. */
  join(roomId) {
    // What the server still remembers since our last position comes with the answer.
    return this.request({ type: "join", roomId, since: this.#rooms.get(roomId) });
  }

  leave(roomId) {
    return this.request({ type: "leave", roomId });
  }

  trigger(roomId, event, data) {
    return this.request({ type: "trigger", roomId, event, data });
  }

  /** Every room that the server lists, page after page. */
  async listRooms() {
    const rooms = [];
    let page;
    do {
      page = await this.request({ type: "listRooms", after: rooms.at(-1)?.id });
      rooms.push(...page.rooms);
    } while (page.more && page.rooms.length > 0);
    return rooms;
  }

  /** Sends a frame and promises its reply, or a `RequestError`. */
  request(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(disconnected());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ ...frame, id }));
    });
  }

  /** Ends the wait for the next attempt, if there is one. */
  retryNow() {
    if (this.#retryTimer) this.#connect();
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#listen({ type: "state", state: "connecting" });
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      const connect = { type: "connect", protocol: 1, auth: this.#auth, resume: this.#resume };
      this.request(connect).then((frame) => this.#online(frame), (error) => (this.#refusal = error));
    };
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    socket.onclose = ({ code }) => this.#lost(code);
  }

  #online({ resume, pingInterval }) {
    this.#attempt = 0;
    this.#resume = resume;
    this.#refusal = undefined;
    this.#pingTimer = setInterval(() => this.#ping(), pingInterval);
    this.#listen({ type: "state", state: "online" });
    for (const roomId of this.#rooms.keys()) {
      this.join(roomId).catch((error) => {
        if (error.code === "DISCONNECTED") return; // the next connection tries again
        this.#rooms.delete(roomId);
        this.#listen({ type: "left", roomId, reason: error.code });
      });
    }
  }

  // Browsers do not show WebSocket's own pings, so a dead connection is found by the protocol's.
  #ping() {
    this.#pongTimer ??= setTimeout(() => this.#lost(1006), PONG_WITHIN_MS);
    this.request({ type: "ping" }).then(() => this.#pong(), () => {});
  }

  #pong() {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
  }

  #lost(code) {
    clearInterval(this.#pingTimer);
    this.#pong();
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    this.#socket.close();
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) reject(disconnected());

    if (code >= 4500 && code <= 4999) {
      this.#listen({ type: "state", state: "closed", code, error: this.#refusal });
      return;
    }
    // Full jitter: a server that restarts is not met by all its clients at once.
    const delay = Math.random() * Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** this.#attempt++);
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
    this.#listen({ type: "state", state: "waiting", delay });
  }

  #receive(frame) {
    const request = this.#requests.get(frame.id);
    this.#requests.delete(frame.id);
    if (frame.type === "error") {
      if (request) request.reject(new RequestError(frame));
      else this.#listen(frame);
      return;
    }
    if (frame.type === "joined") frame = this.#joined(frame);
    if (frame.type === "left") this.#rooms.delete(frame.roomId);
    if (frame.type === "event" && frame.seq !== undefined) {
      const position = this.#rooms.get(frame.roomId);
      if (position) position.seq = frame.seq;
    }
    if (!request || frame.type === "joined" || frame.type === "left") this.#listen(frame);
    request?.resolve(frame);
  }

  // Keeps the events that are news to us. `back` tells that we were in the room before the connection was lost, `gap`
  // that we may have missed something of it.
  #joined(frame) {
    const before = this.#rooms.get(frame.roomId);
    this.#rooms.set(frame.roomId, { epoch: frame.epoch, seq: frame.seq });
    if (!before) return { ...frame, back: false, gap: false };
    const sameRoom = before.epoch === frame.epoch;
    const seen = sameRoom ? before.seq : 0;
    const events = frame.events.filter((event) => event.seq > seen);
    // Numbers are contiguous: as many events as numbers means that none is missing, recovered or not.
    const gap = !frame.recovered && !(sameRoom && events.length === frame.seq - seen);
    return { ...frame, events, back: true, gap };
  }
}
