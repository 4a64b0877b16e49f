// One connection: a socket, its keep-alive, its rate, and the frames that it carries. The only part of the client that
// uses the network. It does not know what the frames mean.

import { Pacer, rateOf } from "./pacer.js";
import { SLEPT_MS, SleepAwareTimer, monotonicTime } from "./timer.js";
/** @import * as Public from "../client.js" */
/** @import { Failure } from "./failure.js" */
/** @import { Rate } from "./pacer.js" */
/** @typedef {Record<string, any>} Frame */

const CONNECTED_WITHIN_MS = 10_000; // the server allows no more time either
const PONG_WITHIN_MS = 10_000;
const PROBED_WITHIN_MS = 2_000; // when something says that the connection may be dead
const SHARE = 0.8; // of the rate that the server accepts; the network may bring frames closer together

/** A WebSocket, from its opening to its end. `onEnd` is called once, and never after `close`. */
export class Link {
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
