// When the requests of a connection are sent: their order, their pace, and how many wait for answers at the same time.
//
// Owns the connection, the outbox and its timer. `Pending` has the requests themselves.

import { Outbox } from "../outbox.js";
import { rateOf } from "../pacer.js";
import { LONGEST_TIMER_MS, monotonicTime } from "../timer.js";
/** @import { Link } from "../link.js" */
/** @import { Rate } from "../pacer.js" */
/** @import { PendingRequest } from "./entry.js" */
/** @import { Timer } from "../timer.js" */

export class Sending {
  /** @type {Link | undefined} */
  link; // set while the client is connected
  #outbox = new Outbox(rateOf());
  #maxUnanswered = 1; // a network that has stalled delivers everything at once, and that must not exceed the rate
  #unanswered = 0;
  #isStalled = false; // requests wait for answers to earlier ones
  /** @type {Timer} */
  #timer; // for the next request in the outbox
  #request;
  #text;

  /**
   * @param {(id: number) => PendingRequest | undefined} request a request by its id
   * @param {(id: number, pending: PendingRequest) => string | undefined} text the text of a request that is sent now.
   *   Undefined if it cannot be sent: then it is no longer here
   */
  constructor(request, text) {
    this.#request = request;
    this.#text = text;
  }

  /**
   * Requests can be sent on this link, until `close`.
   *
   * @param {Link} link
   * @param {Rate} [rate]
   */
  open(link, rate) {
    this.link = link;
    this.#outbox = new Outbox(rateOf(rate));
    this.#maxUnanswered = rateOf(rate).frames;
  }

  /** The connection is lost: nothing waits to be sent on it. */
  close() {
    this.link = undefined;
    this.#unanswered = 0;
    clearTimeout(this.#timer);
    this.#outbox = new Outbox(rateOf());
  }

  /**
   * Puts a request in the queue. Returns the id of the volatile trigger that waits and that it replaces.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  enqueue(id, pending) {
    const { slot, urgent } = pending.options;
    pending.queued = true;
    if (slot !== undefined) return this.#outbox.addVolatile(id, slot);
    this.#outbox.add(id, urgent);
    return undefined;
  }

  /**
   * Puts a request in the queue that was sent before on this connection: it comes before all that were not.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  enqueueAgain(id, pending) {
    const { slot } = pending.options;
    pending.queued = true;
    if (slot !== undefined) this.#outbox.addVolatile(id, slot);
    else this.#outbox.addRefused(id);
  }

  /**
   * Takes a request out of the queue.
   *
   * @param {number} id
   * @param {PendingRequest} pending
   */
  dequeue(id, pending) {
    pending.queued = false;
    this.#outbox.delete(id, pending.options.slot);
  }

  /** @param {string} slot whether a volatile trigger waits there */
  hasVolatile(slot) {
    return this.#outbox.hasVolatile(slot);
  }

  /** @param {PendingRequest} pending waits for its answer no longer */
  unsent(pending) {
    pending.sent = false;
    this.#unanswered -= 1;
  }

  /** Sends what waits for answers to earlier requests, if it can be sent now. */
  resume() {
    if (this.#isStalled) this.flush();
  }

  /** Sends what the rate permits. */
  flush() {
    clearTimeout(this.#timer);
    for (;;) {
      const now = monotonicTime();
      const next = this.#outbox.next(now);
      if (!this.link || next.at === Infinity) return;
      this.#isStalled = this.#unanswered >= this.#maxUnanswered;
      if (this.#isStalled) return;
      const wait = Math.max(this.link.wait(now), next.at - now);
      if (wait > 0) {
        this.#timer = setTimeout(() => this.flush(), Math.min(Math.ceil(wait), LONGEST_TIMER_MS));
        return;
      }
      const id = Number(next.id);
      const pending = /** @type {PendingRequest} */ (this.#request(id));
      this.dequeue(id, pending);
      const text = this.#text(id, pending);
      if (text === undefined) continue;
      pending.sent = true;
      this.#unanswered += 1;
      this.link?.send(text);
      this.#outbox.sent(id, now, pending.options.slot);
    }
  }
}
