// @ts-check
// Who uses this page: a token from the server, and what it says. It is in the browser's storage, so it outlives the page.
import { sentence } from "./words.js";

/** @typedef {{ token: string, user: string, org: string, name?: string, ticket?: number, subject?: string }} Session */

export class Storage {
  #key;

  /** @param {string} key */
  constructor(key) {
    this.#key = key;
  }

  /** @returns {Session | null} */
  get session() {
    return JSON.parse(localStorage.getItem(this.#key) ?? "null");
  }

  /** Keeps a token, and further fields that the page wants to remember. */
  keep(token, further = {}) {
    const { sub: user, org, name, ticket } = claimsOf(token);
    localStorage.setItem(this.#key, JSON.stringify({ token, user, org, name, ticket, ...further }));
  }

  /** Forgets the session, and loads the page again. It then says why. */
  end(reason = "") {
    localStorage.removeItem(this.#key);
    sessionStorage.setItem("ended", reason);
    location.reload();
  }

  /** Why the last session ended, once. */
  reason() {
    const reason = sessionStorage.getItem("ended") ?? "";
    sessionStorage.removeItem("ended");
    return reason;
  }
}

/** The claims of a JSON Web Token. Only the server can check that they are true. */
function claimsOf(token) {
  const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0))));
}

/** Asks the server for something. Throws an error whose message is a sentence for people. */
export async function post(path, body, token = "") {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Error("The server cannot be reached. Try again in a little while.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(sentence(answer.message ?? `The server answered ${response.status}`));
  return answer;
}
