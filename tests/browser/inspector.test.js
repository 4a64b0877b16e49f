// The inspector's page as people use it: a real browser against a real server.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Inspected, look } from "./inspected.js";
import { launch } from "./person.js";

const ARTIFACTS = new URL("../../artifacts/", import.meta.url).pathname;

let browser;
let server;
let pages;

before(async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  browser = await launch();
});
after(() => browser?.close());

beforeEach(async () => {
  pages = [];
  server = await Inspected.start();
});
afterEach(async () => {
  // With the pages still open: the drain waits for no viewer.
  assert.equal(await server.stop(), 0, "the server drains and ends without an error");
  for (const page of pages) {
    assert.deepEqual(page.errors, [], "no script failed, and nothing broke the page's policy");
    await page.context().close();
  }
});

async function open(options) {
  const page = await look(browser, server.url, options);
  pages.push(page);
  return page;
}

const message = (text) => ({ event: "message", data: { text } });
const rooms = (page) => page.locator("#rooms [role=option]:not([hidden])");
const events = (page) => page.locator("#events [role=option]:not([hidden])");
const seen = (locator, hasText) => locator.filter({ hasText }).first().waitFor();

test("rooms are listed with their sizes, found, and follow who comes and goes", async () => {
  const page = await open();
  await seen(page.locator("#rooms-foot"), "303 rooms");
  await seen(rooms(page), "Orders");
  assert.ok((await rooms(page).count()) < 60, "only the rows on view are elements");
  server.tell("people 3");
  await seen(rooms(page).filter({ hasText: "Chat" }), "3/500");

  await page.getByLabel("Find a room").fill("project-2");
  await seen(page.locator("#rooms-foot"), "111 of 303 rooms");
  await page.getByLabel("Find a room").fill("order");
  await seen(page.locator("#rooms-foot"), "1 of 303 rooms");

  await page.getByLabel("Find a room").fill("");
  // Not "1 of 303 rooms", which is what it says until the answer is there.
  await seen(page.locator("#rooms-foot"), /^303 rooms$/);
  // The second page is asked for on the way down.
  await page.locator("#rooms").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector("#rooms .space").clientHeight > 300 * 44);
  await page.keyboard.press("End");
  await seen(rooms(page), "Scratch pad");
});

test("what happens is listed as it happens, and what it says is only text", async () => {
  const page = await open();
  page.on("dialog", () => page.errors.push("a dialog"));
  const hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>";
  await server.trigger("chat", message(hostile));
  await seen(events(page), hostile);
  await events(page).filter({ hasText: hostile }).click();
  await seen(page.locator("#details .json"), hostile);
  assert.equal(await page.locator("main img, main script").count(), 0);

  await server.trigger("orders", { event: "kitchen-status", data: { waiting: 3, ovenTemperature: 180 } });
  await seen(events(page), "waiting: 3");
  await page.getByLabel("Which events").selectOption("kitchen-status");
  await seen(page.locator("#events-foot"), "1 of 2 listed");
  await page.getByLabel("Which events").selectOption("");
  await page.getByLabel("Filter events by text").fill("ALERT(1)");
  await seen(page.locator("#events-foot"), "1 of 2 listed");
  await page.getByLabel("Filter events by text").fill("nowhere");
  await seen(page.locator("#events-empty"), "Nothing that is kept passes the filter.");
});

test("an event is said to be copied only where it is", async () => {
  const page = await open();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await server.trigger("chat", message("Copy me"));
  await events(page).filter({ hasText: "Copy me" }).click();
  const copy = page.locator("#details button").nth(1);
  await copy.click();
  await seen(page.locator("#details button"), "Copied");
  assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).data.text, "Copy me");
  for (const clipboard of ["undefined", "{ writeText: async () => { throw new Error() } }"]) {
    // As on a page that came over plain HTTP from another machine, or where the browser does not let it.
    await page.evaluate(`Object.defineProperty(navigator, "clipboard", { value: ${clipboard}, configurable: true })`);
    await copy.click();
    await seen(page.locator("#details button"), "Not allowed");
    await page.locator("#events").press("Enter");
  }
});

