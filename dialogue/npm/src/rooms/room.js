// One room that the client is in: its subscriptions, the holds on it, and whether the client is in it or rejoining it.

import { Position } from "../position.js";
import { Erasures, erasedEvent } from "./erasures.js";
import { Hold } from "./hold.js";
/** @import { Frame } from "../link.js" */
/** @import { Notices } from "../notice.js" */
/** @import { Timer } from "../timer.js" */
/** @import { WireMessage } from "./erasures.js" */
/** @import { AnyRoom } from "./hold.js" */

const MAX_EXCEPT = 1_000; // how many exceptions a join may have …
const MAX_EXCEPT_BYTES = 32_768; // … and their bytes: half of the longest message that a server accepts by default

/** A room that the client is in, across connections. */
export class TrackedRoom {
  name = "";
  position = new Position();
  erasures = new Erasures();
  /** @type {"joined" | "rejoining" | "left"} */
  state = "joined";
  /** @type {Set<string>} */
  subscriptions = new Set();
  /** @type {Set<string>} */
  excluded = new Set(); // events that the wildcard no longer covers
  /** @type {Promise<unknown> | undefined} */
  leaving;
  /** @type {Set<string> | undefined} */
  serverSubscriptions; // set while the server has joined the client by itself and the client's own rejoin is unanswered
  /** @type {(() => void) | undefined} */
  retry; // set while the client waits to rejoin: rejoins at once
  wasCreated = false; // since the latest attempt to rejoin was sent
  /** @type {number | undefined} */
  missingSince; // when the server first answered on this connection that the client cannot rejoin now
  /** @type {Timer} */
  #retryTimer; // for the next attempt to rejoin
  #notices;
  #toHandle;
  /** @type {Set<Hold>} */
  #holds = new Set(); // those that have not left, oldest first
  #leftByClient = false; // then the client's own handlers learn nothing more about the room

  /**
   * @param {string} id
   * @param {Notices} notices
   * @param {(room: TrackedRoom, hold: Hold) => AnyRoom} toHandle
   */
  constructor(id, notices, toHandle) {
    this.id = id;
    this.#notices = notices;
    this.#toHandle = toHandle;
  }

  get isHeld() {
    return this.#holds.size > 0;
  }

  /** The oldest handle that has not left. */
  get handle() {
    const [oldest] = this.#holds;
    return oldest?.handle;
  }

  /**
   * Handles the `joined` with which the client enters the room.
   *
   * @param {Frame} frame
   * @param {number} handles
   */
  begin(frame, handles) {
    this.enter(frame);
    this.position.seq = frame.seq;
    return this.admit(frame.events, handles);
  }

