// A server that the test plays itself, frame by frame, on a clock that the test moves.
import assert from "node:assert/strict";
import { DialogueClient } from "../../../dialogue/npm/client.js";

export const CONNECTED = {
  type: "connected",
  protocol: 1,
  clientId: "c1",
  userId: "ada",
  resume: "r1",
  pingInterval: 25_000,
  maxMessageBytes: 65_536,
  fingerprint: "f",
};

/** Waits until every promise that can settle by now has settled. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class Fake {
  /** @type {FakeSocket[]} */
  sockets = [];

  /** The test's clock stands still. `random` is the result of every `Math.random()`, which the jitter uses. */
  constructor(context, { random = 1, ...options } = {}) {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    context.mock.method(Math, "random", () => random);
    this.now = 0;
    context.mock.method(performance, "now", () => this.now);
    this.clock = context.mock.timers;
    this.timers = timersOf(context);
    const { sockets } = this;
    class WebSocket extends FakeSocket {
      constructor(url) {
        super(url);
        sockets.push(this);
      }
    }
    this.errors = [];
    this.states = [];
    this.client = new DialogueClient({ url: "http://fake/dialogue/ws", WebSocket, ...options });
    this.client.onError((error) => this.errors.push(error));
    this.client.onStateChange((change) => this.states.push(change));
    context.after(() => this.client.disconnect());
  }

  get socket() {
    return this.sockets.at(-1);
  }

  async tick(ms) {
    this.now += ms;
    this.clock.tick(ms);
    await settled();
  }

  /** Opens the latest socket and answers its `connect`. Returns the `connect`. */
  async accept(connected = {}) {
    await settled();
    this.socket.onopen();
    const [connect] = this.socket.taken();
    assert.equal(connect.type, "connect");
    this.socket.says({ ...CONNECTED, id: connect.id, ...connected });
    await settled();
    return connect;
  }

  /** Creates a client and connects it. */
  static async connected(context, options, connected) {
    const fake = new Fake(context, options);
    const opening = fake.client.connect();
    await fake.accept(connected);
    await opening;
    return fake;
  }

  /** Creates a client, connects it and joins the room `chat`. */
  static async joined(context, options, joined) {
    const fake = await Fake.connected(context, options);
    return { fake, room: await fake.join(joined) };
  }

  async join(joined = {}) {
    const joining = this.client.join("chat");
    this.socket.answers({ type: "joined", roomId: "chat", ...JOINED, ...joined });
    return joining;
  }

  /** Closes the connection and accepts the next one. `socket.taken()` then returns the client's frames on the new one. */
  async reconnect({ code = 1006, delay = 500, connected } = {}) {
    this.socket.closes(code);
    await this.tick(delay);
    return this.accept(connected);
  }
}

export const JOINED = { roomName: "Chat", subscriptions: ["message"], epoch: "e", seq: 10, events: [] };

export const message = (seq, text = `line ${seq}`) => ({
  event: "message",
  roomId: "chat",
  data: { text },
  from: "grace",
  timestamp: 1,
  seq,
});

/** The code of the error with which a promise rejects. */
export async function codeOf(promise) {
  const error = await promise.then(
    (value) => assert.fail(`expected a rejection, but the promise resolved to ${JSON.stringify(value)}`),
    (error) => error,
  );
  return error.code;
}

/** The timers that are set and have neither fired nor been cleared. */
function timersOf(context) {
  const timers = new Set();
  const { setTimeout, clearTimeout } = globalThis;
  globalThis.setTimeout = (run, ms) => {
    const timer = setTimeout(() => timers.delete(timer) && run(), ms);
    timers.add(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    clearTimeout(timer);
  };
  context.after(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  return timers;
}

class FakeSocket {
  #sent = [];
  isClosed = false;

  constructor(url) {
    this.url = url;
  }

  send(text) {
    assert.equal(this.isClosed, false, "the client must not send on a closed socket");
    this.#sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  /** Returns the frames that the client has sent since the last call. */
  taken() {
    return this.#sent.splice(0);
  }

  says(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** Answers the only request that the client has sent. */
  answers(frame) {
    const requests = this.taken();
    assert.equal(requests.length, 1, JSON.stringify(requests));
    this.says({ ...frame, id: requests[0].id });
    return requests[0];
  }

  closes(code, reason = "") {
    this.onclose?.({ code, reason });
  }
}
