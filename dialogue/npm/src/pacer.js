// How fast a client may send. Pure: time is an argument.

/**
 * @typedef Rate what a server accepts
 * @property {number} frames how many frames …
 * @property {number} window … in any time of this many milliseconds
 */

/** @type {Rate} */
const UNANNOUNCED = { frames: 200, window: 4_000 }; // of servers that do not announce theirs

/**
 * The rate that a server has announced.
 *
 * @param {Partial<Rate>} [rate]
 * @returns {Rate}
 */
export function rateOf(rate) {
  const { frames = 0, window = 0 } = rate ?? {};
  return frames >= 1 && window > 0 ? { frames, window } : UNANNOUNCED;
}

/** A sliding window over what was sent, so that never more than a share of the rate is sent. */
export class Pacer {
  #share;
  #limit = 1;
  #window = 0;
  /** @type {number[]} */
  #sent = []; // the times in the window, oldest first
  #pausedUntil = -Infinity;

  /**
   * @param {Rate} rate
   * @param {number} share between 0 and 1
   */
  constructor(rate, share) {
    this.#share = share;
    this.setRate(rate);
  }

  /** @param {Rate} rate */
  setRate({ frames, window }) {
    this.#limit = Math.max(1, Math.floor(frames * this.#share));
    this.#window = window;
  }

  /**
   * How long to wait before the next frame.
   *
   * @param {number} now
   */
  wait(now) {
    while (this.#frees(0) <= now) this.#sent.shift();
    const free = this.#frees(this.#sent.length - this.#limit); // a new rate may be lower, so this is not always the first
    return Math.max(free === Infinity ? now : free, this.#pausedUntil) - now;
  }

  /** @param {number} index when the frame at this place leaves the window */
  #frees(index) {
    const sent = this.#sent[index];
    return sent === undefined ? Infinity : sent + this.#window;
  }

  /** @param {number} now */
  sent(now) {
    this.#sent.push(now);
  }

  /** @param {number} until */
  pause(until) {
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }
}
