// The settings of a client and their defaults. Making a client touches nothing of its environment, so that a program may
// do so anywhere: on a server that renders pages, too.

/** @import * as Public from "../client.js" */

const TIMEOUT_MS = 60_000; // plus the 35 s until silence is noticed: below the 120 s for which servers remember keys
const MAX_PENDING = 10_000; // about as many as the client sends in four minutes
const MAX_PENDING_BYTES = 4 * 1024 * 1024; // so that a client that is offline for long does not fill the memory

/** @typedef {ReturnType<typeof configOf>} Config */

/** @param {Public.ClientOptions} options */
export function configOf(options) {
  const { url, auth, WebSocket, timeout = TIMEOUT_MS } = options;
  const { maxPending = MAX_PENDING, maxPendingBytes = MAX_PENDING_BYTES } = options;
  return { url, auth, WebSocket, timeout: Math.min(timeout, TIMEOUT_MS), maxPending, maxPendingBytes };
}