test("a pause holds what comes until it is over", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Pause" }).click();
  await server.trigger("chat", message("held"));
  await seen(page.locator("#events-foot"), "paused, 1 wait");
  assert.equal(await events(page).count(), 0);
  await page.getByRole("button", { name: "Go on" }).click();
  await seen(events(page), "held");
});

test("what a pause holds is bounded in bytes, too", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Pause" }).click();
  // 40 MB.
  for (let sent = 0; sent < 80; sent += 1) await server.trigger("scratch", { event: "blob", data: "x".repeat(500_000) });
  server.tell("people 1");
  await seen(rooms(page).filter({ hasText: "Chat" }), "1/500");
  const [, held] = (await page.locator("#events-foot").textContent()).match(/paused, (\d+) wait/);
  assert.ok(held < 75, `${held} wait, and 67 of the large ones are 32 MiB`);
});

test("clients that make up names of events do not fill the page", async () => {
  const page = await open();
  const names = page.locator("#events-kind optgroup option");
  for (let made = 0; made < 120; made += 1) await server.trigger("scratch", { event: `made-up-${made}`, data: null });
  await seen(events(page), "made-up-119");
  assert.equal(await names.count(), 100);
  await page.getByLabel("Which events").selectOption("made-up-7");
  await page.getByRole("button", { name: "Clear" }).click();
  assert.deepEqual(await names.allTextContents(), ["made-up-7"]);
  await server.trigger("scratch", { event: "made-up-7", data: "again" });
  await seen(events(page), "again");
});

test("the rooms are right again after the page was told too late of who came", async () => {
  const page = await open();
  await page.addInitScript(() => {
    const { fetch } = window;
    const late = (text) => text.replace(/{"kind":"joined"[^}]*}/g, '{"kind":"dropped","count":1,"at":0}');
    const through = new TransformStream({ transform: (text, controller) => controller.enqueue(late(text)) });
    window.fetch = async (address, options) => {
      const response = await fetch(address, options);
      if (!String(address).endsWith("/feed")) return response;
      return new Response(response.body.pipeThrough(new TextDecoderStream()).pipeThrough(through).pipeThrough(new TextEncoderStream()));
    };
  });
  await page.reload();
  await page.locator("#state[data-state=live]").waitFor();
  await rooms(page).filter({ hasText: "Chat" }).click();
  server.tell("people 3");
  await seen(page.locator("#events-foot"), "7 missed"); // three in the chat, three in projects, one in the orders
  await seen(rooms(page).filter({ hasText: "Chat" }), "3/500");
  await seen(page.locator("[data-tab=members]"), "3");
});

test("a room tells of its members, its events and its history", async () => {
  const page = await open();
  server.tell("people 2");
  await server.trigger("chat", message("kept"));
  await rooms(page).filter({ hasText: "Chat" }).click();
  await seen(page.locator("#room-body tr"), "message");
  await page.getByRole("tab", { name: "Members" }).click();
  for (const user of ["ada", "grace"]) await seen(page.locator("#room-body tr"), user);
  await page.getByRole("tab", { name: "History" }).click();
  await page.locator("#room-body summary").filter({ hasText: "kept" }).click();
  await seen(page.locator("#room-body .json"), '"text": "kept"');
  await page.reload();
  await seen(page.locator("#room-body summary"), "kept");
});

/** Holds the answers to what matches until the function that this returns is called; they are real ones, unless given. */
async function hold(page, pattern, given) {
  let letGo;
  const isLetGo = new Promise((resolve) => (letGo = resolve));
  await page.route(pattern, async (route) => {
    await isLetGo;
    await (given ? route.fulfill(given) : route.continue()).catch(() => {}); // the page may have given it up
  });
  const asked = page.waitForRequest(pattern);
  return { letGo, asked };
}

const kept = (seq, text) => ({ event: "message", roomId: "chat", data: { text }, from: "ada", timestamp: 1, seq });
const historyOf = (...events) => ({ json: { events, more: true } });

