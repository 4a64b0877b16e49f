// A clock that only the test moves, in place of the timers and clocks that a client uses.

export class Clock {
  now = 0;
  #timers = new Map();
  #next = 1;
  #real = {};

  /** Replaces the global timers and `performance.now` until `restore`. */
  constructor() {
    const { setTimeout, clearTimeout } = globalThis;
    this.#real = { setTimeout, clearTimeout, now: performance.now };
    globalThis.setTimeout = (run, ms = 0) => {
      const id = this.#next++;
      this.#timers.set(id, { run, at: this.now + ms });
      if (ms <= 0) setImmediate(() => this.pass(0));
      return id;
    };
    globalThis.clearTimeout = (id) => this.#timers.delete(id);
    performance.now = () => this.now;
  }

  restore() {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }

  /** Lets everything happen that needs no time, and then this much time pass. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [id, { run, at }] = due;
      this.#timers.delete(id);
      this.now = Math.max(this.now, at);
      run();
    }
    this.now = end;
  }
}

/** Waits until every promise that can settle by now has settled. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
