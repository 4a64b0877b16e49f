// The engine behind a client: it connects, signs in, and reconnects. `Renewals` keeps the session from expiring.
//
// Owns the link, its timers, and the promise of `connect`. The session reacts to frames and to a lost connection.

import { asked, backoff, isStable } from "./backoff.js";
import { endpointOf } from "./endpoint.js";
import { DialogueError, disconnected } from "./error.js";
import { connectFailed, withoutSecrets } from "./failure.js";
import { Link } from "./link.js";
import { rateOf } from "./pacer.js";
import { Renewals } from "./renewal.js";
import { CONNECT_ID, Credentials, greeting, isFinalRefusal } from "./sign_in.js";
import { reconnects } from "./state.js";
import { SleepAwareTimer, monotonicTime } from "./timer.js";
import { Wake, isHidden } from "./wake.js";
/** @import * as Public from "../client.js" */
/** @import { Config } from "./config.js" */
/** @import { Endpoint } from "./endpoint.js" */
/** @import { Failure } from "./failure.js" */
/** @import { Frame } from "./link.js" */
/** @import { Session } from "./session.js" */

const SLOW_ATTEMPT_MS = 5_000; // an older attempt is given up for a new one when the client wakes

/** Keeps a session connected from `connect` to `disconnect`, over any number of connections. */
export class Engine {
  #session;
  #config;
  #url = "";
  /** @type {Endpoint["WebSocket"] | undefined} */
  #WebSocket;
  #credentials;
  #renewals;
  /** @type {Link | null} */
  #link = null;
  /** @type {Deferred | null} */
  #opening = null; // the promise that `connect` returned
  #retries = true; // whether the client tries again if it cannot connect
  #dials = 0; // distinguishes the current attempt to connect from abandoned ones
  #attempt = 0;
  #waited = 0; // before the current connection, or the current attempt
  #dialedAt = 0; // by the wall clock, which goes on while a machine sleeps
  #connectedAt = 0;
  #onSleep = () => void (isHidden() || this.wake());
  #wake = new Wake(() => this.#onWake());
  #retryTimer = new SleepAwareTimer(this.#onSleep);
  /** @type {string | undefined} */
  #resume; // lets the next connection replace a lost one
  /** @type {DialogueError | undefined} */
  #refusal; // why the server has not signed the client in on this connection

  /**
   * @param {Config} config
   * @param {Session} session
   */
  constructor(config, session) {
    this.#session = session;
    this.#config = config;
    this.#credentials = new Credentials(config.auth);
    this.#renewals = new Renewals(session, this.#credentials, (connected) => this.#renewed(connected));
  }

