// Environments that lack what browsers have, such as React Native, servers that render pages, and workers. The client
// runs in a context with nothing but the language, timers, and what a test adds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";
import { CONNECTED, JOINED, codeOf, message, settled } from "./support/fake.js";

const CODE = readFileSync(new URL("../../dialogue/npm/client.js", import.meta.url), "utf8");

class FakeSocket {
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.last = this;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {}

  says(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** Opens, and answers the client's `connect`. */
  async accepts() {
    await settled();
    this.onopen();
    this.says({ ...CONNECTED, id: this.sent.shift().id });
    await settled();
  }
}

const SCRIPT = `(() => { ${CODE.replace(/^export /gm, "")}\nreturn { DialogueClient, DialogueError }; })()`;

/** The classes of the client in a context with these globals. */
function load(globals = {}) {
  const context = vm.createContext({ setTimeout, clearTimeout, console, ...globals });
  return vm.runInContext(SCRIPT, context);
}

/** The address that a client connects to, or the code and message of the error. */
async function addressOf(url, globals) {
  const { DialogueClient } = load(globals);
  const client = new DialogueClient({ url, WebSocket: FakeSocket });
  FakeSocket.last = undefined;
  const failing = client.connect().then(() => {}, (error) => error);
  await settled();
  const { last } = FakeSocket;
  client.disconnect();
  return last?.url ?? (await failing);
}

/** React Native's: the setters throw, and an address gets a slash at its end. */
class NativeURL {
  #url;

  constructor(url, base) {
    this.#url = base === undefined ? `${url}/` : `${base}${url}/`;
  }

  get href() {
    return this.#url;
  }

  get protocol() {
    throw new Error("URL.protocol is not implemented");
  }

  set protocol(_) {
    throw new Error("URL.protocol is not implemented");
  }
}

for (const [name, globals] of [
  ["with nothing but timers", {}],
  ["with React Native's URL", { URL: NativeURL, window: {}, navigator: { product: "ReactNative" } }],
  ["with a `crypto` that has no random values", { crypto: {} }],
]) {
  test(`a client works in an environment ${name}`, async () => {
    const { DialogueClient } = load(globals);
    const client = new DialogueClient({ url: "https://chat.example/dialogue/ws", WebSocket: FakeSocket });
    const opening = client.connect();
    await settled();
    const socket = FakeSocket.last;
    assert.equal(socket.url, "wss://chat.example/dialogue/ws");
    await socket.accepts();
    await opening;
    const joining = client.join("chat");
    socket.says({ type: "joined", id: socket.sent.shift().id, roomId: "chat", ...JOINED });
    const room = await joining;
    const calls = [];
    room.on("message", ({ seq }) => calls.push(seq));
    const triggering = Array.from({ length: 100 }, () => room.trigger("message", "😀".repeat(9_000)));
    const sent = socket.sent.splice(0);
    assert.equal(new Set(sent.map(({ key }) => key)).size, 100);
    assert.ok(sent.every(({ key }) => /^[\w-]{16,128}$/.test(key)));
    for (const { id } of sent) socket.says({ type: "ok", id });
    await Promise.all(triggering);
    socket.says({ type: "event", ...message(11) });
    assert.deepEqual(calls, [11]);
    client.disconnect();
  });
}

test("constructing a client touches nothing of its environment", () => {
  const context = {};
  for (const name of ["setTimeout", "location", "WebSocket", "crypto", "document", "navigator", "window", "URL", "performance"]) {
    Object.defineProperty(context, name, { get: () => assert.fail(name) });
  }
  const { DialogueClient } = vm.runInContext(SCRIPT, vm.createContext(context));
  assert.equal(new DialogueClient().state, "closed");
  assert.equal(new DialogueClient({ url: "/relative", auth: () => ({}) }).connected, false);
});

test("without a WebSocket, connect says what to pass", async () => {
  const { DialogueClient, DialogueError } = load();
  const client = new DialogueClient({ url: "wss://chat.example" });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error = await client.connect().then(() => {}, (error) => error);
    assert.ok(error instanceof DialogueError);
    assert.equal(error.code, "NO_WEBSOCKET");
    assert.match(error.message, /pass the option `WebSocket`, such as the class of the package `ws`/);
  }
  assert.equal(client.state, "closed");
});

test("a server that renders pages learns that it needs an address", async () => {
  const { DialogueClient } = load();
  await assert.rejects(new DialogueClient().connect(), { code: "INVALID_URL", message: /pass an absolute `url`/ });
});

const PAGE = { URL, location: new URL("https://chat.example/app/room?id=7#top") };
const SRCDOC = { URL, location: new URL("about:srcdoc"), document: { baseURI: "https://chat.example/app/" } };
const BLOB = { URL, location: new URL("blob:https://chat.example/0f5e") };

