// The chat example as people use it: real browsers against the real server.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { isOld, onlyToday } from "../node/support/client.js";
import { Proxy } from "../node/support/proxy.js";
import { Person, launch, newProfile, oldClients } from "./person.js";
import { Server } from "./server.js";

const ARTIFACTS = new URL("../../artifacts/", import.meta.url).pathname;

let browser;
let server;
let present;

before(async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  assert.equal(oldClients > 0, isOld, "the pages use the client under test");
});

beforeEach(async () => {
  present = [];
  server = await Server.start();
});
afterEach(async () => {
  for (const person of present) await person.close();
  assert.equal(await server.stop(), 0, "the server drains and exits without an error");
});

async function openChat(name, options) {
  const person = await Person.openChat(browser, server.url, name, options);
  present.push(person);
  return person;
}

async function joinChat(name, options) {
  const person = await openChat(name, options);
  await person.seesNote("You joined");
  return person;
}

test("two people see each other join, talk and leave", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  await ada.seesNote("Grace joined");
  await ada.sees("room-size", "2 people here");

  await ada.says("Good morning!");
  await grace.reads("Ada", "Good morning!");
  await grace.says("Good morning to you.");
  await ada.reads("Grace", "Good morning to you.");
  await ada.reads("Ada", "Good morning!");

  present.pop();
  await grace.close();
  await ada.seesNote("Grace left");
  await ada.sees("room-size", "1 person here");
});

test("typing is shown until it stops", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  await grace.types("I am about to");
  await ada.sees("typing", "Grace is typing");
  await grace.types("");
  await ada.page.locator("#typing:empty").waitFor({ state: "attached" });

  await grace.types("I am about to");
  await ada.sees("typing", "Grace is typing");
  await grace.says("I have said it.");
  await ada.reads("Grace", "I have said it.");
  assert.equal(await ada.page.locator("#typing").textContent(), "");
});

test("a person who joins late reads the earlier messages", async () => {
  const ada = await joinChat("Ada");
  await ada.says("Said before anyone came.");
  await ada.reads("Ada", "Said before anyone came.");
  const grace = await openChat("Grace");
  await grace.reads("Ada", "Said before anyone came.");
});

test("messages are shown as text, never as markup", async () => {
  const ada = await joinChat("<i>Ada</i>");
  const text = `<img src="x" onerror="document.title='owned'">`;
  await ada.says(text);
  await ada.reads("<i>Ada</i>", text);
  assert.equal(await ada.page.locator(".log img, .log i").count(), 0);
});

test("a topic that one person creates can be joined and left by another, and deleted", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  await ada.createsTopic("Garden plans: été");
  await ada.says("Roses first.");
  await grace.seesNote("Ada started the topic “Garden plans: été”");

  await grace.goesTo("Garden plans: été");
  await grace.reads("Ada", "Roses first.");
  await ada.seesNote("Grace joined");
  assert.equal(new URL(grace.page.url()).hash, "#topic-garden-plans-ete");

  await ada.goesTo("Chat");
  await grace.says("Why roses?");
  await ada.roomLink("Garden plans: été").getByLabel("1 unread").waitFor();
  await ada.goesTo("Garden plans: été");
  await ada.reads("Grace", "Why roses?");
  await ada.roomLink("Garden plans: été").getByLabel("1 unread").waitFor({ state: "detached" });

  await grace.page.getByRole("button", { name: "Leave" }).click();
  await grace.page.getByRole("heading", { level: 1, name: "Chat" }).waitFor();
  await ada.seesNote("Grace left");

  ada.page.once("dialog", (dialog) => dialog.accept());
  await ada.page.getByRole("button", { name: "Delete" }).click();
  await ada.seesNote("The topic “Garden plans: été” was deleted");
  await grace.seesNote("The topic “Garden plans: été” was deleted");
  await grace.roomLink("Garden plans: été").waitFor({ state: "detached" });
});

