// The stage of a script with a fake socket, in one process: nothing is sent over a network, and time stands still.
import { Clock } from "./clock.js";
import { User } from "./user.js";

export class FakeStage {
  #clock = new Clock();
  /** @type {FakeSocket[]} */
  #waiting = []; // opened by the client, and not accepted yet
  /** @type {FakeSocket | undefined} */
  #socket;
  /** @type {FakeSocket[]} */
  #earlier = [];
  #seen = [];
  #user;

  constructor(Client, settings) {
    const waiting = this.#waiting;
    class WebSocket extends FakeSocket {
      constructor(url) {
        super(url);
        waiting.push(this);
      }
    }
    this.#user = new User(Client, settings, { WebSocket, sees: (item) => this.#seen.push(item) });
  }

  async end() {
    this.#user.call({ method: "disconnect" });
    await this.#clock.pass(0);
    this.#clock.restore();
  }

  async call(call) {
    this.#user.call(call);
    await this.#clock.pass(0);
  }

  async opened(within) {
    await this.#clock.pass(within);
    const next = this.#waiting.shift();
    if (!next) return false;
    if (this.#socket) this.#earlier.push(this.#socket);
    this.#socket = next;
    next.onopen?.();
    await this.#clock.pass(0);
    return true;
  }

  async frames() {
    await this.#clock.pass(0);
    return this.#socket?.sent.splice(0) ?? [];
  }

  async strays() {
    await this.#clock.pass(0);
    return this.#earlier.flatMap(({ sent }) => sent.splice(0));
  }

  async receive(...texts) {
    for (const data of texts) this.#socket.onmessage?.({ data });
    await this.#clock.pass(0);
  }

  async close(code, reason) {
    this.#socket.onclose?.({ code, reason });
    await this.#clock.pass(0);
  }

  lose() {
    return this.close(1006, "");
  }

  async hungUp() {
    await this.#clock.pass(0);
    return this.#socket.isClosed;
  }

  async pass(ms) {
    await this.#clock.pass(ms);
  }

  async seen() {
    await this.#clock.pass(0);
    return this.#seen.splice(0);
  }

  async isIdle() {
    await this.#clock.pass(0);
    return this.#waiting.length === 0;
  }
}

class FakeSocket {
  sent = [];
  isClosed = false;

  constructor(url) {
    this.url = url;
  }

  send(text) {
    if (this.isClosed) throw new Error("the client must not send on a closed socket");
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }
}
