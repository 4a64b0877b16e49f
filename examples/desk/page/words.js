// @ts-check
// The sentences that the pages show to people.
/** @import { DialogueError } from "./dialogue/client.js" */

export const STATES = { connected: "Online", connecting: "Connecting…", waiting: "Reconnecting…", closed: "Offline" };

/** Why the page is not connected, while it tries again. */
export const LOST = { never: "The server cannot be reached.", otherwise: "The connection is lost." };
/** Why the page does not try again, by close code. */
export const CLOSED = {
  4502: "Too many connections are open under your name. Close another tab first.",
  4504: "The server has been updated. Reload the page.",
  otherwise: "The server ended the connection.",
};

/** Why a line is not sent. */
export const PENDING = {
  offline: "Waiting for the connection",
  outside: "Waiting until you are in the ticket",
  busy: "The server cannot keep this now. Trying again…",
  unconfirmed: "The connection was lost before the server confirmed this line. It may have arrived.",
};

const SENTENCES = {
  DISCONNECTED: "The connection was lost. Check whether it worked before you try again.",
  TIMEOUT: "The server did not answer. Check whether it worked before you try again.",
  UNAVAILABLE: "The server cannot do this at the moment. Try again in a little while.",
  OVERLOADED: "Too many requests are waiting. Wait a moment before you try again.",
  JOIN_DENIED: "You may not see this ticket.",
  ROOM_NOT_FOUND: "This ticket does not exist.",
  INTERNAL: "Something went wrong on the server.",
};

/** @param {DialogueError} error */
export function readable({ code, message, violations }) {
  if (violations.length > 0) return `Not sent: ${violations.map((violation) => violation.message).join("; ")}.`;
  return SENTENCES[code] ?? sentence(message);
}

export function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