test("a long title in any script makes a topic", async () => {
  const ada = await joinChat("Ada");
  const title = "庭の計画と今年の薔薇についての長い長い題".repeat(3);
  await ada.createsTopic(title);
  await ada.says("Roses first.");
  await ada.reads("Ada", "Roses first.");
});

test("the page requests no list of rooms when others join and leave", async () => {
  const ada = await joinChat("Ada");
  const guest = await joinChat("Guest");
  await guest.page.evaluate(async () => {
    const socket = new WebSocket(`ws://${location.host}/dialogue/ws`);
    await new Promise((resolve) => (socket.onopen = resolve));
    window.ask = (frame, answer) => new Promise((resolve) => {
      socket.onmessage = ({ data }) => JSON.parse(data).type === answer && resolve();
      socket.send(JSON.stringify(frame));
    });
    await window.ask({ type: "connect", protocol: 1, auth: { userId: "Flapper" } }, "connected");
  });
  await ada.page.clock.install();
  await ada.page.reload();
  await ada.seesNote("You joined");
  await ada.page.clock.pauseAt((await ada.page.evaluate(() => Date.now())) + 10_000);
  await ada.page.evaluate(() => {
    const { send } = WebSocket.prototype;
    window.asked = 0;
    WebSocket.prototype.send = function (text) {
      window.asked += JSON.parse(text).type === "listRooms" ? 1 : 0;
      send.call(this, text);
    };
  });
  for (let round = 0; round < 20; round += 1) {
    await guest.page.evaluate(async () => {
      await window.ask({ type: "join", roomId: "chat" }, "joined");
      await window.ask({ type: "leave", roomId: "chat" }, "left");
    });
    await ada.page.locator(".note").filter({ hasText: "Flapper left" }).nth(round).waitFor();
    await ada.page.clock.runFor(150);
  }
  const asked = await ada.page.evaluate(() => window.asked);
  assert.equal(asked, 0, "the server sends each change");
});

test("the page waits for a name without errors", async () => {
  const context = await newProfile(browser);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.clock.install();
  await page.goto(server.url);
  await page.getByLabel("Your name").waitFor();
  await page.clock.runFor(60_000);
  await page.getByLabel("Your name").fill("Ada");
  await page.keyboard.press("Enter");
  await page.locator(".note").filter({ hasText: "You joined" }).waitFor();
  await context.close();
  assert.deepEqual(errors, []);
});

test("a message that is too long stays in its field, with an explanation", async () => {
  const ada = await joinChat("Ada");
  const text = "long ".repeat(300).trim();
  await ada.says(text);
  await ada.sees("text-error", /longer than 1000 characters/);
  const field = ada.page.getByLabel("Message", { exact: true });
  assert.equal(await field.inputValue(), text);
  assert.equal(await field.getAttribute("aria-invalid"), "true");

  await ada.says("Shorter.");
  await ada.reads("Ada", "Shorter.");
  assert.equal(await ada.page.locator("#text-error").textContent(), "");
});

test("a forbidden name is explained next to its field", async () => {
  const nobody = await openChat("system");
  await nobody.page.locator("#name-error:not(:empty)").waitFor();
  assert.equal(await nobody.page.evaluate(() => sessionStorage.getItem("name")), null);
});

test("messages missed during a lost connection appear in order, each once", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  await grace.says("Received.");
  await ada.reads("Grace", "Received.");

  const allowReconnect = await ada.losesConnection(4000);
  await grace.seesNote("Ada left");
  for (const text of ["Missed one.", "Missed two."]) {
    await grace.says(text);
    await grace.reads("Grace", text);
  }
  allowReconnect();
  await ada.reads("Grace", "Missed two.");
  assert.deepEqual(await ada.lines(), ["Received.", "Missed one.", "Missed two."]);
  assert.equal(await ada.page.getByText("may be missing").count(), 0);
});

test("the page does not reconnect when the close code forbids it", async () => {
  const ada = await joinChat("Ada");
  await ada.losesConnection(4501);
  await ada.sees("banner-text", "The server ended the connection");
  await ada.sees("state", "Offline");
  assert.equal(await ada.page.getByRole("button", { name: "Try now" }).isHidden(), true);
});

