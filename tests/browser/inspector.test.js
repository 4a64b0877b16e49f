// The inspector's page as people use it: a real browser against a real server.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Inspected, openInspector } from "./inspected.js";
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
  // The pages are still open, because the drain does not wait for viewers.
  assert.equal(await server.stop(), 0, "the server drains and exits without an error");
  for (const page of pages) {
    assert.deepEqual(page.errors, [], "the page has no script errors and no policy violations");
    await page.context().close();
  }
});

async function open(options) {
  const page = await openInspector(browser, server.url, options);
  pages.push(page);
  return page;
}

const message = (text) => ({ event: "message", data: { text } });
const rooms = (page) => page.locator("#rooms [role=option]:not([hidden])");
const events = (page) => page.locator("#events [role=option]:not([hidden])");
const seen = (locator, hasText) => locator.filter({ hasText }).first().waitFor();

test("rooms are listed with their sizes, can be found, and update as clients join and leave", async () => {
  const page = await open();
  await seen(page.locator("#rooms-foot"), "303 rooms");
  await seen(rooms(page), "Orders");
  assert.ok((await rooms(page).count()) < 60, "only the visible rows are elements");
  server.command("people 3");
  await seen(rooms(page).filter({ hasText: "Chat" }), "3/500");

  await page.getByLabel("Find a room").fill("project-2");
  await seen(page.locator("#rooms-foot"), "111 of 303 rooms");
  await page.getByLabel("Find a room").fill("order");
  await seen(page.locator("#rooms-foot"), "1 of 303 rooms");

  await page.getByLabel("Find a room").fill("");
  // Not "1 of 303 rooms", which the page shows until the reply arrives.
  await seen(page.locator("#rooms-foot"), /^303 rooms$/);
  // The page requests the second page of rooms while it scrolls down.
  await page.locator("#rooms").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector("#rooms .space").clientHeight > 300 * 44);
  await page.keyboard.press("End");
  await seen(rooms(page), "Scratch pad");
});

test("events are listed as they happen, and their data is shown only as text", async () => {
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
  await page.getByLabel("Filter events by kind").selectOption("kitchen-status");
  await seen(page.locator("#events-foot"), "1 of 2 listed");
  await page.getByLabel("Filter events by kind").selectOption("");
  await page.getByLabel("Filter events by text").fill("ALERT(1)");
  await seen(page.locator("#events-foot"), "1 of 2 listed");
  await page.getByLabel("Filter events by text").fill("nowhere");
  await seen(page.locator("#events-empty"), "No entry matches the filter.");
});

test("the page says that an event was copied only if it was", async () => {
  const page = await open();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await server.trigger("chat", message("Copy me"));
  await events(page).filter({ hasText: "Copy me" }).click();
  const copy = page.locator("#details button").nth(1);
  await copy.click();
  await seen(page.locator("#details button"), "Copied");
  assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).data.text, "Copy me");
  for (const clipboard of ["undefined", "{ writeText: async () => { throw new Error() } }"]) {
    // As on a page that was loaded over plain HTTP from another machine, or where the browser denies access to the
    // clipboard.
    await page.evaluate(`Object.defineProperty(navigator, "clipboard", { value: ${clipboard}, configurable: true })`);
    await copy.click();
    await seen(page.locator("#details button"), "Not allowed");
    await page.locator("#events").press("Enter");
  }
});

test("a pause holds events back until it ends", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Pause" }).click();
  await server.trigger("chat", message("held"));
  await seen(page.locator("#events-foot"), "paused, 1 waiting");
  assert.equal(await events(page).count(), 0);
  await page.getByRole("button", { name: "Resume" }).click();
  await seen(events(page), "held");
});

test("a pause holds back a bounded number of bytes", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Pause" }).click();
  // 40 MB in total.
  for (let sent = 0; sent < 80; sent += 1) await server.trigger("scratch", { event: "blob", data: "x".repeat(500_000) });
  server.command("people 1");
  await seen(rooms(page).filter({ hasText: "Chat" }), "1/500");
  const [, held] = (await page.locator("#events-foot").textContent()).match(/paused, (\d+) waiting/);
  assert.ok(held < 75, `${held} events wait, but 67 of the large ones fill 32 MiB`);
});