  /**
   * @param {Public.ConnectOptions} [options]
   * @returns {Promise<void>}
   */
  connect({ retry = true } = {}) {
    if (this.#session.connected) return Promise.resolve();
    try {
      ({ url: this.#url, WebSocket: this.#WebSocket } = endpointOf(this.#config));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#retries = retry;
    this.#opening ??= new Deferred();
    const { promise } = this.#opening;
    this.#wake.start();
    if (this.#session.state !== "connecting") this.#dialAtOnce();
    return promise;
  }

  /** The network may be back, or the machine was asleep. */
  wake() {
    this.#wake.now();
  }

  #onWake() {
    const { state } = this.#session;
    if (state === "connected") return this.#link?.probe();
    this.#attempt = 0;
    if (state === "waiting") return this.#dialAtOnce();
    // The socket is probably from before the sleep, or from another network.
    if (this.#link && Date.now() - this.#dialedAt >= SLOW_ATTEMPT_MS) this.#dialAtOnce();
  }

  #dialAtOnce() {
    this.#waited = 0;
    this.#link?.close();
    this.#link = null;
    this.#dial();
  }

  disconnect() {
    this.#resume = undefined;
    this.#attempt = 0;
    const error = disconnected("`disconnect` was called");
    this.#during(() => {
      this.#session.rooms.leaveAll(error);
      this.#end(1000, "", error, true);
      this.#session.userId = undefined;
    });
  }

  async #dial() {
    const dial = ++this.#dials;
    this.#retryTimer.clear();
    this.#refusal = undefined;
    if (this.#session.state !== "connecting") this.#session.setState({ state: "connecting" });
    if (dial !== this.#dials) return;
    let auth;
    try {
      auth = await this.#credentials.obtain();
    } catch (error) {
      if (dial !== this.#dials) return;
      if (error instanceof DialogueError && error.code === "UNAUTHENTICATED") return this.#end(1000, "", error);
      return this.#during(() => {
        this.#session.notices.report(error);
        this.#retry(connectFailed(this.#url, { code: 1006, reason: "", opened: false, cause: error, isOfAuth: true }));
      });
    }
    if (dial !== this.#dials) return;
    try {
      const connect = greeting(auth, this.#resume);
      const WebSocket = /** @type {Endpoint["WebSocket"]} */ (this.#WebSocket);
      const socket = new WebSocket(this.#url);
      this.#dialedAt = Date.now();
      this.#link = new Link(socket, connect, this.#onFrame.bind(this), this.#onLost.bind(this), this.#onSleep);
    } catch (cause) {
      // No socket can be opened at this address, or `auth` isn't JSON. The next attempt would fail, too.
      const url = withoutSecrets(this.#url);
      const message = String(cause).split(this.#url).join(url);
      const failed = connectFailed(this.#url, { code: 1006, reason: "", opened: false, cause });
      this.#during(() => {
        this.#session.notices.reportFailedAttempt(failed);
        this.#end(1006, "", new DialogueError({ code: "CLOSED", message, url, closeCode: 1006, cause }));
      });
    }
  }

  /** @param {Frame} frame */
  #onFrame(frame) {
    const answersConnect = frame.id === CONNECT_ID;
    if (frame.type === "connected") {
      if (answersConnect) this.#onConnected(frame);
      // Even a late answer carries the secret that lets this client resume.
      else if (!this.#session.pending.answer(frame)) this.#renewed(frame);
    } else if (frame.type === "error" && answersConnect && !this.#session.connected) {
      this.#onRefused(new DialogueError(/** @type {any} */ (frame)));
    } else this.#session.frame(frame);
  }

  /** @param {Frame} connected */
  #onConnected(connected) {
    const link = /** @type {Link} */ (this.#link);
    link.setRate(rateOf(connected.rate));
    link.startKeepAlive(connected.pingInterval, connected.rate !== undefined);
    this.#connectedAt = monotonicTime();
    this.#refusal = undefined;
    this.#retries = true;
    this.#renewed(connected);
    const opening = this.#opening;
    this.#opening = null;
    this.#during(() => {
      this.#session.welcomed(connected, link);
      opening?.resolve();
    });
  }

  /** @param {DialogueError} error */
  #onRefused(error) {
    this.#refusal = error;
    // The server still waits for a valid `connect`, but the client has no other.
    if (error.code === "INVALID_REQUEST") this.#onLost({ code: 1006, reason: "", opened: true });
  }

  /** @param {Frame} connected */
  #renewed({ resume, expiresIn }) {
    this.#resume = resume;
    this.#renewals.start(expiresIn);
  }

  /** @param {Failure} end */
  #onLost(end) {
    const { code, reason } = end;
    const refusal = this.#refusal;
    if (!this.#session.connected) {
      const error = connectFailed(this.#url, { ...end, cause: refusal ?? end.cause });
      return this.#during(() => {
        this.#session.notices.reportFailedAttempt(error);
        if (refusal && isFinalRefusal(refusal)) this.#end(code, reason, refusal);
        else if (!reconnects(code)) this.#end(code, reason, closed(code, reason));
        else this.#retry(error, reason);
      });
    }
    if (!reconnects(code)) return this.#end(code, reason, closed(code, reason));
    if (isStable(monotonicTime() - this.#connectedAt, this.#waited)) this.#attempt = 0;
    this.#wait(code, reason);
  }

  /**
   * An attempt has failed. Tries again, unless the program wants only one attempt.
   *
   * @param {DialogueError} error
   */
  #retry(error, reason = "") {
    if (this.#retries) this.#wait(error.closeCode, reason);
    else this.#end(1006, reason, error);
  }

  /** Waits for the next attempt, at least as long as the server has asked for. */
  #wait(code = 1006, reason = "") {
    const delay = asked(this.#refusal) + backoff(this.#attempt++);
    this.#waited = delay;
    this.#retryTimer.set(delay, () => this.#dial());
    this.#dropLink({ state: "waiting", delay, code }, reason);
  }

  /**
   * Closes and does not reconnect until `connect` is called again.
   *
   * @param {number} code
   * @param {string} reason
   * @param {DialogueError} error
   */
  #end(code, reason, error, asked = false) {
    this.#dials += 1;
    this.#retryTimer.clear();
    this.#wake.stop();
    const opening = this.#opening;
    this.#opening = null;
    this.#session.pending.rejectAll(error);
    const change = { state: /** @type {const} */ ("closed"), code, error: asked ? undefined : error };
    if (this.#session.state !== "closed") this.#dropLink(change, reason);
    opening?.reject(error);
  }

  /**
   * @param {Public.StateChange} change
   * @param {string} reason
   */
  #dropLink(change, reason) {
    this.#link?.close();
    this.#link = null;
    this.#renewals.stop();
    this.#credentials.abandon();
    this.#session.linkLost(change, reason);
  }

  /** @param {() => void} change */
  #during(change) {
    this.#session.notices.queue.during(change);
  }
}

/**
 * The error for a connection that the server has closed for good.
 *
 * @param {number} code
 * @param {string} reason
 */
function closed(code, reason) {
  const message = reason || `the server closed the connection with code ${code}`;
  return new DialogueError({ code: "CLOSED", message, closeCode: code });
}

/** A promise that is settled from outside. */
class Deferred {
  resolve = () => {};
  /** @type {(error: DialogueError) => void} */
  reject = () => {};
  /** @type {Promise<void>} */
  promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
}