test("the page rejoins its rooms when the server restarts", async () => {
  const ada = await joinChat("Ada");
  const grace = await joinChat("Grace");
  await ada.createsTopic("Short-lived");
  await ada.goesTo("Chat");
  await ada.says("Before.");
  await grace.reads("Ada", "Before.");

  await server.stop();
  await ada.sees("banner-text", "The connection is lost");
  server = await server.restart();
  for (const person of [ada, grace]) await person.seesNote("You are back");
  await ada.seesNote("You are no longer in “Short-lived”");

  await ada.says("After.");
  await grace.reads("Ada", "After.");
  await grace.reads("Ada", "Before.");
  assert.equal(await ada.page.locator("#banner").isHidden(), true);
});

test("no message is lost or duplicated by a network failure and a restart of the server", async (t) => {
  const network = await Proxy.to(server.url);
  t.after(() => network.close());
  const ada = await Person.openChat(browser, network.url, "Ada", { interceptable: false });
  const grace = await Person.openChat(browser, server.url, "Grace", { interceptable: false });
  present.push(ada, grace);
  await ada.seesNote("You joined");
  await grace.seesNote("You joined");
  await ada.says("Before.");
  await grace.reads("Ada", "Before.");

  network.cut();
  await ada.sees("banner-text", "The connection is lost");
  await ada.says("From far away.");
  await ada.sees("unsent", "Your message will be sent then.");
  await ada.page.screenshot({ path: `${ARTIFACTS}chat-cut.png` });
  await grace.says("Missed.");
  await grace.reads("Grace", "Missed.");
  network.restore();
  await grace.reads("Ada", "From far away.");
  await ada.reads("Ada", "From far away.");
  const lines = ["Before.", "Missed.", "From far away."];
  for (const person of [ada, grace]) assert.deepEqual(await person.lines(), lines);

  await server.stop();
  await ada.sees("banner-text", "The connection is lost");
  await ada.says("While nobody listens.");
  server = await server.restart();
  for (const person of [ada, grace]) await person.seesNote("You are back. Messages sent in the meantime may be missing here.");
  await grace.reads("Ada", "While nobody listens.");
  await grace.says("After.");
  await ada.reads("Grace", "After.");
  lines.push("While nobody listens.", "After.");
  for (const person of [ada, grace]) assert.deepEqual(await person.lines(), lines);
});

test("messages sent offline stay visible as pending, and are sent in order, each once", async (t) => {
  const network = await Proxy.to(server.url);
  t.after(() => network.close());
  const ada = await Person.openChat(browser, network.url, "Ada", { interceptable: false });
  const grace = await Person.openChat(browser, server.url, "Grace", { interceptable: false });
  present.push(ada, grace);
  await ada.seesNote("You joined");
  await grace.seesNote("You joined");

  network.cut();
  await ada.sees("banner-text", "The connection is lost");
  const texts = ["One.", "Two.", "Three."];
  for (const text of texts) await ada.says(text);
  assert.deepEqual(await ada.pending(), texts);
  await ada.pendingLine("Two.").getByText("Waiting for the connection").waitFor();
  await ada.sees("unsent", "3 messages will be sent then.");
  await ada.page.screenshot({ path: `${ARTIFACTS}chat-pending.png` });
  await grace.says("Meanwhile.");
  await grace.reads("Grace", "Meanwhile.");
  network.restore();
  await grace.reads("Ada", "Three.");
  await ada.hasSentAll();
  for (const person of [ada, grace]) assert.deepEqual(await person.lines(), ["Meanwhile.", ...texts]);
});