for (const [url, expected, globals] of [
  ["ws://chat.example/dialogue/ws", "ws://chat.example/dialogue/ws"],
  ["wss://chat.example/rt/ws?tenant=7", "wss://chat.example/rt/ws?tenant=7"],
  ["http://chat.example:8080/dialogue/ws", "ws://chat.example:8080/dialogue/ws"],
  ["HTTPS://chat.example/x#top", "wss://chat.example/x"],
  [" https://chat.example/x ", "wss://chat.example/x"],
  ["https://[::1]:3000/x", "wss://[::1]:3000/x"],
  ["https://chat.example", "wss://chat.example/dialogue/ws"],
  ["https://chat.example/", "wss://chat.example/dialogue/ws"],
  ["ws://127.0.0.1:3000", "ws://127.0.0.1:3000/dialogue/ws"],
  ["https://chat.example?tenant=7", "wss://chat.example/dialogue/ws?tenant=7"],
  [new URL("https://chat.example"), "wss://chat.example/dialogue/ws"],
  [undefined, "wss://chat.example/dialogue/ws", PAGE],
  [null, "wss://chat.example/dialogue/ws", PAGE],
  ["", "wss://chat.example/dialogue/ws", PAGE],
  ["/rt/ws", "wss://chat.example/rt/ws", PAGE],
  ["ws", "wss://chat.example/app/ws", PAGE],
  ["//other.example/rt/ws", "wss://other.example/rt/ws", PAGE],
  ["ws://other.example/rt/ws", "ws://other.example/rt/ws", PAGE],
  [undefined, "wss://chat.example/dialogue/ws", SRCDOC],
  [undefined, "wss://chat.example/dialogue/ws", BLOB],
]) {
  const where = globals === undefined ? "" : ` on ${globals.location}`;
  test(`the address ${url}${where} means ${expected}`, async () => {
    assert.equal(await addressOf(url, globals), expected);
  });
}

for (const [url, remedy, globals] of [
  [undefined, /pass an absolute `url`, such as "wss:\/\/chat\.example\.com\/dialogue\/ws"/],
  ["/dialogue/ws", /pass an absolute `url`/],
  ["chat.example/dialogue/ws", /pass an absolute `url`/],
  ["localhost:3000", /"ws:\/\/localhost:3000"/],
  ["localhost:3000", /"ws:\/\/localhost:3000"/, PAGE],
  ["ftp://chat.example/", /pass an absolute `url`/, PAGE],
  ["https://", /pass an absolute `url`/, PAGE],
  ["ws://chat example/ws", /pass an absolute `url`/],
  [undefined, /pass an absolute `url`/, { URL, location: new URL("file:///app/index.html") }],
  ["/rt/ws", /pass an absolute `url`/, { location: { href: "https://chat.example/" } }],
  ["/rt/ws", /pass an absolute `url`/, { URL: NativeURL, location: undefined }],
]) {
  const where = globals?.location === undefined ? "without a page" : `on ${globals.location.href}`;
  test(`the address ${url} ${where} is refused with a remedy`, async () => {
    const error = await addressOf(url, globals);
    assert.equal(error.code, "INVALID_URL");
    assert.match(error.message, remedy);
  });
}

test("an address that is refused leaves the client closed, and does not ask for credentials", async () => {
  const { DialogueClient } = load();
  const states = [];
  const client = new DialogueClient({ url: "/relative", WebSocket: FakeSocket, auth: () => assert.fail() });
  client.onStateChange(({ state }) => states.push(state));
  assert.equal(await codeOf(client.connect()), "INVALID_URL");
  assert.equal(await codeOf(client.join("chat")), "DISCONNECTED");
  assert.deepEqual([states, client.state], [[], "closed"]);
});

test("an environment where `location` cannot be read has no page", async () => {
  const globals = { URL, get location() { throw new ReferenceError("run again with --location"); } };
  const context = vm.createContext(Object.defineProperties({ setTimeout, clearTimeout }, Object.getOwnPropertyDescriptors(globals)));
  const { DialogueClient } = vm.runInContext(SCRIPT, context);
  assert.equal(await codeOf(new DialogueClient({ WebSocket: FakeSocket }).connect()), "INVALID_URL");
});

test("the module has the line that servers replace, and no `import.meta`", () => {
  assert.equal(CODE.split("\n").filter((line) => line === 'const SOCKET_URL = "/dialogue/ws";').length, 1);
  assert.equal(CODE.split('"/dialogue/ws"').length, 2);
  assert.doesNotMatch(CODE, /import\.meta/);
});

test("a module that a server serves connects relative to itself", async () => {
  const served = (text) => {
    const line = `const SOCKET_URL = ${text};`;
    const code = CODE.replace('const SOCKET_URL = "/dialogue/ws";', line).replace(/^export /gm, "");
    return vm.runInContext(`(() => { ${code}\nreturn DialogueClient; })()`, vm.createContext({ setTimeout, clearTimeout, URL }));
  };
  for (const text of ['new URL("ws", "https://chat.example/app/rt/client.js")', '"https://chat.example/app/rt/ws"']) {
    const client = new (served(text))({ WebSocket: FakeSocket });
    client.connect().catch(() => {});
    await settled();
    assert.equal(FakeSocket.last.url, "wss://chat.example/app/rt/ws");
    client.disconnect();
  }
});
