// @ts-check
// The messages of one room that this person has written and the server has not confirmed.
//
// Owns their order, their elements, and the decision to repeat one. They are sent one after another, so a message never
// overtakes an earlier one that still waits. Each has a key, which the event repeats in `meta.line`: so the page
// recognises its own message, also among the events that it missed.
import { copyOf, element } from "./elements.js";
import { PENDING, readable } from "./words.js";

// Try again later: the server has done nothing, or recognises the key (`UNAVAILABLE`).
const NOT_NOW = ["RATE_LIMITED", "UNAVAILABLE", "OVERLOADED"];
const UNKNOWN = ["OUTCOME_UNKNOWN", "DISCONNECTED", "TIMEOUT", "CLOSED"]; // the server may have sent the message
const LONGEST_PAUSE_MS = 30_000;
const SLOW_MS = 2_000; // most messages are sent before anyone could read that they are not
const ATTEMPTS = 5; // to send a message of unknown outcome again

export class Outbox {
  element = element("div", "outbox");
  #lines = []; // { key, text, state, problem, element, epoch, gaps, attempts }; `state` is waiting, sending, unknown or failed
  #room;
  #hooks;
  #isSending = false;
  #pause; // while it is set, nothing is sent

  /**
   * @param {any} room
   * @param {{ isConnected: () => boolean, sent: (message: any) => void, refused: (text: string, error: any) => void, changed: () => void }} hooks
   *   `sent` is called when the server has confirmed a message that the page has not received, `refused` when it has
   *   refused one that the person can correct, and `changed` after each change
   */
  constructor(room, hooks) {
    this.#room = room;
    this.#hooks = hooks;
    this.element.role = "group";
    this.element.ariaLabel = "Messages that are not sent yet";
  }

  /** The messages that will be sent, without those that failed. */
  get waiting() {
    return this.#lines.filter(({ state }) => state !== "failed").length;
  }

  get texts() {
    return this.#lines.map(({ text }) => text);
  }

  /** @param {string} text */
  add(text) {
    const line = { key: newKey(), text, state: "waiting", problem: "", element: copyOf("pending-template"), attempts: 0 };
    const [body, status] = line.element.children;
    const [, again, remove] = status.children;
    body.textContent = text;
    again.addEventListener("click", () => this.#again(line));
    remove.addEventListener("click", () => this.#remove(line));
    this.element.append(line.element);
    this.#lines.push(line);
    this.send();
  }

  /** Sends the next message, unless the previous one is unanswered or the client is not in the room. */
  async send() {
    this.#render();
    const line = this.#lines.find(({ state }) => state !== "failed");
    if (!line || this.#isSending || this.#pause || !this.#canSend()) return;
    const { joined } = this.#room;
    if (line.state === "unknown" && !this.#isAbsent(line)) return this.#fail(line, PENDING.unconfirmed);
    Object.assign(line, { state: "sending", problem: "" });
    line.epoch ??= joined.epoch;
    line.gaps ??= this.#room.gaps;
    this.#isSending = true;
    this.#render();
    const slow = setTimeout(() => {
      line.problem = PENDING.slow;
      this.#render();
    }, SLOW_MS);
    try {
      await joined.trigger("message", { text: line.text }, { key: line.key, meta: { line: line.key } });
      if (this.#lines.includes(line)) this.#hooks.sent({ data: { text: line.text }, meta: { line: line.key } });
      this.#remove(line);
    } catch (error) {
      // The message may have arrived before the error, as an event.
      if (this.#lines.includes(line)) this.#notSent(line, error);
    }
    clearTimeout(slow);
    if (line.problem === PENDING.slow) line.problem = "";
    this.#isSending = false;
    this.send();
  }

  /**
   * An event has arrived, so the message with this key is sent.
   *
   * @param {string | undefined} key
   */
  arrived(key) {
    const line = this.#lines.find((line) => line.key === key);
    if (line) this.#remove(line);
  }

  /** The client has left the room. */
  left() {
    for (const line of this.#lines) if (line.state !== "failed") this.#fail(line, PENDING.left);
  }

  #canSend() {
    return this.#room.joined?.state === "joined";
  }

  /** Whether the page has received everything in the room since the message was first sent, and the message is not there. */
  #isAbsent({ epoch, gaps }) {
    return this.#room.joined.epoch === epoch && this.#room.gaps === gaps;
  }

  #notSent(line, error) {
    if (error.code === "VALIDATION_FAILED") {
      this.#remove(line);
      return this.#hooks.refused(line.text, error);
    }
    line.attempts += 1;
    if (NOT_NOW.includes(error.code)) {
      line.state = "waiting";
      line.problem = PENDING.busy;
      const pause = error.retryAfter ?? Math.min(LONGEST_PAUSE_MS, 500 * 2 ** line.attempts);
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.send();
      }, pause);
    } else if (UNKNOWN.includes(error.code) && line.attempts < ATTEMPTS) line.state = "unknown";
    else this.#fail(line, UNKNOWN.includes(error.code) ? PENDING.unconfirmed : readable(error));
  }

  #fail(line, problem) {
    Object.assign(line, { state: "failed", problem });
    this.send();
  }

  /** Sends a failed message again, behind those that were written later. The server still recognises its key. */
  #again(line) {
    this.#lines = [...this.#lines.filter((other) => other !== line), line];
    this.element.append(line.element);
    Object.assign(line, { state: "waiting", problem: "", attempts: 0, epoch: undefined, gaps: undefined });
    this.send();
  }

  #remove(line) {
    this.#lines = this.#lines.filter((other) => other !== line);
    line.element.remove();
    this.#hooks.changed();
  }

  #render() {
    const obstacle = this.#canSend() ? "" : this.#hooks.isConnected() ? PENDING.outside : PENDING.offline;
    for (const line of this.#lines) {
      const [text, again, remove] = line.element.children[1].children;
      const hasFailed = line.state === "failed";
      text.textContent = line.problem || obstacle;
      again.hidden = remove.hidden = !hasFailed;
      line.element.dataset.state = obstacle && line.state === "sending" ? "waiting" : line.state;
    }
    this.#hooks.changed();
  }
}

// `crypto.randomUUID` exists only on pages that were loaded over TLS.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