test("a message that waits longer than a request may take is sent all the same", async (t) => {
  const network = await Proxy.to(server.url);
  t.after(() => network.close());
  const grace = await joinChat("Grace");
  const ada = await Person.openChat(browser, network.url, "Ada", { interceptable: false });
  present.push(ada);
  await ada.seesNote("You joined");
  await ada.page.clock.install();
  await ada.page.reload();
  await ada.page.locator(".joined").waitFor();
  network.cut();
  await ada.sees("banner-text", "The connection is lost");
  await ada.says("Patience.");
  await ada.page.clock.runFor(180_000);
  assert.deepEqual(await ada.pending(), ["Patience."]);
  network.restore();
  await ada.page.clock.runFor(60_000);
  await grace.reads("Ada", "Patience.");
  await ada.hasSentAll();
  assert.deepEqual(await ada.lines(), ["Patience."]);
});

for (const isReceived of [true, false]) {
  const fate = isReceived ? "received" : "not received";
  test(`a message that the server has ${fate} before a long outage arrives once`, async (t) => {
    const network = await Proxy.to(server.url);
    t.after(() => network.close());
    const grace = await joinChat("Grace");
    const ada = await Person.openChat(browser, network.url, "Ada", { interceptable: false });
    present.push(ada);
    await ada.seesNote("You joined");
    await ada.page.clock.install();
    await ada.page.reload();
    await ada.page.locator(".joined").waitFor();
    await ada.sees("room-size", "2 people here");
    if (isReceived) network.hold();
    else network.cutAfter(3, "up"); // in the middle of the frame
    await ada.says("Long ago.");
    if (isReceived) await grace.reads("Ada", "Long ago.");
    network.cut();
    await ada.sees("banner-text", "The connection is lost");
    await ada.says("Later.");
    await ada.page.clock.runFor(180_000); // longer than a request may take
    assert.deepEqual(await ada.pending(), ["Long ago.", "Later."]);
    network.restore();
    await ada.page.clock.runFor(60_000);
    await ada.hasSentAll();
    await grace.reads("Ada", "Later.");
    for (const person of [ada, grace]) assert.deepEqual(await person.lines(), ["Long ago.", "Later."]);
  });
}

test("a message that the server may have received is not repeated without being asked", async (t) => {
  const network = await Proxy.to(server.url);
  t.after(() => network.close());
  const grace = await joinChat("Grace");
  const ada = await Person.openChat(browser, network.url, "Ada", { interceptable: false });
  present.push(ada);
  await ada.seesNote("You joined");
  network.hold(); // the server receives the message, and its answer never arrives
  await ada.says("Did it arrive?");
  await grace.reads("Ada", "Did it arrive?");
  network.cut();
  await server.stop();
  server = await server.restart(); // and has forgotten the message and its key
  network.restore();
  await grace.seesNote("You are back");
  const line = ada.pendingLine("Did it arrive?");
  await line.getByText("It may have arrived").waitFor();
  await ada.says("Next.");
  await grace.reads("Ada", "Next.");
  assert.deepEqual(await grace.lines(), ["Did it arrive?", "Next."]);
  await ada.page.screenshot({ path: `${ARTIFACTS}chat-unknown.png` });

  await line.getByRole("button", { name: "Send again" }).click();
  await ada.hasSentAll();
  assert.deepEqual(await ada.lines(), ["Next.", "Did it arrive?"]);
});

test("a message that the server cannot take now is sent later, and keeps its place", async () => {
  const ada = await joinChat("Ada");
  let refusals = 2;
  ada.answers = (frame) => {
    if (frame.type !== "trigger" || frame.event !== "message" || refusals === 0) return undefined;
    refusals -= 1;
    return { type: "error", id: frame.id, code: "UNAVAILABLE", message: "try again later", retryAfter: 10 };
  };
  for (const text of ["One.", "Two."]) await ada.says(text);
  await ada.reads("Ada", "Two.");
  await ada.hasSentAll();
  assert.equal(refusals, 0);
  assert.deepEqual(await ada.lines(), ["One.", "Two."]);
});