test("event names that clients make up do not fill the page", async () => {
  const page = await open();
  const names = page.locator("#events-kind optgroup option");
  for (let made = 0; made < 120; made += 1) await server.trigger("scratch", { event: `made-up-${made}`, data: null });
  await seen(events(page), "made-up-119");
  assert.equal(await names.count(), 100);
  await page.getByLabel("Filter events by kind").selectOption("made-up-7");
  await page.getByRole("button", { name: "Clear" }).click();
  assert.deepEqual(await names.allTextContents(), ["made-up-7"]);
  await server.trigger("scratch", { event: "made-up-7", data: "again" });
  await seen(events(page), "again");
});

test("the sizes of the rooms are correct again after the page missed joins", async () => {
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
  server.command("people 3");
  await seen(page.locator("#events-foot"), "7 missed"); // three joins in the chat, three in projects, one in orders
  await seen(rooms(page).filter({ hasText: "Chat" }), "3/500");
  await seen(page.locator("[data-tab=members]"), "3");
});

test("a room shows its members, its events and its history", async () => {
  const page = await open();
  server.command("people 2");
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

/** Holds back the replies to matching requests until `release` is called. The replies are real ones, unless `given`. */
async function hold(page, pattern, given) {
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    await isReleased;
    await (given ? route.fulfill(given) : route.continue()).catch(() => {}); // the page may have aborted the request
  });
  const asked = page.waitForRequest(pattern);
  return { release, asked };
}

const kept = (seq, text) => ({ event: "message", roomId: "chat", data: { text }, from: "ada", timestamp: 1, seq });
const historyOf = (...events) => ({ json: { events, more: true } });

test("a late page of history does not appear among the results of a later request", async () => {
  const page = await open();
  const all = await hold(page, /history$/, historyOf(kept(900, "Of all")));
  await page.route(/history\?event=message$/, (route) => route.fulfill(historyOf(kept(5, "Of one"))));
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "History" }).click();
  await all.asked;
  await page.getByLabel("History of event", { exact: true }).selectOption("message");
  const rows = page.locator("#room-body summary");
  await seen(rows, "Of one");
  all.release();
  const older = page.waitForRequest(/before=/);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  await page.getByRole("button", { name: "Older" }).click();
  assert.equal(new URL((await older).url()).searchParams.get("before"), "5");
  await seen(page.locator("#room-body"), "Of one");
  assert.equal(await rows.filter({ hasText: "Of all" }).count(), 0);
});

