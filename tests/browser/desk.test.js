// The desk as people use it: real browsers against the real program, which is killed and started again on the same file.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Agent, Customer } from "./desk-people.js";
import { launch } from "./person.js";
import { Server, desk } from "./server.js";

const ARTIFACTS = new URL("../../artifacts/", import.meta.url).pathname;
const IN_MEMORY = 50; // lines of a ticket, as in the example

let browser;
let folder;
let server;
let present;

before(async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  browser = await launch();
});
after(() => browser?.close());

beforeEach(async () => {
  present = [];
  folder = await mkdtemp(join(tmpdir(), "dialogue-desk-"));
  server = await Server.start(0, desk(folder));
});
afterEach(async () => {
  for (const person of present) await person.close();
  assert.equal(await server.stop(), 0, "the server drains and exits without an error");
  await rm(folder, { recursive: true });
});

async function customer(name, subject, options) {
  const person = await Customer.open(browser, server.url, options);
  present.push(person);
  person.number = await person.opensTicket(name, subject);
  return person;
}

async function agent(name, options) {
  const person = await Agent.open(browser, `${server.url}/agents`, options);
  present.push(person);
  await person.signsIn(name);
  return person;
}

/** A customer and an agent in one ticket. */
async function conversation(subject = "The printer is on fire") {
  const ada = await customer("Ada", subject);
  const grace = await agent("Grace");
  await grace.goesTo(subject);
  return [ada, grace];
}

/** Ends the process without any warning, and starts it again on the same file and port. */
async function killAndRestart(meanwhile = () => {}) {
  await server.kill();
  await meanwhile();
  server = await server.restart();
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => `Line ${from + at}.`);

test("a customer and an agent talk", async () => {
  const [ada, grace] = await conversation();
  await ada.says("It is on fire.");
  await grace.reads("It is on fire.");
  await grace.types("Which");
  await ada.sees("typing", "Grace is typing");
  await grace.says("Which one?");
  await ada.reads("Which one?");
  assert.equal(await ada.page.locator("#typing").textContent(), "");
  for (const person of [ada, grace]) {
    await person.hasSentAll();
    assert.deepEqual(await person.lines(), ["It is on fire.", "Which one?"]);
  }
});

test("after kill -9 and a restart, nothing is missing, no gap is reported, and paging reaches the beginning", async () => {
  const [ada, grace] = await conversation();
  const early = numbered(1, 3 * IN_MEMORY);
  await ada.sends(early);
  await grace.reads(early.at(-1));
  await ada.reads(early.at(-1));

  await killAndRestart(async () => {
    await ada.sees("banner-text", "The connection is lost");
    await ada.says("Are you still there?");
    await grace.says("We are here.");
  });
  for (const person of [ada, grace]) {
    await person.isOnline();
    await person.hasSentAll();
    await person.reads("Are you still there?");
    await person.reads("We are here.");
    assert.equal(await person.page.locator("#welcome").isHidden(), true, "still signed in");
    assert.deepEqual(await person.notes(), [], "no gap");
  }
  const now = (await ada.lines()).slice(-2);
  assert.deepEqual([...now].sort(), ["Are you still there?", "We are here."]);
  for (const person of [ada, grace]) {
    await person.showsEverything();
    assert.deepEqual(await person.lines(), [...early, ...now]);
  }

  // A page that is loaded anew begins with the newest lines, and reaches all others.
  await ada.page.reload();
  await ada.isOnline();
  await ada.reads(now[1]);
  assert.deepEqual(await ada.lines(), [...early, ...now].slice(-IN_MEMORY));
  await ada.showsEverything();
  assert.deepEqual(await ada.lines(), [...early, ...now]);
});

test("lines that are sent while the process is killed again and again arrive once and in order", async () => {
  const [ada, grace] = await conversation();
  const texts = numbered(1, 30);
  for (const [at, text] of texts.entries()) {
    await ada.says(text);
    if (at % 10 === 5) await killAndRestart();
  }
  await ada.hasSentAll();
  await grace.reads(texts.at(-1));
  for (const person of [ada, grace]) {
    assert.deepEqual(await person.lines(), texts);
    assert.deepEqual(await person.notes(), []);
  }
});

test("the list of tickets, a closed ticket and the signed-in people survive a restart", async () => {
  const [ada, grace] = await conversation();
  await ada.says("Never mind, it is out.");
  await grace.reads("Never mind, it is out.");
  grace.page.on("dialog", (dialog) => dialog.accept());
  await grace.page.getByRole("button", { name: "Close ticket" }).click();
  await ada.sees("closed", "This ticket is closed");
  await grace.page.locator("#tickets .closed").filter({ hasText: "The printer" }).waitFor();

  await killAndRestart();
  const linus = await customer("Linus", "The scanner hums");
  assert.equal(linus.number, ada.number + 2, "numbers continue: the closing had one, too");
  await grace.ticket("The scanner hums").waitFor();
  for (const person of [ada, grace]) await person.page.reload();
  await ada.sees("closed", "This ticket is closed");
  assert.equal(await ada.page.locator("#composer").isHidden(), true);
  await grace.page.locator("#tickets .closed").filter({ hasText: "The printer" }).waitFor();
  await grace.ticket("The scanner hums").and(grace.page.locator(":not(.closed)")).waitFor();
});