test("a message that fails stays visible, and can be sent again or removed", async () => {
  const ada = await joinChat("Ada");
  ada.answers = ({ type, event, id }) =>
    type === "trigger" && event === "message"
      ? { type: "error", id, code: "BLOCKED", message: "no links please" }
      : undefined;
  for (const text of ["One.", "Two."]) {
    await ada.says(text);
    await ada.pendingLine(text).getByText("No links please").waitFor();
  }
  ada.answers = undefined;
  await ada.pendingLine("One.").getByRole("button", { name: "Remove" }).click();
  await ada.pendingLine("Two.").getByRole("button", { name: "Send again" }).click();
  await ada.hasSentAll();
  assert.deepEqual(await ada.lines(), ["Two."]);
});

test("messages for a topic that is deleted meanwhile are not lost", async (t) => {
  const network = await Proxy.to(server.url);
  t.after(() => network.close());
  const grace = await joinChat("Grace");
  await grace.createsTopic("Short-lived");
  const ada = await Person.openChat(browser, network.url, "Ada", { interceptable: false });
  present.push(ada);
  await ada.goesTo("Short-lived");
  network.cut();
  await ada.sees("banner-text", "The connection is lost");
  await ada.says("My best idea.");
  grace.page.once("dialog", (dialog) => dialog.accept());
  await grace.page.getByRole("button", { name: "Delete" }).click();
  await grace.seesNote("The topic “Short-lived” was deleted");
  network.restore();
  await ada.seesNote("You are no longer in “Short-lived”: it no longer exists.");
  await ada.seesNote("Not sent to “Short-lived”: My best idea.");
});

test("the number of people is right at once, for everyone and in every room", async () => {
  const ada = await joinChat("Ada");
  await ada.countsIn("Chat", 1);
  const grace = await joinChat("Grace");
  await ada.says("A."); // what follows it on a page, the page has already counted
  for (const person of [ada, grace]) {
    await person.reads("Ada", "A.");
    await person.countsIn("Chat", 2);
  }

  const second = await openChat("Grace"); // a person with two tabs is one person
  await second.isIn("Chat");
  await second.says("B.");
  for (const person of [ada, grace, second]) {
    await person.reads("Grace", "B.");
    await person.countsIn("Chat", 2);
  }
  present.splice(present.indexOf(second), 1);
  await second.close();

  await grace.createsTopic("Garden");
  await grace.countsIn("Garden", 1);
  await grace.goesTo("Chat");
  await grace.says("C.");
  await ada.reads("Grace", "C.");
  await ada.countsIn("Garden", 1);
  await ada.countsIn("Chat", 2);

  await grace.goesTo("Garden");
  await grace.page.getByRole("button", { name: "Leave" }).click();
  await grace.isIn("Chat");
  await grace.says("D.");
  await ada.reads("Grace", "D.");
  await ada.countsIn("Garden", 0);

  const allowReconnect = await ada.losesConnection(4000);
  await grace.seesNote("Ada left");
  await grace.countsIn("Chat", 1);
  await ada.sees("room-size", "Not connected");
  allowReconnect();
  await grace.seesNote("Ada joined");
  await grace.countsIn("Chat", 2);
  await ada.sees("room-size", "2 people here");
});

test("on a phone, a room has a way back to the list of rooms", async () => {
  const ada = await joinChat("Ada");
  await ada.createsTopic("Garden");
  await ada.goesTo("Chat");
  const linus = await joinChat("Linus", { viewport: { width: 390, height: 760 } });
  const list = linus.page.getByRole("navigation", { name: "Rooms" });
  const field = linus.page.getByLabel("Message", { exact: true });
  const back = linus.page.getByRole("button", { name: "Back to the rooms" });
  const isShown = async (shown, hidden) => {
    await shown.waitFor();
    await hidden.waitFor({ state: "hidden" });
  };
  await isShown(field, list);
  await back.click();
  await isShown(list, field);
  await ada.says("Read me."); // nobody reads a room behind the list
  await linus.roomLink("Chat").getByLabel("1 unread").waitFor();
  await linus.roomLink("Garden").click();
  await isShown(field, list);
  await linus.page.getByRole("heading", { level: 1, name: "Garden" }).waitFor();
  await back.getByLabel("1 unread").waitFor();
  await linus.page.goBack(); // the phone's own way back
  await isShown(list, field);
  await linus.roomLink("Chat").click();
  await isShown(field, list);
  await linus.reads("Ada", "Read me.");
  await back.getByLabel("1 unread").waitFor({ state: "hidden" });
});

