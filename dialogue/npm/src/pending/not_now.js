// The rooms whose triggers wait because the server could not take one of them. Owns the timers, and no request.

import { monotonicTime } from "../timer.js";
/** @import { TrackedRoom } from "../rooms/room.js" */
/** @import { Timer } from "../timer.js" */

export class Holds {
  /** @type {Map<TrackedRoom, { endsAt: number, timer: Timer }>} */
  #holds = new Map();
  #onEnd;

  /** @param {(room: TrackedRoom) => void} onEnd is called when the triggers of a room may be sent again */
  constructor(onEnd) {
    this.#onEnd = onEnd;
  }

  /** @param {TrackedRoom} room */
  has(room) {
    return this.#holds.has(room);
  }

  /**
   * Holds a room's triggers for this time, or longer if they are held already.
   *
   * @param {TrackedRoom} room
   * @param {number} ms
   */
  add(room, ms) {
    const endsAt = monotonicTime() + ms;
    const hold = this.#holds.get(room);
    if (hold && hold.endsAt >= endsAt) return;
    clearTimeout(hold?.timer);
    const end = () => {
      this.#holds.delete(room);
      this.#onEnd(room);
    };
    this.#holds.set(room, { endsAt, timer: setTimeout(end, Math.ceil(ms)) });
  }

  /** @param {TrackedRoom} room */
  delete(room) {
    clearTimeout(this.#holds.get(room)?.timer);
    this.#holds.delete(room);
  }

  clear() {
    for (const room of [...this.#holds.keys()]) this.delete(room);
  }
}