test("a page of history that comes late is not shown among what was asked for after it", async () => {
  const page = await open();
  const all = await hold(page, /history$/, historyOf(kept(900, "Of all")));
  await page.route(/history\?event=message$/, (route) => route.fulfill(historyOf(kept(5, "Of one"))));
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "History" }).click();
  await all.asked;
  await page.getByLabel("Which event", { exact: true }).selectOption("message");
  const rows = page.locator("#room-body summary");
  await seen(rows, "Of one");
  all.letGo();
  const older = page.waitForRequest(/before=/);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  await page.getByRole("button", { name: "Older" }).click();
  assert.equal(new URL((await older).url()).searchParams.get("before"), "5");
  await seen(page.locator("#room-body"), "Of one");
  assert.equal(await rows.filter({ hasText: "Of all" }).count(), 0);
});

test("what is not wanted any more is given up in the middle of its answer, too", async () => {
  const page = await open();
  const name = await page.evaluate(async () => {
    const { askRooms } = await import("/dialogue/inspect/server.js");
    const asking = new AbortController();
    const { fetch } = window;
    window.fetch = async (address, options) => {
      const endless = await fetch("/dialogue/inspect/feed", options);
      setTimeout(() => asking.abort());
      return endless;
    };
    return askRooms("", undefined, asking.signal).catch(({ name }) => name);
  });
  assert.equal(name, "AbortError");
});

test("the form is that of the room that is shown, however late the server tells of it", async () => {
  const page = await open();
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  await seen(page.locator("#trigger-event"), "message");
  const orders = await hold(page, /~orders$/);
  await rooms(page).filter({ hasText: "Orders" }).click();
  await orders.asked;
  await page.getByRole("tab", { name: "Members" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  assert.equal(await page.locator("#trigger-event").count(), 0, "there is none yet");
  orders.letGo();
  await seen(page.locator("#trigger-event"), "order:placed");
});

test("an event to be triggered again does not go into the form of another room that was chosen meanwhile", async () => {
  const page = await open();
  await server.trigger("chat", message("Again?"));
  await events(page).filter({ hasText: "Again?" }).click();
  const chat = await hold(page, /~chat$/);
  await page.getByRole("button", { name: "Trigger again" }).click();
  await chat.asked;
  await rooms(page).filter({ hasText: "Orders" }).click();
  await seen(page.locator("#trigger-event"), "order:placed");
  const answered = page.waitForResponse(/~chat$/);
  chat.letGo();
  await (await answered).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.equal(await page.locator("#trigger-event").inputValue(), "order:placed");
});

test("what could not be had of a room is shown when it can", async () => {
  const page = await open();
  await server.trigger("chat", message("kept"));
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "History" }).click();
  await seen(page.locator("#room-body summary"), "kept");
  await page.route(/~chat$/, (route) => route.abort());
  server.tell("people 1");
  await seen(page.locator("#room-body"), "The server cannot be reached.");
  await page.unroute(/~chat$/);
  server.tell("people 1");
  await seen(page.locator("#room-body summary"), "kept");
});

test("the page is there with a slash at the end of its address, too", async () => {
  const page = await open();
  await page.goto(`${server.url}/dialogue/inspect/?room=none`);
  await page.locator("#state[data-state=live]").waitFor();
  assert.equal(page.url(), `${server.url}/dialogue/inspect?room=none`);
});