test("a line that an agent erases is shown as erased, to everyone and for good", async () => {
  const [ada, grace] = await conversation();
  await ada.says("My password is 1234.");
  await ada.says("Can you see it?");
  await grace.reads("Can you see it?");
  const line = grace.page.locator(".line").filter({ hasText: "1234" });
  await line.hover();
  await line.getByRole("button", { name: "Erase" }).click();
  const erased = ["This line was erased.", "Can you see it?"];
  for (const person of [ada, grace]) {
    await person.reads(erased[0]);
    assert.deepEqual(await person.lines(), erased);
  }
  await killAndRestart();
  for (const person of [ada, grace]) {
    await person.page.reload();
    await person.reads(erased[1]);
    assert.deepEqual(await person.lines(), erased);
  }

  grace.page.on("dialog", (dialog) => dialog.accept());
  await grace.page.getByRole("button", { name: "Erase customer" }).click();
  await grace.ticket("This customer was erased").waitFor();
  for (const person of [ada, grace]) {
    await person.page.locator(".line.erased").nth(1).waitFor();
    assert.deepEqual(await person.lines(), [erased[0], erased[0]]);
  }
});

test("an agent sees in the list where a customer waits", async () => {
  const ada = await customer("Ada", "The printer is on fire");
  const grace = await agent("Grace");
  await grace.ticket("The printer").waitFor();
  await ada.says("Hello?");
  await grace.ticket("The printer").getByLabel("1 unread").waitFor();
  await grace.page.locator("#tickets .waits").waitFor();
  await grace.goesTo("The printer");
  await grace.ticket("The printer").getByLabel("1 unread").waitFor({ state: "hidden" });
  await grace.says("Hello.");
  await grace.page.locator("#tickets .waits").waitFor({ state: "detached" });
});

test("lines are shown as text, never as markup", async () => {
  const [ada, grace] = await conversation("<i>Help</i>");
  const text = `<img src="x" onerror="document.title='owned'">`;
  await ada.says(text);
  await grace.reads(text);
  for (const person of [ada, grace]) {
    assert.equal(await person.page.locator(".log img, .log i, #title i, #tickets i").count(), 0);
  }
});

test("the program explains a port that is in use, a port that is none, and a file that is in use", async () => {
  const other = await mkdtemp(join(tmpdir(), "dialogue-desk-"));
  const port = new URL(server.url).port;
  const cases = [
    [port, desk(other), `Port ${port} is in use.*PORT=\\d+ cargo run -p desk`],
    ["abc", desk(other), "PORT must be a number.*PORT=\\d+ cargo run -p desk"],
    ["0", desk(folder), "desk.db` is in use: stop the other server"],
  ];
  for (const [value, program, remedy] of cases) {
    const { code, output } = await Server.failsToStart(value, program);
    assert.equal(code, 1);
    const lines = output.trim().split("\n");
    assert.equal(lines.length, 1, output);
    assert.match(lines[0], new RegExp(remedy));
  }
  await rm(other, { recursive: true });
});

test("the pages render in light mode, in dark mode and on a phone", async () => {
  const ada = await customer("Ada", "The printer is on fire", { colorScheme: "light" });
  const grace = await agent("Grace", { colorScheme: "dark" });
  await grace.page.screenshot({ path: `${ARTIFACTS}desk-list.png` });
  await grace.goesTo("The printer");
  await ada.says("Good morning! The printer on the second floor is on fire, and the manual does not mention it.");
  await ada.says("What shall we do?");
  await grace.says("Please leave the building first. We stay in this ticket.");
  await ada.reads("Please leave");
  const phone = await agent("Linus", { viewport: { width: 390, height: 760 } });
  await phone.page.screenshot({ path: `${ARTIFACTS}desk-narrow-list.png` });
  await phone.goesTo("The printer");
  await phone.reads("Please leave");
  await ada.page.screenshot({ path: `${ARTIFACTS}desk-customer.png` });
  await grace.page.screenshot({ path: `${ARTIFACTS}desk-agent.png` });
  await phone.page.screenshot({ path: `${ARTIFACTS}desk-narrow.png` });
  for (const person of present) {
    const overflow = await person.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(overflow, false, "nothing is wider than the screen");
  }
});
