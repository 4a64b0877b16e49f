// Signing in: the credentials, the `connect` that carries them, and which refusals of it are final.

import { DialogueError } from "./error.js";
/** @import * as Public from "../client.js" */
/** @import { Timer } from "./timer.js" */

export const CONNECT_ID = 0; // the id of the `connect` that opens a connection; other requests count from 1
const PROTOCOL = 1;
const AUTH_WITHIN_MS = 30_000;
const FINAL_REFUSALS = ["INVALID_REQUEST", "UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL"]; // the same `connect` fails again

/** The option `auth`: the credentials, or the function that returns them. */
export class Credentials {
  #auth;
  /** @type {Timer} */
  #timer; // runs while the function is awaited

  /** @param {Public.ClientOptions["auth"]} auth */
  constructor(auth) {
    this.#auth = auth;
  }

  /** @returns {Promise<Public.Auth>} */
  obtain() {
    const auth = this.#auth;
    if (typeof auth !== "function") return Promise.resolve(auth);
    return new Promise((resolve, reject) => {
      const message = `the function \`auth\` did not answer within ${AUTH_WITHIN_MS / 1_000} s`;
      const giveUp = () => reject(new DialogueError({ code: "TIMEOUT", message }));
      const timer = setTimeout(giveUp, AUTH_WITHIN_MS);
      this.#timer = timer;
      const answer = (async () => auth())();
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** Nobody waits for the function any more. */
  abandon() {
    clearTimeout(this.#timer);
  }
}

/**
 * The first message on a connection.
 *
 * @param {Public.Auth} auth
 * @param {string | undefined} resume
 */
export function greeting(auth, resume) {
  return JSON.stringify({ type: "connect", id: CONNECT_ID, protocol: PROTOCOL, auth, resume });
}

/**
 * The frame that renews the session of a connection.
 *
 * @param {Public.Auth} auth
 */
export function renewal(auth) {
  return { type: "connect", protocol: PROTOCOL, auth };
}

/**
 * Whether the server could not decide about the credentials.
 *
 * @param {DialogueError} error
 */
export function isTemporary(error) {
  return error.code !== "TIMEOUT" && !FINAL_REFUSALS.includes(error.code);
}

/** @param {DialogueError} error */
export function isFinalRefusal(error) {
  return FINAL_REFUSALS.includes(error.code);
}