test("the form made from an event's schema triggers it, and shows what is wrong where it is wrong", async () => {
  const page = await open();
  await rooms(page).filter({ hasText: "Orders" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  const form = page.locator("form.trigger");
  const field = (name) => form.getByLabel(name, { exact: true });
  await field("table").fill("99");
  await field("payment").selectOption("card");
  await field("digits").fill("12");
  await form.getByRole("button", { name: "Trigger" }).click();
  await seen(form.locator(".field", { has: page.getByLabel("table", { exact: true }) }).locator(".error"), "maximum of 40");
  for (const name of ["table", "name", "digits"]) {
    await form.locator(`[aria-invalid=true]#${await field(name).getAttribute("id")}`).waitFor();
  }
  assert.ok(await field("table").evaluate((input) => input === document.activeElement), "the first has the focus");
  assert.equal(await events(page).count(), 0);

  await field("table").fill("7");
  await field("digits").fill("4242");
  await field("priority").selectOption("high");
  await field("name").fill("Flammkuchen");
  await field("count").fill("2");
  await form.getByRole("button", { name: "Add an item" }).click();
  await field("name").nth(1).fill("Cider");
  await form.getByLabel("Send notes").check();
  await form.getByRole("button", { name: "Add an entry" }).click();
  await field("Name").fill("allergies");
  await field("Value").fill("nuts");
  await form.getByLabel("From").fill("ada");
  await form.getByRole("button", { name: "Trigger" }).click();
  await seen(form.locator(".result"), "Sent to 0 clients, seq 1");
  assert.equal(await form.locator("[aria-invalid=true]").count(), 0);

  await events(page).filter({ hasText: "order:placed" }).click();
  const sent = JSON.parse(await page.locator("#details .json").textContent());
  assert.equal(sent.from, "ada");
  assert.deepEqual(sent.data, {
    table: 7,
    priority: "high",
    total: null,
    paid: false,
    items: [
      { name: "Flammkuchen", count: 2 },
      { name: "Cider", count: 0 },
    ],
    payment: { by: "card", digits: "4242" },
    notes: { allergies: "nuts" },
  });

  await page.getByRole("button", { name: "Trigger again" }).click();
  await form.getByRole("button", { name: "JSON" }).click();
  const raw = form.getByLabel("The data as JSON");
  assert.deepEqual(JSON.parse(await raw.inputValue()), { ...sent.data, total: null }, "the form holds the same again");
  await raw.fill("{");
  await form.getByRole("button", { name: "Form" }).click();
  await seen(form.locator(".error"), "This is not JSON");
  await raw.fill(JSON.stringify({ ...sent.data, table: 8 }));
  await page.keyboard.press("Control+Enter");
  await seen(form.locator(".result"), "seq 2");
});

test("what is told of a room late does not replace what was told after it", async () => {
  const page = await open();
  await rooms(page).filter({ hasText: "Chat" }).click();
  await seen(page.locator("[data-tab=members]"), "0");
  let letGo;
  const isLetGo = new Promise((resolve) => (letGo = resolve));
  const isTaken = new Promise((resolve) =>
    page.route(/~chat$/, async (route) => {
      const response = await route.fetch(); // with the one who is in the room then
      resolve();
      await isLetGo;
      await route.fulfill({ response }).catch(() => {});
    }, { times: 1 }),
  );
  server.tell("people 1");
  await isTaken;
  server.tell("people 2");
  await seen(page.locator("[data-tab=members]"), "3");
  const answered = page.waitForResponse(/~chat$/);
  letGo();
  await (await answered).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  await seen(page.locator("[data-tab=members]"), "3");
});

test("what is being sent is not sent twice, and its faults are not shown in another form", async () => {
  const page = await open();
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  await page.locator("#trigger-event").selectOption("message");
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && asked.push(request));
  const sending = await hold(page, /trigger$/);
  await page.locator("form.trigger .data input, form.trigger .data textarea").first().focus();
  await page.keyboard.press("Control+Enter");
  await sending.asked;
  await page.keyboard.press("Control+Enter");
  await page.locator("#trigger-event").selectOption({ label: "typing" });
  sending.letGo();
  await seen(page.locator("form.trigger .result"), /\S/);
  assert.equal(await page.locator("form.trigger .error:not([hidden])").count(), 0);
  assert.equal(asked.length, 1);
});

test("any event goes into a room that allows any, as JSON", async () => {
  const page = await open();
  await page.getByLabel("Find a room").fill("scratch");
  await rooms(page).filter({ hasText: "Scratch pad" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  await page.locator("#trigger-event").selectOption({ label: "another event…" });
  await page.getByLabel("The event’s name").fill("anything");
  await page.locator("form.trigger textarea").fill('{"a":[1,null]}');
  await page.keyboard.press("Control+Enter");
  await seen(events(page), "a: [1,null]");
});

test("ten thousand events are quick to scroll, to filter and to go on with", async () => {
  const page = await open();
  server.tell("burst 10500");
  await seen(page.locator("#events-foot"), "older ones are let go");
  await seen(events(page), "Message 10500 of a burst");
  await seen(page.locator("#events-foot"), "10,000 listed");
  assert.ok((await page.locator("#events .row").count()) < 100, "only the rows on view are elements");

  // How long the page takes from an action until two frames later it is drawn.
  const took = (action) =>
    page.evaluate(async (action) => {
      const list = document.getElementById("events");
      const start = performance.now();
      if (action === "scroll") list.scrollTop = list.scrollHeight / 2;
      else {
        const search = document.getElementById("events-search");
        search.value = action;
        search.dispatchEvent(new Event("input"));
      }
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return performance.now() - start;
    }, action);
  const times = { scroll: await took("scroll"), filter: await took("message 9"), all: await took("") };
  for (const [action, time] of Object.entries(times)) assert.ok(time < 500, `${action} took ${time} ms`);

  await page.locator("#events").focus();
  await page.keyboard.press("Home");
  await page.locator("#events [aria-selected=true]").waitFor();
  const first = await page.locator("#events [aria-selected=true]").textContent();
  await server.trigger("chat", message("One more"));
  await seen(page.locator("#newer"), "1 newer");
  assert.equal(await page.locator("#events").evaluate((list) => list.scrollTop), 0, "what is on view stays there");
  assert.doesNotMatch(first, /One more/);
  await page.locator("#newer").click();
  await seen(events(page), "One more");
});

test("everything can be done from the keyboard", async () => {
  const page = await open();
  const focused = () => page.evaluate(() => document.activeElement.id);
  await server.trigger("chat", message("By keyboard"));
  await seen(events(page), "By keyboard");

  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });

  await page.keyboard.press("/");
  assert.equal(await focused(), "rooms-search");
  await page.keyboard.type("chat");
  await seen(page.locator("#rooms-foot"), "1 of 303 rooms");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "rooms");
  await seen(page.locator("#events-heading"), "Chat");
  assert.equal(await page.locator("#rooms").evaluate((list) => {
    return document.getElementById(list.getAttribute("aria-activedescendant"))?.querySelector(".title").textContent;
  }), "Chat");

  await page.keyboard.press("2");
  assert.equal(await focused(), "events");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await seen(page.locator("#details .json"), "By keyboard");
  await page.keyboard.press("Escape");
  await page.locator("#details").waitFor({ state: "hidden" });
  assert.equal(await focused(), "events");

  await page.keyboard.press("t");
  await page.locator("form.trigger").waitFor();
  await page.keyboard.type("Typed");
  await page.keyboard.press("Control+Enter");
  await seen(events(page), "Typed");
  await page.keyboard.press("Escape");
  await page.keyboard.press("3");
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("tab", { name: "History", selected: true }).waitFor();
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Go on" }).waitFor();
  await page.keyboard.press("p");
  await page.keyboard.press("Escape");
  await seen(page.locator("#events-heading"), "All rooms");
});

