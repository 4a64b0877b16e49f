// The error of the client, as programs receive it, and the errors that the client itself makes.

/** @import * as Public from "../client.js" */

export class DialogueError extends Error {
  /** @param {ConstructorParameters<typeof Public.DialogueError>[0]} error */
  constructor({ code, message, violations = [], data, retryAfter, roomId, event, closeCode, url, missed, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DialogueError";
    this.code = code;
    this.violations = violations;
    this.data = data;
    this.retryAfter = retryAfter;
    this.roomId = roomId;
    this.event = event;
    this.closeCode = closeCode;
    this.missed = missed;
    this.url = url;
  }
}

/** @param {string} message */
export function disconnected(message) {
  return new DialogueError({ code: "DISCONNECTED", message });
}

/**
 * The error for a trigger that was sent, when nothing shows its outcome and it is not repeated.
 *
 * @param {string} why
 * @param {{ roomId?: string, event?: string }} about
 * @param {DialogueError} [cause]
 */
export function outcomeUnknown(why, { roomId, event }, cause) {
  const message = `${why}: the event may or may not have been delivered, so do not trigger it again if it must not happen twice`;
  return new DialogueError({ code: "OUTCOME_UNKNOWN", message, roomId, event, cause });
}

/** @param {string} roomId */
export function notInRoom(roomId) {
  return new DialogueError({ code: "NOT_IN_ROOM", message: "the client is not in the room", roomId });
}
