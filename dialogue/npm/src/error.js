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
 * The error for a trigger that was sent before the connection was lost, when nothing since then shows its outcome.
 *
 * @param {string} why
 * @param {DialogueError} [cause]
 */
export function outcomeUnknown(why, cause) {
  const message = `the connection was lost before the answer, and ${why}: the trigger may have been carried out`;
  return new DialogueError({ code: "DISCONNECTED", message, roomId: cause?.roomId, event: cause?.event, cause });
}

/** @param {string} roomId */
export function notInRoom(roomId) {
  return new DialogueError({ code: "NOT_IN_ROOM", message: "the client is not in the room", roomId });
}