test("a server that goes and comes back is shown again", async () => {
  const page = await open();
  await server.stop();
  await page.locator("#state[data-state=lost]").waitFor();
  server = await Inspected.start(new URL(server.url).port);
  await page.locator("#state[data-state=live]").waitFor();
  await server.trigger("chat", message("Back"));
  await seen(events(page), "Back");
});

test("the page is drawn in the light, in the dark and on a telephone", async () => {
  const light = await open({ colorScheme: "light" });
  const dark = await open({ colorScheme: "dark" });
  const narrow = await open({ viewport: { width: 390, height: 780 } });
  server.tell("people 24");
  server.tell("hum");
  await seen(events(narrow), "order:placed");

  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(await background(light), await background(dark));
  await rooms(dark).filter({ hasText: "Orders" }).click();
  await dark.getByRole("tab", { name: "Trigger" }).click();
  await events(dark).filter({ hasText: "order:placed" }).first().click();
  await seen(dark.locator("#details .json"), "order:placed");
  await seen(light.locator(".busy li"), "chat");

  await light.screenshot({ path: `${ARTIFACTS}inspector-light.png` });
  await dark.screenshot({ path: `${ARTIFACTS}inspector-dark.png` });
  await narrow.screenshot({ path: `${ARTIFACTS}inspector-narrow.png` });
  for (const [name, shown] of [["Rooms", "#rooms"], ["Server", "#room-heading"], ["Events", "#events"]]) {
    await narrow.getByRole("button", { name, exact: true }).click();
    await narrow.locator(shown).waitFor();
    const overflow = await narrow.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(overflow, false, `${name}: nothing is wider than the screen`);
  }
});
