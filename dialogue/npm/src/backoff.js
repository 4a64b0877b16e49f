// How long to wait before the next attempt to connect, or before a request is tried again.

import { LONGEST_TIMER_MS } from "./timer.js";
/** @import { DialogueError } from "./error.js" */

export const STABLE_AFTER_MS = 60_000; // a connection that lasted this long resets the doubling
const BACKOFF_FIRST_MS = 500; // the longest wait before the first retry; it doubles with each further retry …
const BACKOFF_LONGEST_MS = 30_000; // … up to this

/** @param {number} attempt */
export function backoff(attempt) {
  return Math.random() * Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** attempt);
}

/**
 * How long to wait before the request that failed with this error is tried again.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
export function pause({ retryAfter }, attempt) {
  return Math.min(retryAfter ?? backoff(attempt), LONGEST_TIMER_MS);
}
