// The settings of a client: their defaults, and the address of the socket.

/** @import * as Public from "../client.js" */

// A server replaces this line by an address relative to the module: `new URL("ws", import.meta.url)`.
const SOCKET_URL = "/dialogue/ws";
const TIMEOUT_MS = 60_000; // plus the 35 s until silence is noticed: below the 120 s for which servers remember keys
const MAX_PENDING = 10_000; // about as many as the client sends in four minutes
const MAX_PENDING_BYTES = 4 * 1024 * 1024; // so that a client that is offline for long does not fill the memory

/** @typedef {ReturnType<typeof configOf>} Config */

/** @param {Public.ClientOptions} options */
export function configOf(options) {
  const { url, auth, WebSocket = globalThis.WebSocket, timeout = TIMEOUT_MS } = options;
  const { maxPending = MAX_PENDING, maxPendingBytes = MAX_PENDING_BYTES } = options;
  if (!WebSocket) {
    throw new TypeError("no global WebSocket: pass the option `WebSocket`, such as the class of the package `ws`");
  }
  return { url: socketUrl(url), auth, WebSocket, timeout: Math.min(timeout, TIMEOUT_MS), maxPending, maxPendingBytes };
}

/** @param {string | URL} [url] */
function socketUrl(url = SOCKET_URL) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  absolute.hash = "";
  return absolute.href;
}
