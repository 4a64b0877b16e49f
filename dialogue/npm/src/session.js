// A client's session with a server: who the client is, its requests, and how it reacts to frames and to a lost
// connection.
//
// Owns the order of things and decides who is notified. It knows no socket; the engine does.

import { DialogueError, disconnected, notInRoom } from "./error.js";
import { Notices } from "./notice.js";
import { Pending } from "./pending.js";
import { JoinedRooms } from "./rooms.js";
/** @import * as Public from "../client.js" */
/** @import { Config } from "./config.js" */
/** @import { Frame, Link } from "./link.js" */
/** @import { Move, RequestOptions } from "./pending.js" */
/** @import { AnyRoom, TrackedRoom } from "./rooms/room.js" */

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
   * @param {(room: TrackedRoom) => AnyRoom} toHandle
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
    return this.pending.add(frame, options);
  }

  /**
   * @param {string} id
   * @param {readonly string[]} [subscriptions]
   */
  join(id, subscriptions) {
    const room = this.rooms.get(id);
    const isMember = room && !room.leaving && !room.mayBeLeft;
    if (isMember && !subscriptions) return room.handle;
    const names = subscriptions && JSON.stringify(subscriptions);
    // History is delivered once. Calls that join at the same time share one join, so that each caller receives it. A
    // component that is mounted twice makes such calls.
    const last = this.pending.lastMove(id);
    if (!isMember && last?.joining && (!names || names === last.names)) return last.joining;
    const toResult = (/** @type {Frame} */ joined) => {
      if (subscriptions) this.rooms.get(id)?.clearExcluded();
      return this.rooms.joined(joined);
    };
    /** @type {Move} */
    const move = { roomId: id, names };
    const options = { room: isMember ? room : undefined, move, toResult };
    move.joining = this.request({ type: "join", roomId: id, subscriptions }, options);
    move.joining.catch(() => this.rooms.leaveUnwanted(id));
    return move.joining;
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
        this.rooms.created(frame.room.id);
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
