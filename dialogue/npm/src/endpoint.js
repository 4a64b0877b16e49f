// Where a client connects to: the address of the socket, and the class that opens it.

import { DialogueError } from "./error.js";
import { withoutSecrets } from "./failure.js";
/** @import * as Public from "../client.js" */
/** @import { Config } from "./config.js" */

// A server replaces this line by an address relative to the module. Only then does the module know its own address:
// packages are read by tools that do not understand how a module would ask for it.
const SOCKET_URL = "/dialogue/ws";

// Some environments have a `URL` that cannot be read or changed, so an absolute address is taken apart here.
const ABSOLUTE = /^(ws|http)(s?):\/\/([^/?#\s]+)(\/[^?#]*)?(\?[^#]*)?(#.*)?$/i;
const HOST_ALONE = /^[\w.-]+:\d+/;

/**
 * @typedef Endpoint
 * @property {string} url
 * @property {new (url: string) => Public.WebSocketLike} WebSocket
 */

/**
 * Throws a `DialogueError` if the environment cannot connect with these settings.
 *
 * @param {Config} config
 * @returns {Endpoint}
 */
export function endpointOf({ url, WebSocket = globalThis.WebSocket }) {
  const endpoint = { url: socketUrl(url), WebSocket };
  if (WebSocket) return endpoint;
  const message = "no global WebSocket: pass the option `WebSocket`, such as the class of the package `ws`";
  throw new DialogueError({ code: "NO_WEBSOCKET", message });
}

/** @param {string | { readonly href: string } | null} [url] */
function socketUrl(url) {
  const given = (typeof url === "string" ? url : url?.href)?.trim() || String(SOCKET_URL);
  const [, scheme, secure = "", host, path = "/", query = ""] = resolved(given).match(ABSOLUTE) ?? [];
  if (!scheme) {
    const shown = withoutSecrets(given);
    throw new DialogueError({ code: "INVALID_URL", message: `cannot connect to "${shown}": ${remedy(shown)}` });
  }
  return `ws${secure.toLowerCase()}://${host}${path === "/" ? `/dialogue/ws` : path}${query}`;
}

/**
 * The absolute address, if it is absolute or there is a page that it is relative to.
 *
 * @param {string} url
 */
function resolved(url) {
  if (ABSOLUTE.test(url)) return url;
  try {
    const { location, document } = globalThis; // in some environments, even reading them fails
    const base = [location?.href, document?.baseURI, location?.origin].find((base) => base?.startsWith("http"));
    return new URL(url, base).href;
  } catch {
    return url;
  }
}

/** @param {string} url */
function remedy(url) {
  if (HOST_ALONE.test(url)) return `write "ws://${url}" or "wss://${url}"`;
  return 'pass an absolute `url`, such as "wss://chat.example.com/dialogue/ws"';
}
