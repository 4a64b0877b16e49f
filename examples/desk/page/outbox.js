// @ts-check
// The lines of one ticket that this person has written and the server has not confirmed.
//
// Owns their order, their elements, and the decision to repeat one. They are sent one after another, so a line never
// overtakes an earlier one that still waits. Each has a key, with which the server recognises a repetition, also after a
// restart. The event repeats the key in `meta.line`, so that the page recognises its own line among those that it missed.
import { copyOf, element } from "./elements.js";
import { PENDING, readable } from "./words.js";

const NOT_DONE = ["RATE_LIMITED", "UNAVAILABLE", "OVERLOADED"]; // the server has done nothing: try again later
const UNKNOWN = ["OUTCOME_UNKNOWN", "DISCONNECTED", "TIMEOUT", "CLOSED"]; // the server may have accepted the line
const LONGEST_PAUSE_MS = 30_000;

export class Outbox {
  element = element("div", "outbox");
  #lines = []; // { key, text, state, problem, element, attempts, position }; `state` is waiting, sending, unknown or failed
  #ticket;
  #changed;
  #isSending = false;
  #pause; // while it is set, nothing is sent

  /**
   * @param {{ room: import("./dialogue/client.js").JoinedRoom | null, gaps: number, isConnected: boolean }} ticket
   * @param {() => void} changed
   */
  constructor(ticket, changed) {
    this.#ticket = ticket;
    this.#changed = changed;
    this.element.role = "group";
    this.element.ariaLabel = "Lines that are not sent yet";
  }

  /** The number of lines that are not sent. */
  get size() {
    return this.#lines.length;
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

  /** Sends the next line, unless the previous one is unanswered or the client is not in the room. */
  async send() {
    this.#show();
    const line = this.#lines.find(({ state }) => state !== "failed");
    if (!line || this.#isSending || this.#pause || !this.#canSend()) return;
    const { room, gaps } = this.#ticket;
    if (line.state === "unknown" && !this.#isAbsent(line)) return this.#fail(line, PENDING.unconfirmed);
    line.position ??= { epoch: room.epoch, gaps };
    Object.assign(line, { state: "sending", problem: "" });
    this.#isSending = true;
    this.#show();
    try {
      await room.trigger("line", { text: line.text }, { key: line.key, meta: { line: line.key } });
      this.#remove(line);
    } catch (error) {
      if (this.#lines.includes(line)) this.#notSent(line, error); // it may have arrived before the error, as an event
    }
    this.#isSending = false;
    this.send();
  }

  /**
   * An event has arrived, so the line with this key is sent.
   *
   * @param {string | undefined} key
   */
  arrived(key) {
    const line = this.#lines.find((line) => line.key === key);
    if (line) this.#remove(line);
  }

  #canSend() {
    return this.#ticket.room?.state === "joined";
  }

  /** Whether the page has received everything since the line was first sent, and the line is not there. */
  #isAbsent({ position }) {
    return position.epoch === this.#ticket.room.epoch && position.gaps === this.#ticket.gaps;
  }

  #notSent(line, error) {
    line.attempts += 1;
    if (NOT_DONE.includes(error.code)) {
      Object.assign(line, { state: "waiting", problem: PENDING.busy });
      const pause = error.retryAfter ?? Math.min(LONGEST_PAUSE_MS, 500 * 2 ** line.attempts);
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.send();
      }, pause);
    } else if (UNKNOWN.includes(error.code)) line.state = "unknown";
    else this.#fail(line, readable(error));
  }

  #fail(line, problem) {
    Object.assign(line, { state: "failed", problem });
    this.send();
  }

  /** Sends a failed line again, behind those that were written later. The server still recognises its key. */
  #again(line) {
    this.#lines = [...this.#lines.filter((other) => other !== line), line];
    this.element.append(line.element);
    Object.assign(line, { state: "waiting", problem: "", position: undefined });
    this.send();
  }

  #remove(line) {
    this.#lines = this.#lines.filter((other) => other !== line);
    line.element.remove();
    this.#changed();
  }

  #show() {
    const obstacle = this.#canSend() ? "" : this.#ticket.isConnected ? PENDING.outside : PENDING.offline;
    for (const line of this.#lines) {
      const [text, again, remove] = line.element.children[1].children;
      text.textContent = line.problem || obstacle;
      again.hidden = remove.hidden = line.state !== "failed";
      line.element.dataset.state = line.state;
    }
    this.#changed();
  }
}

// `crypto.randomUUID` exists only on pages that were loaded over TLS.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
