// The client against the chat with a store, whose process is killed and started again on the same file.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { Server, storedChat } from "../browser/server.js";
import { clientUrl, onlyToday } from "./support/client.js";
import { Proxy } from "./support/proxy.js";

const { DialogueClient } = await import(clientUrl);

const IN_MEMORY = 50; // messages of a room, as in the example
const random = Math.random;

let folder;
let server;
let proxy;
let clients;

before(() => (Math.random = () => 0)); // no waiting before an attempt
after(() => (Math.random = random));
beforeEach(async () => {
  clients = [];
  folder = await mkdtemp(join(tmpdir(), "dialogue-stored-"));
  server = await Server.start(0, storedChat(folder));
  proxy = await Proxy.to(server.url);
});
afterEach(async () => {
  for (const client of clients) client.disconnect();
  proxy.close();
  assert.equal(await server.stop(), 0);
  await rm(folder, { recursive: true });
});

/** A person in the room `chat`, with the lines that the page would show. */
async function person(auth, url = server.url) {
  const client = new DialogueClient({ url: new URL("/dialogue/ws", url), auth, WebSocket });
  clients.push(client);
  await client.connect();
  const room = await client.join("chat");
  const person = { client, room, lines: [], gaps: 0, recoveries: 0 };
  room.on("message", ({ data }) => person.lines.push(data.text));
  room.onHistory(({ gap }) => (person.gaps += gap ? 1 : 0));
  room.onRecovered(() => (person.recoveries += 1));
  person.says = (text, options) => room.trigger("message", { text }, options);
  return person;
}

/** Ends the process without any warning, and starts it again on the same file and port. */
async function killAndRestart() {
  await server.kill();
  server = await server.restart();
}

test("a page from before a restart continues after it, beyond memory", onlyToday("pages had no `next`"), async () => {
  const ada = await person({ userId: "ada" });
  const said = Array.from({ length: 3 * IN_MEMORY }, (_, at) => `line ${at}`);
  await Promise.all(said.map((text) => ada.says(text)));
  let page = await ada.room.getHistory("message", { before: Number.MAX_SAFE_INTEGER, limit: 40 });
  const found = [...page.events];
  await killAndRestart();
  for (await ada.says("After."); page.next; found.push(...page.events)) {
    page = await ada.room.getHistory("message", { ...page.next, limit: 40 });
  }
  assert.deepEqual(found.map(({ data }) => data.text).reverse(), said);
  assert.deepEqual(ada.lines, [...said, "After."]);
  assert.deepEqual([ada.gaps, ada.recoveries], [0, 1]);
});

test("a trigger under way when the server is killed is carried out once", async () => {
  const [ada, grace] = [await person({ userId: "ada" }, proxy.url), await person({ userId: "grace" })];
  proxy.cutAfter(0, "down"); // the server has received the trigger, and its answer is lost
  const under = ada.says("Under way.");
  await killAndRestart();
  const { seq } = await under;
  assert.deepEqual(await ada.says("After."), { seq: seq + 1 });
  await grace.says("Grace too.");
  for (const { lines, gaps } of [ada, grace]) {
    assert.deepEqual(lines.slice(0, 2), ["Under way.", "After."]);
    assert.equal(gaps, 0);
  }
});

test("a trigger without a key under way when the server is killed is unknown", onlyToday("it said DISCONNECTED"), async () => {
  const ada = await person({ userId: "ada" }, proxy.url);
  proxy.cutAfter(0, "down");
  const under = ada.says("Under way.", { volatile: true });
  await assert.rejects(under, { code: "OUTCOME_UNKNOWN", roomId: "chat", event: "message" });
  await killAndRestart();
  await ada.says("After.");
  const { events } = await ada.room.getHistory("message");
  const texts = events.map(({ data }) => data.text).reverse();
  assert.deepEqual(texts, ["Under way.", "After."], "it was carried out, and not repeated");
  assert.deepEqual([ada.lines, ada.gaps], [texts, 0]);
});

test("an anonymous user keeps its id when the server is killed", async () => {
  const nobody = await person(null, proxy.url);
  const { userId } = nobody.client;
  for (let kills = 0; kills < 3; kills += 1) {
    proxy.cutAfter(0, "down");
    const under = nobody.says(`Who am I? ${kills}`);
    await killAndRestart();
    assert.deepEqual(await under, { seq: kills + 1 });
    assert.equal(nobody.client.userId, userId);
  }
  assert.equal(nobody.lines.length, 3);
});
