// How long to wait before the next attempt to connect, or before a request is tried again.

/** @import { DialogueError } from "./error.js" */

const STABLE_AFTER_MS = 60_000; // a connection that lasted this long resets the doubling, however long the wait was …
const STABLE_AFTER_WAITS = 3; // … and so does one that lasted this many times the wait before it …
const UNSTABLE_WITHIN_MS = 5_000; // … but not one that was shorter than this
const BACKOFF_FIRST_MS = 500; // the longest wait before the first retry; it doubles with each further retry …
const BACKOFF_LONGEST_MS = 30_000; // … up to this
const RETRY_AFTER_LONGEST_MS = 60_000; // a server cannot make a client wait longer

/**
 * Full jitter: the clients of a server that restarts do not reconnect all at once.
 *
 * @param {number} attempt
 */
export function backoff(attempt) {
  return Math.random() * Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** attempt);
}

/**
 * How long to wait before the request that failed with this error is tried again.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
export function pause(error, attempt) {
  return error.retryAfter === undefined ? backoff(attempt) : asked(error);
}

/**
 * The same for something that is tried until it succeeds: a server may ask for the same short wait each time.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
export function growingPause(error, attempt) {
  return Math.max(asked(error), backoff(attempt));
}

/**
 * The same for what many clients send again at the same time: the random part comes after the time that the server asks
 * for.
 *
 * @param {DialogueError} error
 * @param {number} attempt
 */
export function spreadPause(error, attempt) {
  return Math.min(asked(error) + backoff(attempt), RETRY_AFTER_LONGEST_MS);
}

/**
 * How long the server has asked the client to wait, with an error.
 *
 * @param {DialogueError} [error]
 */
export function asked(error) {
  return Math.min(error?.retryAfter ?? 0, RETRY_AFTER_LONGEST_MS);
}

/**
 * Whether a connection lasted so long that the next attempts may start with short waits again.
 *
 * @param {number} lasted
 * @param {number} waited the wait before it
 */
export function isStable(lasted, waited) {
  return lasted >= STABLE_AFTER_MS || lasted >= Math.max(UNSTABLE_WITHIN_MS, STABLE_AFTER_WAITS * waited);
}
