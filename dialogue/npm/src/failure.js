// Why an attempt to connect failed, in words that say what to do.

import { DialogueError } from "./error.js";

const NO_SERVER = "there is no Dialogue server, or a proxy does not forward `Upgrade` and `Connection`";
const REDIRECTS = "it redirects, which sockets do not follow. Use the address to which it redirects";
const NO_ANSWER = "a proxy does not reach the server. Check that the server runs";

/** What to do about a status with which a server, or a proxy before it, answers the upgrade. */
const STATUSES = {
  200: NO_SERVER,
  301: REDIRECTS,
  302: REDIRECTS,
  307: REDIRECTS,
  308: REDIRECTS,
  400: "a proxy may have changed the request. Let it forward `Upgrade` and `Connection`",
  401: "it wants credentials of its own",
  403: "it does not accept this origin. Let the proxy forward `Host`, or call `allow_origin`. The server's log says more",
  404: "there is no Dialogue server at this path. Check the path of `url`",
  426: "it speaks no WebSocket here. Let the proxy forward `Upgrade` and `Connection`",
  429: "there are too many connections from this address",
  502: NO_ANSWER,
  503: NO_ANSWER,
  504: NO_ANSWER,
};

/** @type {Record<string, string>} */
const SYSTEM_ERRORS = {
  ECONNREFUSED: "no server listens there",
  ECONNRESET: "the other side closed the connection",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host cannot be resolved now",
  ETIMEDOUT: "there is no answer",
  EPROTO: "there is no TLS, or not of this version. A server without TLS needs `ws:`",
};

const CHECK =
  "Check that the server runs, that `url` has the right path, and the server's log: it may not accept the page's origin";

/**
 * What is known about a failed attempt.
 *
 * @typedef Failure
 * @property {number} code the close code, or 1006
 * @property {string} reason
 * @property {boolean} opened whether the socket was open
 * @property {unknown} [cause] the socket's error, the server's refusal, or why `auth` has failed
 * @property {boolean} [isOfAuth] whether the function `auth` has failed
 */

/**
 * The error for a failed attempt to connect.
 *
 * @param {string} url
 * @param {Failure} failure
 */
export function connectFailed(url, failure) {
  const { code: closeCode, cause } = failure;
  const shown = withoutSecrets(url);
  const message = `cannot connect to ${shown}: ${explanation(failure).split(url).join(shown)}`;
  return new DialogueError({ code: "CONNECT_FAILED", message, url: shown, closeCode, cause });
}

/**
 * An address as errors name it: without its query and its password, since errors end up in logs.
 *
 * @param {string} url
 */
export function withoutSecrets(url) {
  return url.replace(/\?.*$/s, "").replace(/^(\w+:\/\/)[^/]*@/, "$1");
}

/** @param {Failure} failure */
function explanation({ code, reason, opened, cause, isOfAuth }) {
  if (isOfAuth) return `\`auth\` has failed${cause === undefined ? "" : ` (${/** @type {any} */ (cause)?.message ?? cause})`}`;
  if (cause instanceof DialogueError) return `the server answered ${cause.code} (${cause.message})`;
  if (cause !== undefined) return explained(cause);
  if (reason) return reason;
  if (code !== 1006) return `the server closed the connection with code ${code}`;
  return opened ? "the connection was lost before the server had answered" : `the socket does not say why. ${CHECK}`;
}

/** @param {any} cause an error of a socket; Node's have a code and a message, those of browsers have neither */
function explained(cause) {
  const text = String(cause?.message || cause?.code || cause?.errors?.[0]?.message || "the socket does not say why").trim();
  const status = Number(/Unexpected server response: (\d+)/.exec(text)?.[1]); // the package `ws`
  if (status) {
    const remedy = STATUSES[/** @type {keyof typeof STATUSES} */ (status)];
    return `the server refused the upgrade with HTTP ${status}${remedy ? `: ${remedy}` : ""}`;
  }
  const known = SYSTEM_ERRORS[cause?.code ?? cause?.cause?.code];
  if (known) return text.includes(cause.code) ? `${known} (${text})` : known;
  return `${text.replace(/\.$/, "")}. ${CHECK}`;
}
