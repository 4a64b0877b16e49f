// The settings of a client: their defaults, and the address of the socket.

const SOCKET_PATH = "/dialogue/ws"; // a server with another base path serves this module with its own path here
export const TIMEOUT_MS = 60_000; // plus the 35 s until silence is noticed: well below the 120 s for which servers remember keys
export const MAX_PENDING = 96; // a reconnect that also rejoins a hundred rooms stays within the rate limit of 200 frames

/** @param {string | URL} [url] */
export function socketUrl(url = SOCKET_PATH) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  absolute.hash = "";
  return absolute.href;
}
