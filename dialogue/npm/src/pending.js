// Requests that wait to be sent, or for their answers.
//
// Owns the order of requests, their limits, and the rule for sending again after a lost connection.

import { DialogueError, disconnected, notInRoom, outcomeUnknown } from "./error.js";
import { CONNECT_ID } from "./sign_in.js";
/** @import { Frame, Link } from "./link.js" */
/** @import { TrackedRoom } from "./rooms/room.js" */
/** @import { Timer } from "./timer.js" */

const KEYS_KNOWN_FOR_MS = 110_000; // servers that do not know marked repetitions remember keys for two minutes
const BEFORE_KEY_LOOKUP = ["RATE_LIMITED", "ROOM_NOT_FOUND"]; // refusals of a trigger before its key is looked up

/**
 * @typedef Move a join or leave that the application has requested
 * @property {string} roomId
 * @property {string} [names] the subscriptions of a join, if it lists any
 * @property {Promise<any>} [joining] the result of a join
 */

/**
 * @typedef RequestOptions
 * @property {boolean} [repeat] whether it waits for a connection, and for the next if that is lost, instead of failing
 * @property {TrackedRoom} [room] the room that must be joined before it is sent
 * @property {boolean} [isTrigger] whether it may be sent again only if the server can recognise its key
 * @property {boolean} [unbounded] whether the client makes it for itself, so that `maxPending` does not apply to it
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
 * @property {boolean} sent whether it was sent on the current connection
 * @property {Attempt | undefined} first when it was first sent
 * @property {boolean} repeats whether it was already sent on an earlier connection
 * @property {number} madeAt the wall clock's time, which goes on while a machine sleeps
 * @property {Timer} timer
 * @property {(value: any) => void} resolve
 * @property {(error: DialogueError) => void} reject
 */

/** The requests that wait for an answer, or for a connection to be sent on, in the order in which they were made. */
export class Pending {
  /** @type {Link | undefined} */
  link; // set while the client is connected
  #clientId = "";
  #maxBytes = Infinity;
  #marksRepetitions = false; // whether the server decides about repetitions
  #timeout;
  #max;
  #nextId = CONNECT_ID + 1;
  /** @type {Map<number, PendingRequest>} */
  #pending = new Map();

  /**
   * @param {number} timeout
   * @param {number} max
   */
  constructor(timeout, max) {
    this.#timeout = timeout;
    this.#max = max;
  }

  /**
   * Requests can be sent on this link, until `linkLost`.
   *
   * @param {Link} link
   * @param {Frame} welcome
   */
  open(link, { clientId, maxMessageBytes, rate }) {
    this.link = link;
    this.#clientId = clientId;
    this.#maxBytes = maxMessageBytes;
    this.#marksRepetitions = rate !== undefined; // both came with the same version of the server
  }

  /**
   * Whether the server could answer a request now. It cannot without a connection. In a room, it cannot before the room
   * is rejoined or after the request to leave it.
   *
   * @param {TrackedRoom} [room]
   */
  canSend(room) {
    return this.link !== undefined && (!room || (room.state === "joined" && !room.leaving));
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} options
   * @returns {Promise<any>}
   */
  add(frame, options) {
    return new Promise((resolve, rejects) => {
      const reject = (/** @type {DialogueError} */ error) => {
        options.onFailure?.();
        rejects(error);
      };
      const refusal = this.#refusal(options);
      if (refusal) return reject(refusal);
      const id = this.#nextId++;
      const text = JSON.stringify({ ...frame, id });
      const timer = setTimeout(() => this.#expire(id), this.#timeout);
      const madeAt = Date.now();
      const pending = { text, options, sent: false, first: undefined, repeats: false, madeAt, timer, resolve, reject };
      this.#pending.set(id, pending);
      if (this.canSend(options.room)) this.#send(id, pending);
    });
  }

  /**
   * Returns the reason why a request cannot be made, if there is one.
   *
   * @param {RequestOptions} options
   */
  #refusal({ repeat = true, room, unbounded }) {
    if (room?.leaving || room?.state === "left") return notInRoom(room.id);
    if (!repeat && !this.canSend(room)) {
      return disconnected("not connected, or not yet back in the room: try again later");
    }
    if (unbounded || this.#pending.size < this.#max) return undefined;
    const message = `too many unanswered requests (maxPending = ${this.#max})`;
    return new DialogueError({ code: "OVERLOADED", message });
  }

  /**
   * Settles the request that a frame answers. Returns false if there is no such request.
   *
   * @param {Frame} frame
   * @param {DialogueError} [error]
   */
  answer(frame, error) {
    const pending = this.#remove(frame.id);
    if (!pending) return false;
    const { room, onAnswer, toResult } = pending.options;
    if (error) {
      const saysNothing = pending.repeats && BEFORE_KEY_LOOKUP.includes(error.code);
      const isUnknown = saysNothing || error.code === "OUTCOME_UNKNOWN";
      pending.reject(isUnknown ? outcomeUnknown(`the retry was refused with ${error.code}`, error) : error);
    } else {
      if (frame.type === "ok") room?.position.acknowledge(frame.seq);
      onAnswer?.(frame);
      pending.resolve(toResult ? toResult(frame) : frame);
    }
    return true;
  }

  /**
   * The latest join or leave of a room among the waiting requests.
   *
   * @param {string} roomId
   */
  lastMove(roomId) {
    const moves = [...this.#pending.values()].map(({ options }) => options.move);
    return moves.filter((move) => move?.roomId === roomId).at(-1);
  }

  sendWaiting() {
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.sent && this.canSend(pending.options.room)) this.#send(id, pending);
    }
  }

