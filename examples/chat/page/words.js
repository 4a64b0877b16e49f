// @ts-check
// The sentences that the page shows to people.
/** @import { DialogueError } from "./dialogue/client.js" */

export const REASONS = {
  removed: "you were removed",
  denied: "you are no longer allowed in it",
  revoked: "your session ended",
  ROOM_NOT_FOUND: "it no longer exists",
  ROOM_FULL: "it is full",
  JOIN_DENIED: "you are not allowed to join it",
  otherwise: "the server does not let you back in",
};
export const STATES = { connected: "Online", connecting: "Connecting…", waiting: "Reconnecting…", closed: "Offline" };
/** Why a message is not sent. */
export const PENDING = {
  offline: "Waiting for the connection",
  outside: "Waiting until you are in the room",
  slow: "Sending…",
  busy: "The server is busy. Trying again…",
  unconfirmed: "The connection was lost before the server confirmed this message. It may have arrived.",
  left: "Not sent: you are no longer in this room.",
};
const SENTENCES = {
  DISCONNECTED: "The connection was lost. Check whether it worked before you try again.",
  TIMEOUT: "The server did not answer. Check whether it worked before you try again.",
  UNAVAILABLE: "The server cannot do this at the moment. Try again in a little while.",
  OVERLOADED: "Too many requests are waiting. Wait a moment before you try again.",
  INTERNAL: "Something went wrong on the server.",
  ROOM_NOT_FOUND: "This room does not exist.",
  ROOM_FULL: "The room is full.",
  NOT_IN_ROOM: "You are no longer in this room.",
  RATE_LIMITED: "Too many requests. Wait a moment before you try again.",
};

/** Why the page is not connected, while it tries again. */
export const LOST = {
  never: "The server cannot be reached.",
  unavailable: "The server cannot sign you in at the moment.",
  otherwise: "The connection is lost.",
};
/** Why the page does not try again, by close code. */
export const CLOSED = {
  4502: "Too many connections are open under your name. Close another tab first.",
  4503: "The server ended the connection: too many requests.",
  4504: "The server has been updated. Reload the page.",
  otherwise: "The server ended the connection.",
};

/** @param {DialogueError} error */
export function readable({ code, message, violations }) {
  if (violations.length > 0) return `Not sent: ${violations.map((violation) => violation.message).join("; ")}.`;
  return SENTENCES[code] ?? `${message[0].toUpperCase()}${message.slice(1)}.`;
}

export function displayName(user, me) {
  return user === me ? "You" : user;
}

export function people(count) {
  return count === 1 ? "1 person here" : `${count} people here`;
}
