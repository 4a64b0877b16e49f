// The client in environments with less than a browser or Node: React Native, and engines with fewer globals. A context has
// only what is listed here.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { WebSocket } from "ws";
import { Server } from "../browser/server.js";
import { Proxy } from "./support/proxy.js";

const CLIENT = readFileSync(new URL("../../dialogue/npm/client.js", import.meta.url), "utf8").replace(/^export /gm, "");

/** The URL of React Native: parts of an address can be read, but not changed. */
class ReadOnlyUrl {
  #url;
  constructor(url, base) {
    this.#url = new URL(url, base);
  }
  get href() {
    return this.#url.href;
  }
  get protocol() {
    return this.#url.protocol;
  }
  get pathname() {
    return this.#url.pathname;
  }
  get search() {
    return this.#url.search;
  }
  get hash() {
    return this.#url.hash;
  }
  get host() {
    return this.#url.host;
  }
  toString() {
    return this.href;
  }
}

/** The URL of older versions of React Native: it checks nothing, and most parts are not implemented. */
class OldUrl {
  #href;
  constructor(href) {
    this.#href = String(href);
  }
  get href() {
    return this.#href;
  }
  toString() {
    return this.#href;
  }
}
for (const part of ["protocol", "pathname", "search", "hash", "host", "hostname", "port", "origin"]) {
  Object.defineProperty(OldUrl.prototype, part, {
    get() {
      throw new Error(`URL.${part} is not implemented`);
    },
  });
}

const ENVIRONMENTS = {
  "a read-only URL": { URL: ReadOnlyUrl },
  "a URL whose parts are not implemented": { URL: OldUrl },
  "no URL": {},
};

let server;
let proxy;

before(async () => {
  server = await Server.start();
  proxy = await Proxy.to(server.url);
});
after(async () => {
  proxy.close();
  assert.equal(await server.stop(), 0);
});

/** The client's module, loaded in an environment without `crypto`, `location`, `performance` or `TextEncoder`. */
function load(globals) {
  const context = createContext({ setTimeout, clearTimeout, console, ...globals });
  // React Native has a `window` that is the global object, and no `addEventListener` there.
  runInContext("globalThis.window = globalThis; Math.random = () => 0;", context);
  return runInContext(`(() => { "use strict"; ${CLIENT}; return { DialogueClient, DialogueError }; })()`, context);
}

/** The error with which a promise rejects. */
const errorOf = (promise) => promise.then(() => assert.fail("expected a rejection"), (error) => error);

for (const [name, globals] of Object.entries(ENVIRONMENTS)) {
  test(`the client works with an absolute URL where there is ${name}`, async () => {
    const { DialogueClient } = load({ ...globals, WebSocket });
    const client = new DialogueClient({ url: `${proxy.url}/dialogue/ws`, auth: { userId: "Ada" } });
    await client.connect();
    const room = await client.join("chat");
    const lines = [];
    let arrived;
    room.on("message", ({ data }) => {
      lines.push(data.text);
      arrived?.();
    });
    await room.trigger("message", { text: `one ${name}` });
    proxy.cut();
    const two = room.trigger("message", { text: `two ${name}` });
    proxy.restore();
    await two;
    assert.deepEqual(lines, [`one ${name}`, `two ${name}`]);
    // Near the limit of a message, the client counts bytes.
    const error = await errorOf(room.trigger("message", { text: "é".repeat(30_000) }));
    assert.equal(error.code, "VALIDATION_FAILED");
    await room.leave();
    client.disconnect();
  });

  test(`a URL without a path means the server's socket where there is ${name}`, async () => {
    const { DialogueClient } = load({ ...globals, WebSocket });
    const client = new DialogueClient({ url: server.url, auth: { userId: "Ada" } });
    await client.connect();
    client.disconnect();
  });

  test(`a client without an absolute URL says so where there is ${name}`, async () => {
    const { DialogueClient, DialogueError } = load({ ...globals, WebSocket });
    for (const options of [{}, { url: "/dialogue/ws" }, { url: "chat.example.com" }]) {
      const client = new DialogueClient(options);
      const error = await errorOf(client.connect());
      assert.ok(error instanceof DialogueError, `${error}`);
      assert.equal(error.code, "INVALID_URL");
      assert.match(error.message, /absolute/);
      assert.equal(client.state, "closed");
    }
  });
}

test("a client without a WebSocket says so when it connects", async () => {
  const { DialogueClient } = load({ URL: ReadOnlyUrl });
  const client = new DialogueClient({ url: `${proxy.url}/dialogue/ws` });
  assert.equal((await errorOf(client.connect())).code, "NO_WEBSOCKET");
});
