// Which events of a room are erased, and what the program receives in their place. Pure.

/** @import * as Public from "../../client.js" */

// A page that is on its way may contain events that were erased meanwhile. More than these are unlikely to be erased in
// that time.
const MAX_REMEMBERED = 1_000;

/** The numbers of events that were erased while the client was in the room. Beyond the limit, the oldest are forgotten. */
export class Erasures {
  /** @type {Set<number>} */
  #seqs = new Set();

  /** @param {number} seq */
  add(seq) {
    this.#seqs.delete(seq);
    this.#seqs.add(seq);
    const [oldest] = this.#seqs;
    if (oldest !== undefined && this.#seqs.size > MAX_REMEMBERED) this.#seqs.delete(oldest);
  }

  /** The numbers mean other events now. */
  clear() {
    this.#seqs.clear();
  }

  /**
   * A page of history without the data of erased events.
   *
   * @param {WireMessage[]} events
   */
  page(events) {
    return events.map((event) => (event.erased || this.#seqs.has(event.seq ?? -1) ? erasedEvent(event) : event));
  }
}

/** @typedef {Public.EventMessage<any> & { erased?: boolean }} WireMessage an event as the server sends it */

/**
 * What is left of an erased event. It has no `data`: not even a type that permits `null` may take it for an event.
 *
 * @param {WireMessage} message
 * @returns {Public.ErasedEvent}
 */
export function erasedEvent({ data, meta, ...envelope }) {
  return { ...envelope, erased: true };
}
