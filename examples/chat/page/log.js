// @ts-check
// What a room shows: messages and notes, oldest first, and below them the messages that are not sent yet.
//
// Owns the elements, their number, and the scrolling. It knows no connection.
import { $, copyOf, element, paintAvatar } from "./elements.js";
import { displayName } from "./words.js";

const KEPT_LINES = 500; // older lines are removed
const FOLLOWS_WITHIN_MS = 180_000; // a message this soon after another by the same person needs no name

export class Log {
  #element = element("div", "log");
  #lines = element("div", "lines");

  /** @param {HTMLElement} outbox */
  constructor(outbox) {
    this.#lines.role = "log";
    this.#element.hidden = true;
    this.#element.append(this.#lines, outbox);
    $("logs").append(this.#element);
  }

  set isShown(isShown) {
    this.#element.hidden = !isShown;
  }

  set name(name) {
    this.#lines.ariaLabel = name;
  }

  /** While it is busy, a screen reader does not read it line by line. */
  set isBusy(isBusy) {
    this.#lines.ariaBusy = isBusy ? "true" : null;
  }

  clear() {
    this.#lines.replaceChildren();
  }

  remove() {
    this.#element.remove();
  }

  toEnd() {
    $("logs").scrollTop = $("logs").scrollHeight;
  }

  /** Adds a message. One of `me` replaces the line that was shown when the server had confirmed it. */
  message({ from, data, timestamp, meta }, me) {
    const key = from === me ? meta?.line : undefined;
    if (key) [...this.#lines.children].find((shown) => shown.dataset.key === key)?.remove();
    const line = copyOf("message-template");
    const [avatar, byline, text] = line.children;
    const [author, time] = byline.children;
    const before = this.#lines.lastElementChild;
    const follows = before?.dataset.from === from && timestamp - before.dataset.timestamp < FOLLOWS_WITHIN_MS;
    line.classList.toggle("mine", from === me);
    line.classList.toggle("follows", follows);
    Object.assign(line.dataset, { from, timestamp }, key && { key });
    const date = new Date(timestamp);
    const dateStyle = date.toDateString() === new Date().toDateString() ? undefined : "medium";
    line.title = date.toLocaleString();
    time.dateTime = date.toISOString();
    time.textContent = date.toLocaleString([], { timeStyle: "short", dateStyle });
    author.textContent = displayName(from, me);
    text.textContent = data.text;
    paintAvatar(avatar, from);
    this.#append(line, from === me);
  }

  /** Adds a line that is not a message. */
  note(text, kind) {
    this.#append(element("p", `note ${kind}`, text), false);
  }

  /** Scrolls to the new line, unless the reader has scrolled back. */
  #append(line, follow) {
    const view = $("logs");
    const atEnd = follow || view.scrollHeight - view.scrollTop - view.clientHeight < 80;
    this.#lines.append(line);
    while (this.#lines.childElementCount > KEPT_LINES) this.#lines.firstElementChild.remove();
    if (!this.#element.hidden && atEnd) this.toEnd();
  }
}
