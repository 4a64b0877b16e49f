// Requests that wait to be sent, or for their answers.
//
// Owns the requests, their limits, and the rules for sending again. `Sending` has their order and their pace.

import { asked, pause, spreadPause } from "./backoff.js";
import { DialogueError, disconnected, notInRoom } from "./error.js";
import { lateness, lengthOf, lost, mayBeDone, repetition, unknown } from "./pending/entry.js";
import { Holds } from "./pending/not_now.js";
import { Sending } from "./pending/sending.js";
import { CONNECT_ID } from "./sign_in.js";
/** @import { Frame, Link } from "./link.js" */
/** @import { PendingRequest, RequestOptions } from "./pending/entry.js" */
/** @import { TrackedRoom } from "./rooms/room.js" */

// How long after a trigger was made it may be sent again to a server that does not know `repeats`. Such a server remembers
// a key for two minutes. The rest is for the time in transit: a connection whose other end is silent is given up after 35 s at
// most, so a repetition seldom arrives later than 30 s after it was sent. The Rust client has the same limit.
const KEYS_KNOWN_FOR_MS = 90_000;
const BEFORE_KEY_LOOKUP = ["ROOM_NOT_FOUND"]; // refusals of a trigger before its key is looked up

/** The requests that wait for an answer, or for a connection to be sent on, in the order in which they were made. */
export class Pending {
  maxBytes = Infinity; // of a message
  #clientId = "";
  #marksRepetitions = false; // whether the server decides about repetitions
  #sending = new Sending(
    (id) => this.#pending.get(id),
    (id, pending) => this.#textNow(id, pending),
  );
  #holds = new Holds((room) => this.#holdEnded(room));
  #timeout;
  #max;
  #maxPendingBytes;
  #bytes = 0; // of the requests that count
  #count = 0; // of the requests that count
  #nextId = CONNECT_ID + 1;
  /** @type {Map<number, PendingRequest>} */
  #pending = new Map();

  /**
   * @param {number} timeout
   * @param {number} max
   * @param {number} maxBytes
   */
  constructor(timeout, max, maxBytes) {
    this.#timeout = timeout;
    this.#max = max;
    this.#maxPendingBytes = maxBytes;
  }

  /** The connection on which requests are sent, while the client is connected. */
  get link() {
    return this.#sending.link;
  }

  /**
   * Requests can be sent on this link, until `linkLost`.
   *
   * @param {Link} link
   * @param {Frame} welcome
   */
  open(link, { clientId, maxMessageBytes, rate }) {
    this.#sending.open(link, rate);
    this.#clientId = clientId;
    this.maxBytes = maxMessageBytes;
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
      const text = JSON.stringify({ ...frame, id: this.#nextId });
      const bytes = lengthOf(text);
      const refusal = this.#refusal(options, bytes);
      if (refusal) return reject(refusal);
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#expire(id), this.#timeout);
      const state = { queued: false, sent: false, first: undefined, repeats: false, refusal: undefined, refusals: 0 };
      const pending = { text, bytes, options, ...state, madeAt: Date.now(), timer, resolve, reject };
      this.#pending.set(id, pending);
      this.#counts(pending, 1);
      if (!this.canSend(options.room) || this.#isHeld(options)) return;
      this.#enqueue(id, pending);
      this.#sending.flush();
    });
  }

  /**
   * Returns the reason why a request cannot be made, if there is one.
   *
   * @param {RequestOptions} options
   * @param {number} bytes
   */
  #refusal({ repeat = true, room, unbounded }, bytes) {
    if (room?.leaving || room?.state === "left") return notInRoom(room.id);
    if (!repeat && !this.canSend(room)) {
      return disconnected("not connected, or not yet back in the room: try again later");
    }
    if (unbounded) return undefined;
    let limit;
    if (this.#count >= this.#max) limit = `maxPending = ${this.#max}`;
    else if (this.#bytes + bytes > this.#maxPendingBytes) limit = `maxPendingBytes = ${this.#maxPendingBytes}`;
    if (limit === undefined) return undefined;
    return new DialogueError({ code: "OVERLOADED", message: `too many unanswered requests (${limit})` });
  }

  /**
   * @param {PendingRequest} pending
   * @param {1 | -1} change
   */
  #counts({ bytes, options }, change) {
    if (options.unbounded) return;
    this.#count += change;
    this.#bytes += change * bytes;
  }

  /**
   * Settles the request that a frame answers. Returns false if there is no such request.
   *
   * @param {Frame} frame
   * @param {DialogueError} [error]
   */
  answer(frame, error) {
    if (error?.code === "RATE_LIMITED" && this.#cameTooFast(frame.id, error)) return true;
    if (error?.code === "UNAVAILABLE" && this.#wasNotTaken(frame.id, error)) return true;
    const pending = this.#remove(frame.id);
    if (!pending) return false;
    const { room, onAnswer, toResult } = pending.options;
    if (error) {
      const saysNothing = pending.repeats && BEFORE_KEY_LOOKUP.includes(error.code);
      const isUnknown = saysNothing || error.code === "OUTCOME_UNKNOWN";
      pending.reject(isUnknown ? unknown(pending, `the server has answered ${error.code}`, error) : error);
    } else {
      if (frame.type === "ok") room?.position.acknowledge(frame.seq);
      onAnswer?.(frame);
      pending.resolve(toResult ? toResult(frame) : frame);
    }
    this.#sending.resume();
    return true;
  }

  /**
   * The server has not run a request because it came too fast. Nothing is sent for the time that the server asks for,
   * and then this request again. Returns false if it no longer waits.
   *
   * @param {number | undefined} id
   * @param {DialogueError} error
   */
  #cameTooFast(id = -1, error) {
    this.link?.pause(pause(error, 0));
    const pending = this.#pending.get(id);
    if (!pending?.sent) return false;
    const { slot } = pending.options;
    if (slot !== undefined && this.#sending.hasVolatile(slot)) this.#supersede(id);
    else {
      this.#sending.unsent(pending);
      pending.refusal = error;
      if (!pending.repeats) pending.first = undefined;
      if (!this.#isHeld(pending.options)) this.#sending.enqueueAgain(id, pending);
    }
    this.#sending.flush();
    return true;
  }

  /**
   * The server could not take a trigger, or does not know yet whether it has stored it. It is sent again with its key
   * after the time that the server asks for. Until then, the room's later triggers wait, too. Returns false if it is not
   * sent again.
   *
   * @param {number | undefined} id
   * @param {DialogueError} error
   */
  #wasNotTaken(id = -1, error) {
    const pending = this.#pending.get(id);
    if (!pending?.sent) return false;
    const { room, isTrigger, repeat } = pending.options;
    if (!isTrigger || repeat === false || !room || !this.canSend(room)) return false;
    const wait = this.#holds.has(room) ? asked(error) : spreadPause(error, pending.refusals);
    if (this.#isForgotten(pending, wait)) return false;
    this.#sending.unsent(pending);
    pending.refusal = error;
    pending.refusals += 1;
    pending.repeats = true;
    this.#holds.add(room, wait);
    for (const [other, later] of this.#pending) {
      if (later.queued && later.options.room === room && this.#isHeld(later.options)) this.#sending.dequeue(other, later);
    }
    this.#sending.flush();
    return true;
  }

  /**
   * Whether a trigger waits for an earlier one of its room. Volatile triggers do not.
   *
   * @param {RequestOptions} options
   */
  #isHeld({ isTrigger, slot, room }) {
    return isTrigger === true && slot === undefined && room !== undefined && this.#holds.has(room);
  }

  /** @param {TrackedRoom} room its triggers wait for an earlier one no longer */
  endHold(room) {
    if (!this.#holds.has(room)) return;
    this.#holds.delete(room);
    this.#holdEnded(room);
  }

  /** @param {TrackedRoom} room its triggers may be sent again: first those that were already sent */
  #holdEnded(room) {
    for (const [id, pending] of this.#pending) {
      const { options, sent, queued, refusal } = pending;
      if (options.room !== room || !options.isTrigger || sent || queued || !refusal || !this.canSend(room)) continue;
      this.#sending.enqueueAgain(id, pending);
    }
    this.sendWaiting();
  }

  /**
   * Whether the server may have forgotten the key of a trigger when it is sent again after this time.
   *
   * @param {PendingRequest} pending
   * @param {number} [ms]
   */
  #isForgotten({ madeAt }, ms = 0) {
    return !this.#marksRepetitions && Date.now() + ms - madeAt > KEYS_KNOWN_FOR_MS;
  }

  /**
   * The latest of the waiting requests that changes the membership of a room or the subscriptions there.
   *
   * @param {string} roomId
   */
  lastMove(roomId) {
    let last;
    for (const { options } of this.#pending.values()) if (options.move?.roomId === roomId) last = options.move;
    return last;
  }

  sendWaiting() {
    for (const [id, pending] of this.#pending) {
      const { sent, queued, options } = pending;
      if (!sent && !queued && this.canSend(options.room) && !this.#isHeld(options)) this.#enqueue(id, pending);
    }
    this.#sending.flush();
  }

  /**
   * @param {number} id
   * @param {PendingRequest} pending
   */
  #enqueue(id, pending) {
    const replaced = this.#sending.enqueue(id, pending);
    if (replaced !== undefined) this.#supersede(replaced);
  }

  /** @param {number} id a volatile trigger; a newer one waits for the same room and event */
  #supersede(id) {
    this.#remove(id)?.resolve({ superseded: true });
  }

  /** The connection is lost: requests that may be sent again wait for the next connection, all others are rejected. */
  linkLost() {
    this.#sending.close();
    this.#holds.clear();
    for (const [id, pending] of this.#pending) {
      pending.repeats ||= pending.sent && pending.options.isTrigger === true;
      pending.sent = false;
      pending.queued = false;
      const isOver = pending.options.repeat === false || pending.options.room?.state === "left";
      if (isOver) this.#reject(id, pending.refusal ?? lost(pending));
    }
  }

  /** @param {DialogueError} error */
  rejectAll(error) {
    for (const [id, pending] of this.#pending) {
      this.#reject(id, mayBeDone(pending) ? unknown(pending, "the client has stopped", error) : error);
    }
  }

  /**
   * The client has left the room. Requests that are already sent wait for their answers: the server may have carried
   * them out before the client left. All others in this room are rejected.
   *
   * @param {TrackedRoom} room
   * @param {DialogueError} error
   */
  left(room, error) {
    this.#holds.delete(room);
    for (const [id, pending] of this.#pending) {
      if (pending.options.room !== room || pending.sent) continue;
      this.#reject(id, pending.repeats ? unknown(pending, "the client is no longer in the room", error) : error);
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
    for (const [id, pending] of this.#pending) {
      const { options, first } = pending;
      const stale = !room || (options.room === room && first && first.epoch !== room.position.epoch);
      if (options.isTrigger && stale) this.#reject(id, first ? unknown(pending, why) : disconnected(why));
    }
  }

  /**
   * The text of a request that is sent now. Undefined if it cannot be sent: then it is rejected.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  #textNow(id, pending) {
    if (pending.repeats && this.#isForgotten(pending)) {
      this.#reject(id, unknown(pending, "the server may have forgotten the trigger's key"));
      return undefined;
    }
    const text = pending.repeats ? repetition(pending) : pending.text;
    // After a message that is too long, the server closes the connection for good.
    if (pending.bytes + text.length - pending.text.length > this.maxBytes) {
      const message = `the message is longer than the server accepts (maxMessageBytes = ${this.maxBytes})`;
      const error = pending.repeats ? unknown(pending, message) : new DialogueError({ code: "LIMIT_EXCEEDED", message });
      this.#reject(id, error);
      return undefined;
    }
    pending.refusal = undefined;
    pending.first ??= { clientId: this.#clientId, epoch: pending.options.room?.position.epoch };
    return text;
  }

  /** @param {number} id */
  #expire(id) {
    const pending = this.#pending.get(id);
    if (pending) this.#reject(id, lateness(pending, this.#timeout, this.#isHeld(pending.options)));
    this.#sending.resume();
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
    if (!pending) return undefined;
    this.#pending.delete(id);
    this.#counts(pending, -1);
    if (pending.sent) this.#sending.unsent(pending);
    if (pending.queued) this.#sending.dequeue(id, pending);
    clearTimeout(pending.timer);
    return pending;
  }
}
