// Renewing a session before it expires, on the connection that it belongs to.

import { growingPause } from "./backoff.js";
import { DialogueError } from "./error.js";
import { isTemporary, renewal } from "./sign_in.js";
import { LONGEST_TIMER_MS, monotonicTime } from "./timer.js";
/** @import { Frame } from "./link.js" */
/** @import { Session } from "./session.js" */
/** @import { Credentials } from "./sign_in.js" */
/** @import { Timer } from "./timer.js" */

const RENEWED_AFTER = 0.9; // of the session's time
const PAUSE_MS = 1_000; // at least, between two attempts

/** Renews a session until `stop`. */
export class Renewals {
  #session;
  #credentials;
  #onRenewed;
  /** @type {Timer} */
  #timer;

  /**
   * @param {Session} session
   * @param {Credentials} credentials
   * @param {(connected: Frame) => void} onRenewed
   */
  constructor(session, credentials, onRenewed) {
    this.#session = session;
    this.#credentials = credentials;
    this.#onRenewed = onRenewed;
  }

  /** @param {number} [expiresIn] undefined if the session does not expire */
  start(expiresIn) {
    this.stop();
    if (expiresIn !== undefined) this.#renewIn(RENEWED_AFTER * expiresIn, monotonicTime() + expiresIn);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /**
   * @param {number} delay
   * @param {number} expiresAt
   */
  #renewIn(delay, expiresAt, attempt = 0) {
    this.#timer = setTimeout(() => this.#renew(expiresAt, attempt), Math.min(delay, LONGEST_TIMER_MS));
  }

  /**
   * @param {number} expiresAt
   * @param {number} attempt
   */
  async #renew(expiresAt, attempt) {
    const { pending, notices } = this.#session;
    const { link } = pending;
    try {
      const auth = await this.#credentials.obtain();
      if (link !== pending.link) return;
      const options = { repeat: false, unbounded: true, urgent: true, onAnswer: this.#onRenewed };
      await pending.add(renewal(auth), options);
    } catch (error) {
      if (link !== pending.link) return;
      notices.queue.during(() => {
        notices.report(error);
        // The session is valid until it expires. Try again while there is time; then the server closes with 4001. A
        // server that could not decide is asked again soon.
        const left = expiresAt - monotonicTime();
        const soon = error instanceof DialogueError && isTemporary(error) ? growingPause(error, attempt) : Infinity;
        const delay = Math.max(Math.min(soon, left / 2), PAUSE_MS);
        if (delay < left) this.#renewIn(delay, expiresAt, attempt + 1);
      });
    }
  }
}
