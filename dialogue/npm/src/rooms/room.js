// One room that the client is in: its subscriptions, its handlers, and whether the client is in it or rejoining it.

import { Listeners } from "../listeners.js";
import { Position } from "../position.js";
/** @import * as Public from "../../client.js" */
/** @import { Frame } from "../link.js" */
/** @import { Notices } from "../notice.js" */
/** @import { Timer } from "../timer.js" */
/** @typedef {Public.JoinedRoom<any>} AnyRoom */

const MAX_EXCEPT = 1_000; // how many exceptions a join may have

/** A room that the client is in, across connections. Its handlers are called in the order in which things happened. */
export class TrackedRoom {
  name = "";
  position = new Position();
  /** @type {"joined" | "rejoining" | "left"} */
  state = "joined";
  /** @type {Set<string>} */
  subscriptions = new Set();
  /** @type {Set<string>} */
  excluded = new Set(); // events that the wildcard no longer covers
  /** @type {Promise<unknown> | undefined} */
  leaving;
  mayBeLeft = false; // a leave timed out and the server may still carry it out; a join that is sent now enters again
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
  /** @type {(() => void)[]} */
  #queued = [];
  #isReady = true;
  #leftByClient = false; // then no handlers but `onLeft` are called any more

  /**
   * @param {string} id
   * @param {Notices} notices
   * @param {(room: TrackedRoom) => AnyRoom} toHandle
   */
  constructor(id, notices, toHandle) {
    const report = (/** @type {unknown} */ error) => notices.report(error);
    this.id = id;
    this.#notices = notices;
    this.events = new Listeners(report);
    this.listeners = new Listeners(report);
    this.handle = toHandle(this);
  }

  /**
   * Handles the first join. Code that awaits it attaches its handlers only after this call has returned, but some
   * sockets deliver the next frame at once. Events that arrive before the handlers can be attached wait for them.
   *
   * @param {Frame} frame
   */
  begin(frame) {
    this.#isReady = false;
    queueMicrotask(() => (this.#isReady = true));
    setTimeout(() => this.#flush(), 0);
    this.enter(frame);
    this.position.seq = frame.seq;
    this.#start(frame.events, false);
  }

  /**
   * Records that the client is in the room. Returns whether all missed events were recovered, or undefined if there is
   * nothing to report.
   *
   * @param {Frame} frame
   */
  enter(frame) {
    const recovered = this.position.recovered(frame, this.#wasPresent(frame));
    this.position.epoch = frame.epoch;
    this.name = frame.roomName;
    this.mayBeLeft = false;
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
    if (!recovered) this.#start(frame.events, true);
    this.#notify(() => this.listeners.call("recovered", { recovered }));
  }

  /** @param {Public.EventMessage} message */
  receive(message) {
    if (!this.position.take(message.seq)) return;
    if (this.excluded.has(message.event)) return; // replayed, or sent before the events were excluded again
    this.#notify(() => {
      this.events.call(message.event, message);
      this.listeners.call("any", message);
    });
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

  /** What a rejoin asks for. `*` goes alone, because the client does not know which names it covers. */
  rejoin() {
    const { subscriptions, excluded } = this;
    const since = this.position.since();
    if (!subscriptions.has("*")) return { since, subscriptions: [...subscriptions] };
    const except = excluded.size > 0 ? [...excluded].slice(0, MAX_EXCEPT) : undefined;
    return { since, subscriptions: ["*"], except };
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
    this.#enqueue(() => this.listeners.call("left", { reason }));
  }

  /**
   * @param {Public.EventMessage[]} events
   * @param {boolean} gap
   */
  #start(events, gap) {
    const included = events.filter(({ event }) => !this.excluded.has(event));
    const history = { room: this.handle, roomId: this.id, events: included, gap };
    this.#notify(() => {
      this.listeners.call("history", history);
      this.#notices.listeners.call("history", history);
    });
  }

  /** @param {() => void} call */
  #notify(call) {
    this.#enqueue(() => this.#leftByClient || call());
  }

  /** @param {() => void} call */
  #enqueue(call) {
    this.#queued.push(call);
    if (this.#isReady) this.#flush();
  }

  #flush() {
    const { queue } = this.#notices;
    queue.during(() => this.#queued.splice(0).forEach((call) => queue.add(call)));
  }
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
