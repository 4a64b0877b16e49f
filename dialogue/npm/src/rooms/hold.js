// What one `join` gives to a program: the hold on a room, its handlers, and what waits for the first of them.

import { DialogueError } from "../error.js";
import { Listeners } from "../listeners.js";
import { Backlog } from "./backlog.js";
/** @import * as Public from "../../client.js" */
/** @import { Notices } from "../notice.js" */
/** @import { Timer } from "../timer.js" */
/** @import { RoomItem } from "./backlog.js" */
/** @typedef {Public.JoinedRoom<any>} AnyRoom */

const SET_UP_MS = 5_000; // after the first handler, for the program to attach the others

/** A hold on a room. The room is left when nobody has a hold on it any more. */
export class Hold {
  isOver = false;
  /** @type {Promise<unknown> | undefined} */
  leaving; // the result of leaving with this hold
  #notices;
  #roomId;
  /** @type {Backlog | undefined} */
  #backlog = new Backlog();
  #isHandled = false; // a handler has been attached
  #isFresh = true; // the code that awaits the join has not run yet
  #hasReported = false; // how many events were dropped
  #isSilent = false; // the client left by its own request: then no handlers but `onLeft` are called any more
  /** @type {Timer} */
  #catchUpTimer; // runs until the kept items are delivered
  /** @type {Timer} */
  #setUpTimer; // runs until nothing is kept any more

  /**
   * @param {string} roomId
   * @param {Notices} notices
   * @param {(hold: Hold) => AnyRoom} toHandle
   */
  constructor(roomId, notices, toHandle) {
    const report = (/** @type {unknown} */ error) => notices.report(error);
    this.#roomId = roomId;
    this.#notices = notices;
    this.events = new Listeners(report);
    this.listeners = new Listeners(report);
    this.handle = toHandle(this);
    // Code that awaits the join attaches its handlers only after this call has returned, but some sockets deliver the
    // next frame at once. What arrives until then waits for these handlers.
    Promise.resolve().then(() => (this.#isFresh = false));
    this.#catchUpLater();
  }

  /**
   * Attaches a handler for events of this name.
   *
   * @param {string} event
   * @param {(message: any) => unknown} handler
   */
  on(event, handler) {
    return this.#attached(this.events.add(event, handler));
  }

  /**
   * Attaches a handler for anything but events of one name.
   *
   * @param {"any" | "erased" | "history" | "recovered" | "left"} kind
   * @param {(argument: any) => unknown} handler
   */
  listen(kind, handler) {
    return this.#attached(this.listeners.add(kind, handler));
  }

  /**
   * Passes an item to the handlers, in the order in which things happened.
   *
   * @param {RoomItem} item
   */
  offer(item) {
    this.#notices.queue.add(() => this.#take(item));
  }

  /** @param {string} [reason] undefined if the client left by its own request */
  end(reason) {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.#setUpTimer);
    if (reason === undefined) {
      this.#isSilent = true;
      clearTimeout(this.#catchUpTimer);
      this.#catchUpTimer = undefined;
      this.#backlog?.clear();
    }
    this.offer({ kind: "left", argument: { reason } });
  }

  /** @param {() => void} remove */
  #attached(remove) {
    const isFirst = !this.#isHandled;
    this.#isHandled = true;
    const backlog = this.#backlog;
    if (!backlog) return remove;
    if (isFirst && !this.isOver) this.#setUpTimer = setTimeout(() => this.#setUp(), SET_UP_MS);
    // In a task of its own, so that handlers that are attached together receive everything in order.
    if (backlog.missed > 0 || backlog.has((item) => this.#isWanted(item))) this.#catchUpLater();
    return remove;
  }

  /** The program has attached its handlers. */
  #setUp() {
    this.#notices.queue.add(() => {
      this.#catchUp();
      this.#backlog = undefined;
    });
  }

  #catchUpLater() {
    this.#catchUpTimer ??= setTimeout(() => this.#notices.queue.add(() => this.#catchUp()), 0);
  }

  /** Delivers the kept items that a handler wants by now. */
  #catchUp() {
    clearTimeout(this.#catchUpTimer);
    this.#catchUpTimer = undefined;
    const backlog = this.#backlog;
    if (!backlog) return;
    if (this.#isHandled) this.#reportMissed(backlog.missed);
    const isWanted = (/** @type {RoomItem} */ item) => this.#isWanted(item);
    for (const item of backlog.take(isWanted)) this.#call(item);
    // A handler may have attached a handler for items that were skipped before.
    if (backlog.has(isWanted)) this.#catchUpLater();
  }

  /** @param {RoomItem} item */
  #take(item) {
    if (this.#isSilent && item.kind !== "left") return;
    if (this.#catchUpTimer !== undefined && !this.#isFresh) this.#catchUp();
    if (this.#catchUpTimer === undefined && this.#isWanted(item)) this.#call(item);
    else this.#backlog?.keep(item);
  }

  /** @param {RoomItem} item */
  #isWanted(item) {
    if (item.kind !== "event") return this.listeners.has(item.kind);
    return this.events.has(item.argument.event) || this.listeners.has("any");
  }

  /** @param {RoomItem} item */
  #call({ kind, argument }) {
    if (kind !== "event") return this.listeners.call(kind, argument);
    this.events.call(argument.event, argument);
    this.listeners.call("any", argument);
  }

  /** @param {number} missed */
  #reportMissed(missed) {
    if (missed === 0 || this.#hasReported) return;
    this.#hasReported = true;
    const roomId = this.#roomId;
    const message = `nobody handled the events of the room ${roomId}, so the oldest ${missed} were dropped`;
    this.#notices.report(new DialogueError({ code: "MISSED", message, missed, roomId }));
  }
}
