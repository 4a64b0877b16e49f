// The client against a real server, the chat example, over a network that is cut at every byte.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { WebSocket as WsWebSocket } from "ws";
import { Server } from "../browser/server.js";
import { clientUrl } from "./support/client.js";
import { Proxy } from "./support/proxy.js";

const { DialogueClient } = await import(clientUrl);

const WebSockets = { ws: WsWebSocket };
if (globalThis.WebSocket) WebSockets["the global WebSocket"] = globalThis.WebSocket; // from Node 22 on

// Longer than a message's frame with everything around it, so that each of its bytes is once the last before a cut.
const CUTS = 170;

let server;
let proxy;
let clients;
const random = Math.random;

before(() => (Math.random = () => 0)); // no waiting before an attempt
after(() => (Math.random = random));
beforeEach(async () => {
  clients = [];
  server = await Server.start();
  proxy = await Proxy.to(server.url);
});
afterEach(async () => {
  for (const client of clients) client.disconnect();
  proxy.close();
  assert.equal(await server.stop(), 0);
});

/** A person in the room `chat` who records each line. */
async function person(name, { url = server.url, WebSocket = WsWebSocket, auth = { userId: name }, ...options } = {}) {
  const client = new DialogueClient({ url: new URL("/dialogue/ws", url), auth, WebSocket, ...options });
  clients.push(client);
  await client.connect();
  const room = await client.join("chat");
  const person = { client, room, lines: [], gaps: 0, cuts: 0 };
  client.onDisconnect(() => (person.cuts += 1));
  const waiting = new Set();
  room.on("message", ({ data }) => {
    person.lines.push(data.text);
    for (const check of waiting) check();
  });
  room.onHistory(({ events, gap }) => {
    if (gap) person.gaps += 1;
    if (gap) person.lines = events.map(({ data }) => data.text);
    for (const check of waiting) check();
  });
  person.says = (text) => room.trigger("message", { text });
  /** Waits until a line has arrived. */
  person.reads = (text) =>
    new Promise((resolve) => {
      const check = () => person.lines.includes(text) && (waiting.delete(check), resolve());
      waiting.add(check);
      check();
    });
  return person;
}

/** Waits for the next call of a handler. */
const next = (listen) => new Promise((resolve) => listen(resolve));

for (const [name, WebSocket] of Object.entries(WebSockets)) {
  test(`a line that is cut at any byte is received once, over ${name}`, async () => {
    const [ada, grace] = [await person("ada", { url: proxy.url, WebSocket }), await person("grace")];
    const said = [];
    for (let bytes = 0; bytes < CUTS; bytes += 1) {
      said.push(`line ${bytes}`);
      proxy.cutAfter(bytes, "down");
      await grace.says(said.at(-1));
      await ada.reads(said.at(-1));
    }
    assert.deepEqual(ada.lines, said);
    assert.deepEqual([ada.gaps, ada.cuts > CUTS / 2], [0, true]);
  });

  for (const direction of ["up", "down"]) {
    test(`a trigger that is cut at any byte ${direction} is delivered once, over ${name}`, async () => {
      const [ada, grace] = [await person("ada", { url: proxy.url, WebSocket }), await person("grace")];
      const said = [];
      for (let bytes = 0; bytes < CUTS; bytes += 1) {
        said.push(`line ${bytes}`);
        proxy.cutAfter(bytes, direction);
        assert.equal((await ada.says(said.at(-1))).seq, said.length);
      }
      await grace.reads(said.at(-1));
      assert.deepEqual(grace.lines, said);
      assert.deepEqual(ada.lines, said);
      assert.ok(ada.cuts > CUTS / 2);
    });
  }
}

for (const [name, WebSocket] of Object.entries(WebSockets)) {
  test(`the client waits for an absent server, over ${name}`, async () => {
    await server.stop();
    const url = new URL("/dialogue/ws", server.url);
    const client = new DialogueClient({ url, auth: { userId: "ada" }, WebSocket });
    clients.push(client);
    const opening = client.connect();
    const waits = () => next((resolve) => client.onStateChange(({ state }) => state === "waiting" && resolve()));
    await waits();
    await waits();
    server = await server.restart();
    await opening;
  });

  test(`a connection may be closed before it is open, over ${name}`, async () => {
    let isMade;
    class Made extends WebSocket {
      constructor(url) {
        super(url);
        isMade();
      }
    }
    const client = new DialogueClient({ url: new URL("/dialogue/ws", server.url), WebSocket: Made });
    const made = next((resolve) => (isMade = resolve));
    const opening = client.connect();
    await made; // made, but not open yet
    client.disconnect();
    await assert.rejects(opening, { code: "DISCONNECTED" });
    await (await person("ada", { WebSocket })).says("All is well.");
  });
}

test("a program exits once it has disconnected", async () => {
  const program = `
    import { WebSocket } from "ws";
    import { DialogueClient } from ${JSON.stringify(clientUrl)};
    const client = new DialogueClient({ url: process.argv[1], auth: async () => ({ userId: "ada" }), WebSocket });
    await client.connect();
    const room = await client.join("chat");
    await room.trigger("message", { text: "bye" });
    client.disconnect();
  `;
  // A remaining timer would keep the program alive for at least 30 s.
  const options = { cwd: new URL(".", import.meta.url), stdio: "inherit", timeout: 20_000 };
  const url = new URL("/dialogue/ws", server.url).href;
  const [code] = await once(spawn(process.execPath, ["--input-type=module", "--eval", program, url], options), "exit");
  assert.equal(code, 0);
});