test("a request that is no longer needed is aborted even in the middle of its reply", async () => {
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

test("the form belongs to the selected room even if the server describes that room late", async () => {
  const page = await open();
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  await seen(page.locator("#trigger-event"), "message");
  const orders = await hold(page, /~orders$/);
  await rooms(page).filter({ hasText: "Orders" }).click();
  await orders.asked;
  await page.getByRole("tab", { name: "Members" }).click();
  await page.getByRole("tab", { name: "Trigger" }).click();
  assert.equal(await page.locator("#trigger-event").count(), 0, "the form must not exist yet");
  orders.release();
  await seen(page.locator("#trigger-event"), "order:placed");
});

test("an event to trigger again does not fill the form of a room selected meanwhile", async () => {
  const page = await open();
  await server.trigger("chat", message("Again?"));
  await events(page).filter({ hasText: "Again?" }).click();
  const chat = await hold(page, /~chat$/);
  await page.getByRole("button", { name: "Trigger again" }).click();
  await chat.asked;
  await rooms(page).filter({ hasText: "Orders" }).click();
  await seen(page.locator("#trigger-event"), "order:placed");
  const answered = page.waitForResponse(/~chat$/);
  chat.release();
  await (await answered).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.equal(await page.locator("#trigger-event").inputValue(), "order:placed");
});

test("a room that could not be loaded is shown once it can be", async () => {
  const page = await open();
  await server.trigger("chat", message("kept"));
  await rooms(page).filter({ hasText: "Chat" }).click();
  await page.getByRole("tab", { name: "History" }).click();
  await seen(page.locator("#room-body summary"), "kept");
  await page.route(/~chat$/, (route) => route.abort());
  server.command("people 1");
  await seen(page.locator("#room-body"), "The server cannot be reached.");
  await page.unroute(/~chat$/);
  server.command("people 1");
  await seen(page.locator("#room-body summary"), "kept");
});

test("the page also works with a trailing slash in its address", async () => {
  const page = await open();
  await page.goto(`${server.url}/dialogue/inspect/?room=none`);
  await page.locator("#state[data-state=live]").waitFor();
  assert.equal(page.url(), `${server.url}/dialogue/inspect?room=none`);
});

test("the form built from an event's schema triggers it and shows each mistake at its field", async () => {
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
  assert.ok(await field("table").evaluate((input) => input === document.activeElement), "the first invalid field has the focus");
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
  assert.deepEqual(JSON.parse(await raw.inputValue()), { ...sent.data, total: null }, "the form holds the same data again");
  await raw.fill("{");
  await form.getByRole("button", { name: "Form" }).click();
  await seen(form.locator(".error"), "This is not JSON");
  await raw.fill(JSON.stringify({ ...sent.data, table: 8 }));
  await page.keyboard.press("Control+Enter");
  await seen(form.locator(".result"), "seq 2");
});

test("a late reply about a room does not replace a newer one", async () => {
  const page = await open();
  await rooms(page).filter({ hasText: "Chat" }).click();
  await seen(page.locator("[data-tab=members]"), "0");
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  const isTaken = new Promise((resolve) =>
    page.route(/~chat$/, async (route) => {
      const response = await route.fetch(); // with the one client that is in the room at this time
      resolve();
      await isReleased;
      await route.fulfill({ response }).catch(() => {});
    }, { times: 1 }),
  );
  server.command("people 1");
  await isTaken;
  server.command("people 2");
  await seen(page.locator("[data-tab=members]"), "3");
  const answered = page.waitForResponse(/~chat$/);
  release();
  await (await answered).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  await seen(page.locator("[data-tab=members]"), "3");
});

test("an event that is being sent is not sent twice, and its violations do not appear in another form", async () => {
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
  sending.release();
  await seen(page.locator("form.trigger .result"), /\S/);
  assert.equal(await page.locator("form.trigger .error:not([hidden])").count(), 0);
  assert.equal(asked.length, 1);
});

test("a room that allows any event accepts one as JSON", async () => {
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

test("the page scrolls, filters and continues quickly with ten thousand events", async () => {
  const page = await open();
  server.command("burst 10500");
  await seen(page.locator("#events-foot"), "older entries removed");
  await seen(events(page), "Message 10500 of a burst");
  await seen(page.locator("#events-foot"), "10,000 listed");
  assert.ok((await page.locator("#events .row").count()) < 100, "only the visible rows are elements");

  // Measures the time from an action until the page is drawn, two frames later.
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
  assert.equal(await page.locator("#events").evaluate((list) => list.scrollTop), 0, "the visible rows keep their place");
  assert.doesNotMatch(first, /One more/);
  await page.locator("#newer").click();
  await seen(events(page), "One more");
});

test("every action is possible from the keyboard", async () => {
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
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await page.keyboard.press("p");
  await page.keyboard.press("Escape");
  await seen(page.locator("#events-heading"), "All rooms");
});

test("the page reconnects to a server that restarts", async () => {
  const page = await open();
  await server.stop();
  await page.locator("#state[data-state=lost]").waitFor();
  server = await Inspected.start(new URL(server.url).port);
  await page.locator("#state[data-state=live]").waitFor();
  await server.trigger("chat", message("Back"));
  await seen(events(page), "Back");
});

test("the page renders in light mode, in dark mode and on a phone", async () => {
  const light = await open({ colorScheme: "light" });
  const dark = await open({ colorScheme: "dark" });
  const narrow = await open({ viewport: { width: 390, height: 780 } });
  server.command("people 24");
  server.command("hum");
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
