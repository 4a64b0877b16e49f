// The client's position in a room: which events are new, which it has seen, and whether it missed any. Pure.

/** @import { Frame } from "./link.js" */

/** The epoch of a room, and the highest number in it that the client has seen. */
export class Position {
  epoch = "";
  seq = 0;
  hasGap = false; // the missed events do not begin at `seq`

  /** The position to send with the next `join`. */
  since() {
    const epoch = this.hasGap ? "" : this.epoch; // the empty epoch matches no room, so the server reports a gap
    return { epoch, seq: this.seq };
  }

  /**
   * Takes in an event and returns whether it is new. An event without a number is always new.
   *
   * @param {number} [seq]
   */
  take(seq) {
    if (seq !== undefined && seq <= this.seq) return false;
    this.acknowledge(seq);
    return true;
  }

  /** @param {number} [seq] everything for this client up to this number has arrived */
  acknowledge(seq = 0) {
    if (seq > this.seq) this.seq = seq;
  }

  /**
   * Whether a `joined` brings all missed events, or undefined if the client was present all the time and missed none.
   *
   * @param {Frame} joined
   * @param {boolean} wasPresent
   */
  recovered({ epoch, seq, recovered }, wasPresent) {
    if (epoch !== this.epoch) return false;
    if (wasPresent) return undefined;
    // A join by the server does not have the client's position. If nothing has happened since, nothing was missed.
    return recovered ?? (!this.hasGap && seq === this.seq);
  }
}
