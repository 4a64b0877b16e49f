// A client's session with a server: who the client is, its requests, and how it reacts to frames and to a lost
// connection.
//
// Owns the order of things and decides who is notified. It knows no socket; the engine does.

import { DialogueError, disconnected, notInRoom } from "./error.js";
import { Notices } from "./notice.js";
import { Pending } from "./pending.js";
import { JoinedRooms } from "./rooms.js";
import { exceptOf } from "./rooms/room.js";
/** @import * as Public from "../client.js" */
/** @import { Config } from "./config.js" */
/** @import { Frame, Link } from "./link.js" */
/** @import { Move, RequestOptions } from "./pending/entry.js" */
/** @import { AnyRoom, Hold } from "./rooms/hold.js" */
/** @import { TrackedRoom } from "./rooms/room.js" */

/** Everything that outlasts a connection. */
export class Session {
  /** @type {Public.ConnectionState} */
  state = "closed";
  /** @type {string | undefined} */
  userId;
  /** @type {string | undefined} */
  clientId;
  /** @type {string | undefined} */
  fingerprint;
  notices = new Notices();

  /**
   * @param {Config} config
   * @param {(room: TrackedRoom, hold: Hold) => AnyRoom} toHandle
   */
  constructor({ timeout, maxPending, maxPendingBytes }, toHandle) {
    this.pending = new Pending(timeout, maxPending, maxPendingBytes);
    this.rooms = new JoinedRooms(this.notices, this.pending, toHandle);
  }

  get connected() {
    return this.state === "connected";
  }

  /**
   * @param {Frame} frame
   * @param {RequestOptions} [options]
   */
  request(frame, options = {}) {
    if (this.state === "closed") {
      options.onFailure?.();
      return Promise.reject(disconnected("not connected: call `connect` first"));
    }
    const answer = this.pending.add(frame, options);
    if (options.move) options.move.answered = answer.then(() => {}, () => {});
    return answer;
  }

  /**
   * Joins a room for one more part of the program, and returns its handle.
   *
   * @param {string} id
   * @param {readonly string[]} [names] the subscriptions
   * @returns {Promise<AnyRoom>}
   */
  async join(id, names) {
    this.rooms.expect(id);
    try {
      for (;;) {
        const last = this.pending.lastMove(id);
        // Only the answers say which subscriptions a join with others adds to.
        if (last && !last.leaves && names && !covers(last, names)) await last.answered;
        else {
          const { room, handle } = this.#enter(id, names, last);
          try {
            return await handle;
          } catch (error) {
            // The client was removed from the room before it could be sent: it is a first join now.
            if (room?.state !== "left" || /** @type {DialogueError} */ (error).code !== "NOT_IN_ROOM") throw error;
          }
        }
      }
    } finally {
      this.rooms.unexpect(id);
    }
  }

  /**
   * Sends a join, or shares the one that is waiting for its answer: calls that join at the same time share one.
   *
   * @param {string} id
   * @param {readonly string[] | undefined} names
   * @param {Move | undefined} last
   */
  #enter(id, names, last) {
    const tracked = this.rooms.get(id);
    const room = tracked?.leaving ? undefined : tracked;
    /** @type {(move: Move) => Promise<AnyRoom>} */
    const take = async ({ joining, handles = 0 }) => /** @type {AnyRoom} */ ((await joining)?.[handles - 1]);
    if (last?.joining && covers(last, names)) {
      last.handles = (last.handles ?? 0) + 1;
      return { room, handle: take(last) };
    }
    const { subscriptions, excluded } = room && names ? room.union(names) : { subscriptions: names, excluded: [] };
    /** @type {Move} */
    const move = { roomId: id, handles: 1, names: subscriptions, excluded: names && excluded };
    const toResult = (/** @type {Frame} */ joined) => this.rooms.entered(joined, move);
    const except = exceptOf(excluded, this.pending.maxBytes);
    const frame = { type: "join", roomId: id, subscriptions, except, erasures: true };
    move.joining = this.request(frame, { room, move, toResult });
    return { room, handle: take(move) };
  }

  /** @param {Public.StateChange} change */
  setState(change) {
    this.state = change.state;
    this.notices.notify("state", change);
  }

  /**
   * The server has signed the client in on a new link.
   *
   * @param {Frame} welcome
   * @param {Link} link
   */
  welcomed(welcome, link) {
    const { userId, clientId, fingerprint } = welcome;
    const again = this.userId !== undefined;
    const anotherUser = again && this.userId !== userId;
    Object.assign(this, { userId, clientId, fingerprint });
    this.pending.open(link, welcome);
    if (anotherUser) this.pending.rejectTriggers("the user has changed");
    this.setState({ state: "connected" });
    this.notices.notify("connect", { userId, clientId, again });
    this.rooms.rejoinAll();
    this.pending.sendWaiting();
  }

  /**
   * @param {Public.StateChange} change
   * @param {string} reason
   */
  linkLost(change, reason) {
    const wasConnected = this.connected;
    this.clientId = undefined;
    this.rooms.linkLost();
    this.pending.linkLost();
    const { code = 1006, state } = change;
    this.notices.queue.during(() => {
      this.setState(change);
      if (wasConnected) this.notices.notify("disconnect", { code, reason, willReconnect: state === "waiting" });
    });
  }

  /**
   * Handles any frame but those that sign in.
   *
   * @param {Frame} frame
   */
  frame(frame) {
    switch (frame.type) {
      case "event": {
        const { type, ...message } = frame;
        return this.rooms.get(frame.roomId)?.receive(/** @type {Public.EventMessage} */ (message));
      }
      case "erased":
        return this.rooms.get(frame.roomId)?.erased(frame.seq);
      case "joined":
        if (frame.id === undefined) this.rooms.joined(frame);
        else if (!this.pending.answer(frame)) this.rooms.joinedLate(frame);
        return;
      case "left": {
        const room = this.rooms.get(frame.roomId);
        if (room) this.rooms.left(room, frame.reason, notInRoom(room.id));
        return this.pending.answer(frame);
      }
      case "roomCreated":
        this.pending.answer(frame);
        this.rooms.created(frame.room?.id);
        return this.notices.notify("roomCreated", frame.room);
      case "roomDeleted": {
        // While the client rejoins a room, it is not a member, so no `left` tells it that the room is gone.
        const room = this.rooms.get(frame.roomId);
        if (room) this.rooms.left(room, "roomDeleted", notInRoom(room.id));
        this.pending.answer(frame);
        return this.notices.notify("roomDeleted", { roomId: frame.roomId });
      }
      case "direct":
        return this.notices.notify("direct", { event: frame.event, data: frame.data });
      case "error": {
        const error = new DialogueError(/** @type {any} */ (frame));
        if (!this.pending.answer(frame, error) && frame.id === undefined) this.notices.report(error);
        return;
      }
      default:
        return this.pending.answer(frame);
    }
  }
}

/**
 * Whether this is a join that brings these subscriptions, too. Without names, any join does.
 *
 * @param {Move} move
 * @param {readonly string[] | undefined} names
 */
function covers({ joining, names: sent = [], excluded = [] }, names = []) {
  if (!joining) return false;
  const isSent = (/** @type {string} */ name) => sent.includes(name) || (sent.includes("*") && !excluded.includes(name));
  return names.every((name) => (name === "*" ? sent.includes("*") && excluded.length === 0 : isSent(name)));
}