test("the page says in plain words that the server is away, busy, or refuses a join", async () => {
  const away = await openChat("Ada", { refusesToConnect: true });
  await away.sees("banner-text", "The server cannot be reached. Trying again");
  await away.sees("room-size", "Not connected");
  assert.equal(await away.page.locator(".note.error").count(), 0, "one sentence, not one for each attempt");

  let isBusy = true;
  const grace = await openChat("Grace", {
    answers: ({ type, id }) =>
      type === "join" && isBusy ? { type: "error", id, code: "ROOM_FULL", message: "the room is full" } : undefined,
  });
  await grace.sees("banner-text", "You are not in “Chat”. The room is full.");
  await grace.says("Let me in."); // waits for the room
  assert.deepEqual(await grace.pending(), ["Let me in."]);
  await grace.page.screenshot({ path: `${ARTIFACTS}chat-refused.png` });
  isBusy = false;
  await grace.page.getByRole("button", { name: "Try again" }).click();
  await grace.reads("Grace", "Let me in.");
  await grace.hasSentAll();

  const unknown = await openChat("Linus", {
    answers: ({ type, id }) =>
      type === "connect"
        ? [{ type: "error", id, code: "UNAVAILABLE", message: "it could not be checked: try again later" }, 4003]
        : undefined,
  });
  await unknown.sees("banner-text", "The server cannot sign you in at the moment. Trying again");
});

test("a person whom the server has disconnected can connect again", async () => {
  const ada = await joinChat("Ada");
  await ada.losesConnection(4501).then((allow) => allow());
  await ada.sees("banner-text", "The server ended the connection");
  await ada.says("Still here.");
  assert.deepEqual(await ada.pending(), ["Still here."]);
  await ada.page.getByRole("button", { name: "Connect again" }).click();
  await ada.hasSentAll();
  assert.deepEqual(await ada.lines(), ["Still here."]);
});

test("the program explains a port that is in use, and one that is no port", async () => {
  const port = new URL(server.url).port;
  for (const [value, remedy] of [[port, `Port ${port} is in use`], ["abc", "PORT must be a number"]]) {
    const { code, output } = await Server.failsToStart(value);
    assert.equal(code, 1);
    const lines = output.trim().split("\n");
    assert.equal(lines.length, 1, output);
    assert.match(lines[0], new RegExp(`${remedy}.*PORT=\\d+ cargo run -p chat`));
  }
});

const LOOKS = onlyToday("the page looks the same with every client");
test("the page renders in light mode, in dark mode and on a phone", LOOKS, async () => {
  const ada = await joinChat("Ada", { colorScheme: "light" });
  await ada.says("Good morning! I have a plan for the garden, and it needs a topic of its own.");
  const grace = await joinChat("Grace", { colorScheme: "dark" });
  await grace.says("Two minutes; the coffee is still dripping.");
  await grace.says("Now: what about the roses?");
  await ada.createsTopic("Garden plans");
  await ada.goesTo("Chat");
  const linus = await joinChat("Linus", { viewport: { width: 390, height: 760 } });
  await linus.reads("Grace", "Now: what about the roses?");
  await grace.types("One more thing");
  await linus.sees("typing", "Grace is typing");
  await ada.seesNote("Linus joined");

  await ada.page.screenshot({ path: `${ARTIFACTS}chat-light.png` });
  await grace.page.screenshot({ path: `${ARTIFACTS}chat-dark.png` });
  await linus.page.screenshot({ path: `${ARTIFACTS}chat-narrow.png` });
  await linus.page.getByRole("button", { name: "Back to the rooms" }).click();
  await linus.page.screenshot({ path: `${ARTIFACTS}chat-narrow-rooms.png` });
  const overflow = await linus.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(overflow, false, "nothing is wider than the screen");
});
