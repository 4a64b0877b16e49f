// When to look at the connection at once: the network is back, the page is shown again, or the machine was asleep.
//
// Owns the page's events and the rule that the client acts on them at most once a second. The engine acts.

import { monotonicTime } from "./timer.js";
/** @import { Timer } from "./timer.js" */

const AT_MOST_EVERY_MS = 1_000;
const WINDOW_EVENTS = ["online", "pageshow"];
const DOCUMENT_EVENTS = ["visibilitychange", "resume"]; // `resume` ends the freezing of a page in the background

/** Calls the engine when something in the environment says that the connection may be dead, or may be possible again. */
export class Wake {
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
export function isHidden() {
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