  /** The connection is lost: requests that may be sent again wait for the next connection, all others are rejected. */
  linkLost() {
    this.link = undefined;
    for (const [id, pending] of this.#pending) {
      pending.repeats ||= pending.sent && pending.options.isTrigger === true;
      pending.sent = false;
      const isOver = pending.options.repeat === false || pending.options.room?.state === "left";
      if (isOver) this.#reject(id, disconnected("the connection was lost before the answer"));
    }
  }

  /** @param {DialogueError} error */
  rejectAll(error) {
    for (const id of this.#pending.keys()) this.#reject(id, error);
  }

  /**
   * The client has left the room. Requests that are already sent wait for their answers: the server may have carried
   * them out before the client left. All others in this room are rejected.
   *
   * @param {TrackedRoom} room
   * @param {DialogueError} error
   */
  left(room, error) {
    for (const [id, { options, sent, repeats }] of this.#pending) {
      if (options.room !== room || sent) continue;
      this.#reject(id, repeats ? outcomeUnknown("the client is no longer in the room", error) : error);
    }
  }

  /**
   * Rejects the triggers that the server would not recognise when they are sent again. Without a room, these are all
   * triggers. Otherwise, they are the triggers of the room that were first sent in another epoch.
   *
   * @param {string} why
   * @param {TrackedRoom} [room]
   */
  rejectTriggers(why, room) {
    for (const [id, { options, first }] of this.#pending) {
      const stale = !room || (options.room === room && first && first.epoch !== room.position.epoch);
      if (options.isTrigger && stale) this.#reject(id, outcomeUnknown(why));
    }
  }

  /**
   * @param {number} id
   * @param {PendingRequest} pending
   */
  #send(id, pending) {
    if (pending.repeats && !this.#marksRepetitions && Date.now() - pending.madeAt > KEYS_KNOWN_FOR_MS) {
      return this.#reject(id, outcomeUnknown("the server may have forgotten the trigger's key"));
    }
    const text = pending.repeats ? repetition(pending) : pending.text;
    // After a message that is too long, the server closes the connection for good.
    if (isLonger(text, this.#maxBytes)) {
      const message = `the message is longer than the server accepts (maxMessageBytes = ${this.#maxBytes})`;
      const error = pending.repeats ? outcomeUnknown(message) : new DialogueError({ code: "LIMIT_EXCEEDED", message });
      return this.#reject(id, error);
    }
    pending.sent = true;
    pending.first ??= { clientId: this.#clientId, epoch: pending.options.room?.position.epoch };
    this.link?.send(text);
  }

  /** @param {number} id */
  #expire(id) {
    const error = this.#pending.get(id)?.sent
      ? new DialogueError({ code: "TIMEOUT", message: `the server did not answer within ${this.#timeout} ms` })
      : disconnected(`the request waited ${this.#timeout} ms for the connection or the room`);
    this.#reject(id, error);
  }

  /**
   * @param {number} id
   * @param {DialogueError} error
   */
  #reject(id, error) {
    this.#remove(id)?.reject(error);
  }

  /** @param {number} id */
  #remove(id) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}

/**
 * A trigger that is sent again, with the mark that lets the server refuse it if it cannot recognise the key.
 *
 * @param {PendingRequest} pending
 */
function repetition({ text, first }) {
  return `${text.slice(0, -1)},"repeats":${JSON.stringify(first)}}`;
}

/**
 * @param {string} text
 * @param {number} bytes
 */
function isLonger(text, bytes) {
  // A unit of UTF-16 is at most three bytes of UTF-8.
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}
