// When handlers run: one after another, and only when the change that they report is complete.

/**
 * Calls handlers one after another, in the order in which things happened, and never one inside another. If a
 * handler causes a further event, the handlers for that event are called after all handlers for the current one.
 */
export class HandlerQueue {
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
