// One request that waits: what is known about it, the text to send, and why it is late.

import { DialogueError, disconnected, outcomeUnknown } from "../error.js";
/** @import { Frame } from "../link.js" */
/** @import { AnyRoom } from "../rooms/hold.js" */
/** @import { TrackedRoom } from "../rooms/room.js" */
/** @import { Timer } from "../timer.js" */

/**
 * @typedef Move a request of the application that changes its membership of a room or its subscriptions there
 * @property {string} roomId
 * @property {boolean} [leaves] whether it leaves the room
 * @property {Promise<unknown>} [answered] resolves when it is answered or has failed
 * @property {Promise<AnyRoom[]>} [joining] the handles that a join gives
 * @property {number} [handles] how many a join gives
 * @property {readonly string[]} [names] the subscriptions of a join, if it lists any
 * @property {readonly string[]} [excluded] the exceptions from the wildcard of these subscriptions
 */

/**
 * @typedef RequestOptions
 * @property {boolean} [repeat] whether it waits for a connection, and for the next if that is lost, instead of failing
 * @property {TrackedRoom} [room] the room that must be joined before it is sent
 * @property {boolean} [isTrigger] whether it may be sent again only if the server can recognise its key
 * @property {boolean} [unbounded] whether the client makes it for itself, so that `maxPending` does not apply to it
 * @property {boolean} [urgent] whether it is sent before all others
 * @property {string} [slot] the room and event of a volatile trigger: a newer one for the same replaces it while it waits
 * @property {Move} [move]
 * @property {(frame: Frame) => void} [onAnswer] receives the answer before any later frame is handled
 * @property {() => void} [onFailure] is called when the request is rejected, before any later frame is handled
 * @property {(frame: Frame) => unknown} [toResult] is called like `onAnswer`; the request resolves with its result
 */

/**
 * @typedef Attempt
 * @property {string} clientId the id of the connection
 * @property {string | undefined} epoch the room's epoch
 */

/**
 * @typedef PendingRequest
 * @property {string} text
 * @property {RequestOptions} options
 * @property {number} bytes the length of `text` in UTF-8
 * @property {boolean} queued whether it is in the outbox
 * @property {boolean} sent whether it waits for its answer on the current connection
 * @property {DialogueError | undefined} refusal why it must be sent again: it came too fast, or the server could not take it
 * @property {number} refusals how often the server could not take it
 * @property {Attempt | undefined} first when it was first sent
 * @property {boolean} repeats whether an earlier attempt may have been carried out
 * @property {number} madeAt the wall clock's time, which goes on while a machine sleeps
 * @property {Timer} timer
 * @property {(value: any) => void} resolve
 * @property {(error: DialogueError) => void} reject
 */

/**
 * Why a trigger fails that may have been carried out: the server could not take it, or nothing shows its outcome.
 *
 * @param {PendingRequest} pending
 * @param {string} why
 * @param {DialogueError} [cause]
 */
export function unknown({ refusal, text }, why, cause) {
  return refusal?.code === "UNAVAILABLE" ? refusal : outcomeUnknown(why, JSON.parse(text), cause);
}

/**
 * Whether a request is a trigger that was sent, so that the server may have carried it out.
 *
 * @param {PendingRequest} pending
 */
export function mayBeDone({ options, first }) {
  return options.isTrigger === true && first !== undefined;
}

/**
 * Why a request fails that is not repeated after the connection is lost.
 *
 * @param {PendingRequest} pending
 */
export function lost(pending) {
  const why = "the connection was lost before the answer";
  return mayBeDone(pending) ? unknown(pending, why) : disconnected(why);
}

/**
 * Why a request has no answer after its time.
 *
 * @param {PendingRequest} pending
 * @param {number} timeout
 * @param {boolean} isHeld whether it waits for an earlier trigger of its room
 */
export function lateness(pending, timeout, isHeld) {
  const { sent, queued, repeats, refusal } = pending;
  const time = `${timeout} ms`;
  if (sent) return new DialogueError({ code: "TIMEOUT", message: `the server did not answer within ${time}` });
  if (repeats) return unknown(pending, `the trigger could not be sent again within ${time}`, refusal);
  if (refusal) return refusal;
  if (isHeld) {
    const message = `the trigger waited ${time} for an earlier one: the server cannot take the room's triggers now`;
    return new DialogueError({ code: "OVERLOADED", message });
  }
  if (!queued) return disconnected(`the request waited ${time} for the connection or the room`);
  const message = `the request waited ${time} for its turn: the client keeps to the rate that the server accepts`;
  return new DialogueError({ code: "OVERLOADED", message });
}

/**
 * A trigger that is sent again, with the mark that lets the server refuse it if it cannot recognise the key.
 *
 * @param {PendingRequest} pending
 */
export function repetition({ text, first }) {
  return `${text.slice(0, -1)},"repeats":${JSON.stringify(first)}}`;
}

/**
 * The length of a text in UTF-8. JSON has no unpaired surrogates.
 *
 * @param {string} text
 */
export function lengthOf(text) {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Both halves of a surrogate pair count two.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