test("lines missed and lines sent during a lost connection both arrive once", async () => {
  const [ada, grace] = [await person("ada", { url: proxy.url }), await person("grace")];
  proxy.cut();
  await next((resolve) => ada.client.onDisconnect(resolve));
  const waiting = ada.says("From far away.");
  await grace.says("Missed.");
  proxy.restore();
  await waiting;
  for (const { reads, lines } of [ada, grace]) {
    await reads("From far away.");
    assert.deepEqual(lines, ["Missed.", "From far away."]);
  }
});

test("missed events arrive once even if the rejoin is answered after its timeout and a second attempt", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const joins = [];
  class WebSocket extends WsWebSocket {
    send(text) {
      if (JSON.parse(text).type === "join") joins.push(text);
      super.send(text);
    }
  }
  const grace = await person("grace");
  const ada = await person("ada", { url: proxy.url, WebSocket, timeout: 5_000 });
  const recoveries = [];
  ada.room.onRecovered((recovery) => recoveries.push(recovery));
  proxy.cut();
  await next((resolve) => ada.client.onDisconnect(resolve));
  await grace.says("Missed.");
  proxy.restore();
  const connected = next((resolve) => ada.client.onConnect(resolve)).then(() => proxy.hold());
  t.mock.timers.tick(1);
  await connected;
  t.mock.timers.tick(5_000);
  await new Promise(setImmediate);
  t.mock.timers.tick(1);
  assert.equal(joins.length, 3, "the first join, the rejoin and its retry");
  assert.equal(ada.room.state, "rejoining");
  await grace.says("Meanwhile.");
  proxy.release();
  await ada.says("Back."); // the reply comes after both
  assert.deepEqual(ada.lines, ["Missed.", "Meanwhile.", "Back."]);
  assert.deepEqual([recoveries, ada.gaps], [[{ recovered: true }], 0]);
});

test("missing more lines than the room keeps is reported as a gap, with the latest lines", async () => {
  const [ada, grace] = [await person("ada", { url: proxy.url }), await person("grace")];
  await grace.says("Received.");
  await ada.reads("Received.");
  proxy.cut();
  const said = Array.from({ length: 60 }, (_, number) => `line ${number}`);
  for (const text of said) await grace.says(text);
  const recovered = next((resolve) => ada.room.onRecovered(resolve));
  proxy.restore();
  assert.deepEqual(await recovered, { recovered: false });
  assert.deepEqual(ada.lines, said.slice(-50));
  assert.equal(ada.gaps, 1);
});

test("a restart is reported as a gap, and lines sent during and after it arrive once", async () => {
  const [ada, grace] = [await person("ada"), await person("grace")];
  await ada.says("Before.");
  await grace.reads("Before.");
  const away = [ada, grace].map(({ client }) => next((resolve) => client.onDisconnect(resolve)));
  await server.stop();
  for (const { code } of await Promise.all(away)) assert.equal(code, 1012);
  const during = ada.says("During.");
  server = await server.restart();
  await during;
  await grace.says("After.");
  for (const someone of [ada, grace]) {
    await someone.reads("After.");
    assert.deepEqual(someone.lines, ["During.", "After."]);
    assert.equal(someone.gaps, 1);
  }
});

test("an anonymous user keeps its id and its unanswered trigger after a cut", async () => {
  const nobody = await person("nobody", { url: proxy.url, auth: null });
  const { userId } = nobody.client;
  proxy.cutAfter(0, "down");
  assert.deepEqual(await nobody.says("Who am I?"), { seq: 1 });
  assert.equal(nobody.client.userId, userId);
});

test("an invalid line rejects with its violations", async () => {
  const ada = await person("ada");
  const error = await ada.says("").catch((error) => error);
  assert.equal(error.code, "VALIDATION_FAILED");
  assert.deepEqual(error.violations.map(({ path, rule }) => [path, rule]), [["/text", "minLength"]]);
});

test("a forbidden name is refused permanently", async () => {
  await assert.rejects(person("system"), { code: "UNAUTHENTICATED" });
});

test("rooms are created, listed, joined and deleted", async () => {
  const [ada, grace] = [await person("ada"), await person("grace")];
  const created = next((resolve) => grace.client.onRoomCreated(resolve));
  const deleted = next((resolve) => grace.client.onRoomDeleted(resolve));
  const topic = await ada.client.createRoom("topic-roses", { name: "Roses" });
  assert.deepEqual(await created, topic);
  assert.deepEqual((await grace.client.listRooms()).map(({ id }) => id), ["chat", "topic-roses"]);
  const room = await grace.client.join("topic-roses", { subscriptions: [] });
  const left = next((resolve) => room.onLeft(resolve));
  await room.subscribe("message");
  await room.trigger("message", { text: "one" });
  await room.unsubscribe("message");
  await room.trigger("message", { text: "two" });
  const { events, more } = await room.getHistory("message", { before: 2, limit: 1 });
  assert.deepEqual([events.map(({ data }) => data.text), more], [["one"], false]);
  assert.equal((await room.getHistory("message", 0, 1)).more, true);
  await ada.client.deleteRoom("topic-roses");
  assert.deepEqual(await left, { reason: "roomDeleted" });
  assert.deepEqual(await deleted, { roomId: "topic-roses" });
});