  /**
   * Gives new handles, which begin with these events. Earlier handles see nothing of them.
   *
   * @param {WireMessage[]} events
   * @param {number} handles
   */
  admit(events, handles) {
    const isFirst = !this.isHeld;
    const toHandle = (/** @type {Hold} */ hold) => this.#toHandle(this, hold);
    const holds = Array.from({ length: handles }, () => new Hold(this.id, this.#notices, toHandle));
    const given = holds.map(({ handle }) => handle);
    if (this.state === "left") holds.forEach((hold) => hold.end()); // a handler has disconnected
    else this.#notices.queue.during(() => this.#begin(holds, events, isFirst));
    return given;
  }

  /**
   * @param {Hold[]} holds
   * @param {WireMessage[]} events
   * @param {boolean} isFirst
   */
  #begin(holds, events, isFirst) {
    for (const hold of holds) this.#holds.add(hold);
    if (holds[0] && isFirst) this.#notices.notify("joined", holds[0].handle);
    this.#start(holds, events, false, isFirst);
  }

  /**
   * The program gives up a hold.
   *
   * @param {Hold} hold
   */
  release(hold) {
    this.#holds.delete(hold);
    hold.end();
  }

  /**
   * Records that the client is in the room. Returns whether all missed events were recovered, or undefined if there is
   * nothing to report.
   *
   * @param {Frame} frame
   */
  enter(frame) {
    const recovered = this.position.recovered(frame, this.#wasPresent(frame));
    if (frame.epoch !== this.position.epoch) this.erasures.clear();
    this.position.epoch = frame.epoch;
    this.name = frame.roomName;
    // The answer to the client's own rejoin is still to come. It restores the subscriptions.
    if (frame.id === undefined && this.state === "rejoining") this.serverSubscriptions = new Set(frame.subscriptions);
    else this.settle(frame.subscriptions);
    return recovered;
  }

  /**
   * Whether everything up to a `joined` has already arrived on this connection.
   *
   * @param {Frame} frame
   */
  #wasPresent({ subscriptions, recovered }) {
    const before = this.state === "joined" ? this.subscriptions : this.serverSubscriptions;
    // A join without the client's position does not ask for earlier events.
    return before !== undefined && (recovered !== false || !addsEvents(subscriptions, before));
  }

  /**
   * Sets the subscriptions, and marks the room as joined.
   *
   * @param {string[]} subscriptions
   */
  settle(subscriptions) {
    if (!subscriptions.includes("*")) this.clearExcluded();
    this.subscriptions = new Set(subscriptions.filter((name) => !this.excluded.has(name)));
    this.state = "joined";
    this.#stopRetry();
    this.serverSubscriptions = undefined;
    this.position.hasGap = false;
  }

  /**
   * Delivers the events that a join replays in a room that the client was already in: before the connection was lost,
   * before the subscriptions were changed, or before the server joined the client.
   *
   * @param {Frame} frame
   * @param {boolean | undefined} recovered
   */
  joined(frame, recovered) {
    if (recovered) for (const message of frame.events) this.receive(message);
    // If no connection was lost, everything up to this number has already arrived on this connection.
    this.position.seq = frame.seq;
    if (recovered === undefined) return;
    if (!recovered) this.#start(this.#holds, frame.events, true, true);
    for (const hold of this.#holds) hold.offer({ kind: "recovered", argument: { recovered } });
  }

  /** @param {WireMessage} message */
  receive(message) {
    if (!this.position.take(message.seq)) return;
    if (this.excluded.has(message.event)) return; // replayed, or sent before the events were excluded again
    if (message.erased) return this.#offerErased(this.#holds, message);
    for (const hold of this.#holds) hold.offer({ kind: "event", argument: message });
  }

  /**
   * An event is erased that the client may have received.
   *
   * @param {number} seq
   */
  erased(seq) {
    this.erasures.add(seq);
    for (const hold of this.#holds) hold.offer({ kind: "erased", argument: { roomId: this.id, seq } });
  }

  /**
   * Reports an event that was erased before the client received it. Without a number, nothing can be reported.
   *
   * @param {Iterable<Hold>} holds
   * @param {WireMessage} message
   */
  #offerErased(holds, message) {
    const { seq } = message;
    if (seq === undefined) return;
    const argument = { roomId: this.id, seq, message: erasedEvent(message) };
    for (const hold of holds) hold.offer({ kind: "erased", argument });
  }

  /** The wildcard covers all events again. A request that fails later restores its events only in the old set. */
  clearExcluded() {
    this.excluded = new Set();
  }

  /** @param {string} event */
  subscribed(event) {
    this.subscriptions.add(event);
    this.excluded.delete(event);
  }

  subscribedToAll() {
    this.subscriptions = new Set(["*", ...this.subscriptions]);
    this.clearExcluded();
  }

  /** @param {string} event */
  unsubscribed(event) {
    this.subscriptions.delete(event);
    if (this.subscriptions.has("*")) this.excluded.add(event);
  }

  /**
   * What a further join asks for, if it names subscriptions: what the other handles have, and these. `*` goes alone,
   * with the excluded events that the join does not name.
   *
   * @param {readonly string[]} names
   */
  union(names) {
    if (!this.isHeld) return { subscriptions: names, excluded: [] };
    const union = new Set([...this.subscriptions, ...names]);
    if (!union.has("*")) return { subscriptions: [...union], excluded: [] };
    const excluded = names.includes("*") ? [] : [...this.excluded].filter((name) => !names.includes(name));
    return { subscriptions: ["*"], excluded };
  }

  /**
   * What a rejoin asks for. `*` goes alone, because the client does not know which names it covers.
   *
   * @param {number} maxBytes of a message
   */
  rejoin(maxBytes) {
    const { subscriptions, excluded } = this;
    const since = this.position.since();
    if (!subscriptions.has("*")) return { since, subscriptions: [...subscriptions], erasures: true };
    return { since, subscriptions: ["*"], except: exceptOf([...excluded], maxBytes), erasures: true };
  }

  /**
   * Waits before the next attempt to rejoin.
   *
   * @param {number} delay
   * @param {() => void} rejoin
   */
  retryIn(delay, rejoin) {
    clearTimeout(this.#retryTimer);
    this.retry = () => {
      clearTimeout(this.#retryTimer);
      this.retry = undefined;
      rejoin();
    };
    if (delay === 0) this.retry();
    else this.#retryTimer = setTimeout(this.retry, delay);
  }

  #stopRetry() {
    clearTimeout(this.#retryTimer);
    this.retry = undefined;
    this.missingSince = undefined;
  }

  linkLost() {
    this.#stopRetry();
    const granted = this.serverSubscriptions;
    if (granted && addsEvents(this.subscriptions, granted)) this.position.hasGap = true;
    this.serverSubscriptions = undefined;
    if (this.state === "joined") this.state = "rejoining";
  }

  /** @param {string} [reason] undefined if the client left by its own request: then only `onLeft` is called any more */
  left(reason) {
    if (this.state === "left") return;
    this.#stopRetry();
    this.state = "left";
    this.#leftByClient = reason === undefined;
    for (const hold of this.#holds) hold.end(reason);
    this.#holds.clear();
  }

  /**
   * @param {Iterable<Hold>} holds
   * @param {WireMessage[]} events
   * @param {boolean} gap
   * @param {boolean} isOfClient whether the client's own handlers are called, too
   */
  #start(holds, events, gap, isOfClient) {
    const included = events.filter(({ event }) => !this.excluded.has(event));
    const present = included.filter(({ erased }) => !erased);
    const history = (/** @type {AnyRoom} */ room) => ({ room, roomId: this.id, events: [...present], gap });
    for (const hold of holds) hold.offer({ kind: "history", argument: history(hold.handle) });
    for (const event of included) if (event.erased) this.#offerErased(holds, event);
    const { handle } = this;
    if (!handle || !isOfClient) return;
    const { queue, listeners } = this.#notices;
    queue.add(() => this.#leftByClient || listeners.call("history", history(handle)));
  }
}

/**
 * The exceptions that a join names: as many as it may have, and as fit into half of a message. The server learns of the
 * others by `unsubscribe`.
 *
 * @param {string[]} excluded
 * @param {number} maxBytes of a message
 */
export function exceptOf(excluded, maxBytes) {
  let left = Math.min(MAX_EXCEPT_BYTES, maxBytes / 2);
  const fit = excluded.slice(0, MAX_EXCEPT).filter((name) => (left -= JSON.stringify(name).length + 1) >= 0);
  return fit.length > 0 ? fit : undefined;
}

/**
 * Whether the new subscriptions cover events that the old ones do not.
 *
 * @param {Iterable<string>} subscriptions
 * @param {Set<string>} before
 */
function addsEvents(subscriptions, before) {
  return !before.has("*") && [...subscriptions].some((name) => !before.has(name));
}
