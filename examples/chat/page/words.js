// @ts-check
// The sentences that the page shows to people.
/** @import { DialogueError } from "/dialogue/client.js" */

export const REASONS = {
  removed: "you were removed",
  denied: "you are no longer allowed in it",
  revoked: "your session ended",
  ROOM_NOT_FOUND: "it no longer exists",
  ROOM_FULL: "it is full",
  JOIN_DENIED: "you are not allowed to join it",
};
export const STATES = { connected: "Online", connecting: "Connecting…", waiting: "Reconnecting…", closed: "Offline" };
const SENTENCES = {
  DISCONNECTED: "The connection was lost. Check whether it worked before you try again.",
  ROOM_NOT_FOUND: "This room does not exist.",
  ROOM_FULL: "The room is full.",
  NOT_IN_ROOM: "You are no longer in this room.",
  RATE_LIMITED: "Too many requests. Wait a moment before you try again.",
};

export const CLOSED = {
  4502: "Too many connections are open under your name.",
  4503: "The server ended the connection: too many requests.",
  otherwise: "The server ended the connection. Reload the page to reconnect.",
};

/** @param {DialogueError} error */
export function readable({ code, message, violations }) {
  if (violations.length > 0) return `Not sent: ${violations.map((violation) => violation.message).join("; ")}.`;
  return SENTENCES[code] ?? `${message[0].toUpperCase()}${message.slice(1)}.`;
}

export function people(count) {
  return count === 1 ? "1 person here" : `${count} people here`;
}
