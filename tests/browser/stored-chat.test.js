// The chat's page with a server that has a store. Its process is killed and started again on the same file.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Person, launch } from "./person.js";
import { Server, storedChat } from "./server.js";

const IN_MEMORY = 50; // messages of a room, as in the example

let browser;
let folder;
let server;
let present;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

beforeEach(async () => {
  present = [];
  folder = await mkdtemp(join(tmpdir(), "dialogue-chat-"));
  server = await Server.start(0, storedChat(folder));
});
afterEach(async () => {
  for (const person of present) await person.close();
  assert.equal(await server.stop(), 0, "the server drains and exits without an error");
  await rm(folder, { recursive: true });
});

async function joinChat(name) {
  const person = await Person.openChat(browser, server.url, name, { interceptable: false });
  present.push(person);
  await person.seesNote("You joined");
  return person;
}

async function reportsNoGap(person) {
  assert.equal(await person.page.getByText("You are back").count(), 0);
  assert.equal(await person.page.getByText("You are no longer in").count(), 0);
}

test("a chat continues after kill -9 as after a short loss of the network", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  await ada.createsTopic("Garden");
  await ada.says("Roses first.");
  await grace.goesTo("Garden");
  await grace.reads("Ada", "Roses first.");

  await server.kill();
  for (const person of [ada, grace]) await person.sees("banner-text", "The connection is lost");
  await ada.says("While nobody listens.");
  server = await server.restart();
  await grace.reads("Ada", "While nobody listens.");
  await grace.says("After.");
  await ada.reads("Grace", "After.");
  for (const person of [ada, grace]) {
    await person.hasSentAll();
    assert.deepEqual(await person.lines(), ["Roses first.", "While nobody listens.", "After."]);
    await reportsNoGap(person);
    await person.isIn("Garden");
  }
});

test("paging reaches back beyond memory after kill -9", async () => {
  const ada = await joinChat("Ada");
  const texts = Array.from({ length: 3 * IN_MEMORY }, (_, at) => `Message ${at}.`);
  await ada.page.evaluate(async (texts) => {
    const { DialogueClient } = await import("./dialogue/client.js");
    const client = new DialogueClient({ auth: { userId: "Linus" } });
    await client.connect();
    const chat = await client.join("chat", { subscriptions: [] });
    await Promise.all(texts.map((text) => chat.trigger("message", { text })));
    client.disconnect();
  }, texts);
  await ada.reads("Linus", texts.at(-1));

  await server.kill();
  await ada.sees("banner-text", "The connection is lost");
  server = await server.restart();
  await ada.says("Back.");
  await ada.hasSentAll();
  assert.deepEqual(await ada.lines(), [...texts, "Back."]);
  await reportsNoGap(ada);

  const paged = await ada.page.evaluate(async () => {
    const { DialogueClient } = await import("./dialogue/client.js");
    const client = new DialogueClient({ auth: { userId: "Linus" } });
    await client.connect();
    const chat = await client.join("chat");
    const found = [];
    for (let before = Number.MAX_SAFE_INTEGER, more = true; more; ) {
      const page = await chat.getHistory("message", { before, limit: 40 });
      found.push(...page.events);
      [before, more] = [page.events.at(-1)?.seq ?? before, page.more];
    }
    client.disconnect();
    return found.map(({ data }) => data.text).reverse();
  });
  assert.deepEqual(paged, [...texts, "Back."]);
});

test("a message that the process had received when it was killed arrives once", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  const texts = Array.from({ length: 20 }, (_, at) => `Message ${at}.`);
  for (const [at, text] of texts.entries()) {
    await ada.says(text);
    if (at !== 10) continue;
    await server.kill(); // with or without an answer to the last messages
    server = await server.restart();
  }
  await ada.hasSentAll();
  await grace.reads("Ada", texts.at(-1));
  for (const person of [ada, grace]) {
    assert.deepEqual(await person.lines(), texts);
    await reportsNoGap(person);
  }
});
