// Which request is sent next on a connection. Pure: time is an argument. `Pending` has the requests themselves.

import { Pacer } from "./pacer.js";
/** @import { Rate } from "./pacer.js" */

const VOLATILE_SHARE = 0.6; // of the rate; the rest is for requests that matter
const OTHERS_SHARE = 0.6; // of the rate, while the program also uses volatile triggers …
const KEPT_SHARE = 0.2; // … which have this share then: they are of no use when all others are sent

/**
 * @typedef Next the request that is sent next
 * @property {number} [id] absent if none waits
 * @property {number} at when it may be sent
 */

/** The requests that could be sent now, in their order. */
export class Outbox {
  /** @type {Set<number>} */
  #urgent = new Set();
  /** @type {Set<number>} */
  #refused = new Set(); // the server has not run them because they came too fast
  /** @type {Map<number, number>} */
  #waiting = new Map(); // with the number of its place in the queue
  /** @type {Map<string, { id: number, place: number }>} */
  #volatile = new Map(); // at most one for each room and event
  /** @type {Map<string, number>} */
  #sentAt = new Map(); // when a volatile trigger for a room and event was last sent, earliest first
  #places = 0;
  #lastVolatile = -Infinity; // when the latest volatile trigger was sent
  #pacer;
  #others; // counts what is not volatile
  #window;
  #interval; // between two volatile triggers for the same room and event …
  #keptInterval; // … and between any two while other requests wait

  /** @param {Rate} rate */
  constructor(rate) {
    this.#pacer = new Pacer(rate, VOLATILE_SHARE);
    this.#others = new Pacer(rate, OTHERS_SHARE);
    this.#window = rate.window;
    this.#interval = rate.window / (VOLATILE_SHARE * rate.frames);
    this.#keptInterval = rate.window / (KEPT_SHARE * rate.frames);
  }

  /**
   * @param {number} id
   * @param {boolean} [isUrgent] whether it overtakes all others
   */
  add(id, isUrgent) {
    if (isUrgent) this.#urgent.add(id);
    else this.#waiting.set(id, this.#places++);
  }

  /**
   * The server has refused a request because it came too fast: it is sent again before all that were not sent yet.
   *
   * @param {number} id
   */
  addRefused(id) {
    this.#refused.add(id);
  }

  /**
   * A volatile trigger takes the place of one that waits for the same room and event. Returns the one that it replaces.
   *
   * @param {number} id
   * @param {string} slot the room and the event
   */
  addVolatile(id, slot) {
    const waiting = this.#volatile.get(slot);
    this.#volatile.set(slot, { id, place: waiting?.place ?? this.#places++ });
    return waiting?.id;
  }

  /**
   * Whether a volatile trigger waits for this room and event.
   *
   * @param {string} slot
   */
  hasVolatile(slot) {
    return this.#volatile.has(slot);
  }

  /**
   * @param {number} id
   * @param {string} [slot]
   */
  delete(id, slot) {
    this.#urgent.delete(id);
    this.#refused.delete(id);
    this.#waiting.delete(id);
    if (slot !== undefined && this.#volatile.get(slot)?.id === id) this.#volatile.delete(slot);
  }

  /**
   * @param {number} now
   * @returns {Next}
   */
  next(now) {
    const [urgent = lowest(this.#refused)] = this.#urgent;
    if (urgent !== undefined) return { id: urgent, at: now };
    const volatile = this.#nextVolatile(now);
    const held = this.#others.wait(now);
    const [waiting] = this.#waiting;
    if (!waiting) return volatile;
    const [id, place] = waiting;
    const usesVolatile = this.#volatile.size > 0 || now < this.#lastVolatile + this.#window;
    const other = { id, at: usesVolatile ? now + held : now };
    const at = volatile.place < place ? volatile.at : Math.max(volatile.at, this.#lastVolatile + this.#keptInterval);
    return at <= Math.max(now, other.at) ? { ...volatile, at } : other;
  }

  /**
   * Takes out a request that is being sent.
   *
   * @param {number} id
   * @param {number} now
   * @param {string} [slot] the room and the event of a volatile trigger
   */
  sent(id, now, slot) {
    this.delete(id, slot);
    if (slot === undefined) return this.#others.sent(now);
    this.#pacer.sent(now);
    this.#lastVolatile = now;
    for (const [earlier, at] of this.#sentAt) {
      if (at + this.#interval > now) break;
      this.#sentAt.delete(earlier);
    }
    this.#sentAt.delete(slot);
    this.#sentAt.set(slot, now);
  }

  /**
   * @param {number} now
   * @returns {Next & { place: number }}
   */
  #nextVolatile(now) {
    /** @type {Next & { place: number }} */
    let next = { at: Infinity, place: Infinity };
    if (this.#volatile.size === 0) return next;
    const free = now + this.#pacer.wait(now);
    for (const [slot, { id, place }] of this.#volatile) {
      const at = Math.max(free, (this.#sentAt.get(slot) ?? -Infinity) + this.#interval);
      if (at < next.at) next = { id, at, place };
      if (at <= now) break;
    }
    return next;
  }
}

/**
 * @param {Set<number>} ids
 * @returns {number | undefined}
 */
function lowest(ids) {
  return ids.size === 0 ? undefined : Math.min(...ids);
}
