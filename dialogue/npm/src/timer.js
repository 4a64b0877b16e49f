// What the client knows about timers, and a timer that notices when the machine was asleep.

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */

export const LONGEST_TIMER_MS = 2 ** 31 - 1; // a longer timer fires at once

const STEP_MS = 2_000; // a machine that wakes is noticed within this time …
export const SLEPT_MS = 5_000; // … if a step ends this much later than it should

/**
 * A timer that takes several steps. Timers and the monotonic clock stand still while a machine sleeps, but the wall clock
 * goes on, so a step that took far too long was a sleep.
 */
export class SleepAwareTimer {
  #onSleep;
  /** @type {Timer} */
  #timer;

  /** @param {() => void} onSleep may set or clear this timer */
  constructor(onSleep) {
    this.#onSleep = onSleep;
  }

  /**
   * @param {number} ms
   * @param {() => void} run
   */
  set(ms, run) {
    this.#step(monotonicTime() + ms, run);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * @param {number} due
   * @param {() => void} run
   */
  #step(due, run) {
    clearTimeout(this.#timer);
    const step = Math.min(Math.max(due - monotonicTime(), 0), STEP_MS);
    const endsAt = Date.now() + step;
    const timer = setTimeout(() => {
      if (Date.now() - endsAt > SLEPT_MS) this.#onSleep();
      if (this.#timer !== timer) return;
      if (due > monotonicTime()) return this.#step(due, run);
      this.#timer = undefined;
      run();
    }, Math.ceil(step));
    this.#timer = timer;
  }
}

/** The time in milliseconds, to measure how long something takes. Some environments have only the wall clock. */
export function monotonicTime() {
  return (globalThis.performance ?? Date).now();
}
