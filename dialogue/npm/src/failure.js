// Why an attempt to connect failed, in words that say what to do.

import { DialogueError } from "./error.js";

/** What to do about a status with which a server, or a proxy before it, answers the upgrade. */
const STATUSES = {
  401: "it wants credentials of its own",
  403: "it does not accept this origin. Let the proxy forward `Host`, or call `allow_origin`. The server's log says more",
  404: "there is no Dialogue server at this path. Check the path of `url`",
  426: "it speaks no WebSocket here. Let the proxy forward `Upgrade` and `Connection`",
  429: "there are too many connections from this address",
};

/** @type {Record<string, string>} */
const SYSTEM_ERRORS = {
  ECONNREFUSED: "no server listens there",
  ECONNRESET: "the other side closed the connection",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host cannot be resolved now",
  ETIMEDOUT: "there is no answer",
};

const UNKNOWN =
  "the socket does not say why. Check that the server runs, that `url` has the right path, and the server's log: it " +
  "may not accept the page's origin";

/**
 * What is known about a failed attempt.
 *
 * @typedef Failure
 * @property {number} code the close code, or 1006
 * @property {string} reason
 * @property {boolean} opened whether the socket was open
 * @property {unknown} [cause] the socket's error, or the server's refusal
 */

/**
 * The error for a failed attempt to connect.
 *
 * @param {string} url
 * @param {Failure} failure
 */
export function connectFailed(url, failure) {
  const { code: closeCode, cause } = failure;
  const message = `cannot connect to ${url}: ${explanation(failure)}`;
  return new DialogueError({ code: "CONNECT_FAILED", message, url, closeCode, cause });
}

/** @param {Failure} failure */
function explanation({ code, reason, opened, cause }) {
  if (cause instanceof DialogueError) return `the server answered ${cause.code} (${cause.message})`;
  if (cause !== undefined) return explained(cause);
  if (reason) return reason;
  if (code !== 1006) return `the server closed the connection with code ${code}`;
  return opened ? "the connection was lost before the server had answered" : UNKNOWN;
}

/** @param {any} cause an error of a socket; Node's have a code and a message, those of browsers have neither */
function explained(cause) {
  const text = String(cause?.message || cause?.code || cause?.errors?.[0]?.message || "");
  const status = Number(/Unexpected server response: (\d+)/.exec(text)?.[1]); // the package `ws`
  if (status) {
    const remedy = STATUSES[/** @type {keyof typeof STATUSES} */ (status)];
    return `the server refused the upgrade with HTTP ${status}${remedy ? `: ${remedy}` : ""}`;
  }
  const known = SYSTEM_ERRORS[cause?.code ?? cause?.cause?.code];
  if (known) return text.includes(cause.code) ? `${known} (${text})` : known;
  return text || UNKNOWN;
}
