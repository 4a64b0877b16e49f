// A person who uses the chat page, in a separate browser profile.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { clientUrl, isOld } from "../node/support/client.js";

const PATIENCE_MS = 15_000;

/** Starts Chromium, with further arguments. */
export function launch(...further) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...further,
    ],
  });
}

/** The number of pages that have received the old client. */
export let oldClients = 0;

/** A new browser profile. If the old client is under test, its pages receive that instead of the server's client. */
export async function newProfile(browser, options) {
  const context = await browser.newContext(options);
  if (isOld) {
    await context.route("**/dialogue/client.js", async (route) => {
      oldClients += 1;
      await route.fulfill({ path: fileURLToPath(clientUrl), contentType: "text/javascript" });
    });
  }
  return context;
}

export class Person {
  /**
   * Opens the page and signs in; `options` are those of the browser profile. Without `interceptable`, the page uses the
   * browser's own connection, and neither `losesConnection` nor `answers` works. With `refusesToConnect`, each connection
   * fails.
   */
  static async openChat(browser, url, name, options = {}) {
    const { interceptable = true, refusesToConnect = false, answers, ...profile } = options;
    const person = new Person(await newProfile(browser, profile), name);
    Object.assign(person, { answers, refusesToConnect });
    person.page = await person.context.newPage();
    person.page.setDefaultTimeout(PATIENCE_MS);
    person.page.on("pageerror", (error) => person.errors.push(error));
    if (interceptable) await person.page.routeWebSocket("**", (socket) => person.#connect(socket));
    await person.page.goto(url);
    await person.page.getByLabel("Your name").fill(name);
    await person.page.keyboard.press("Enter");
    return person;
  }

  errors = [];
  /**
   * Answers a frame of the page in place of the server: returns a frame, a frame with a close code that follows it, or
   * undefined for the server's own answer.
   */
  answers;
  #socket; // the page's side of the connection
  #reconnect = Promise.resolve(); // the page's next connection waits for this

  constructor(context, name) {
    this.context = context;
    this.name = name;
  }

  async #connect(socket) {
    await this.#reconnect;
    if (this.refusesToConnect) return socket.close({ code: 1011 });
    this.#socket = socket;
    const server = socket.connectToServer();
    socket.onMessage(async (text) => {
      const answer = this.answers?.(JSON.parse(text));
      if (answer === undefined) return server.send(text);
      const [frame, code] = [answer].flat();
      socket.send(JSON.stringify(frame));
      if (code) await socket.close({ code });
    });
  }

  /** Closes the connection with this code. The next connection hangs until the returned function is called. */
  async losesConnection(code) {
    let allowReconnect;
    this.#reconnect = new Promise((resolve) => (allowReconnect = resolve));
    await this.#socket.close({ code });
    return allowReconnect;
  }

  /** Waits for a message from somebody in the visible room. */
  async reads(from, text) {
    const byline = from === this.name ? "You" : from;
    const line = this.page.locator(".log:not([hidden]) .message").filter({ hasText: text });
    await line.filter({ has: this.page.locator(".author", { hasText: byline }) }).waitFor();
  }

  /** The texts of the messages in the visible room, in order. */
  lines() {
    return this.page.locator(".log:not([hidden]) .text").allTextContents();
  }

  /** The texts of the messages that are not sent yet, in the visible room, in order. */
  pending() {
    return this.page.locator(".log:not([hidden]) .pending .text").allTextContents();
  }

  pendingLine(text) {
    return this.page.locator(".log:not([hidden]) .pending").filter({ hasText: text });
  }

  /** Waits until no message in the visible room is pending. */
  async hasSentAll() {
    await this.page.locator(".log:not([hidden]) .outbox:empty").waitFor({ state: "attached" });
  }

  /** Compares what the page shows now as the number of people in a room. */
  async countsIn(room, count) {
    assert.equal(await this.roomLink(room).locator(".size").textContent(), String(count), `${this.name}: ${room}`);
  }

  /** Waits for a note in the visible room, which is a line without an author. */
  async seesNote(text) {
    await this.page.locator(".log:not([hidden]) .note").filter({ hasText: text }).first().waitFor();
  }

  async types(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
  }

  async says(text) {
    await this.types(text);
    await this.page.keyboard.press("Enter");
  }

  /** Waits until the page shows this text in the element with this id. */
  async sees(id, text) {
    await this.page.locator(`#${id}`).filter({ hasText: text }).waitFor();
  }

  async createsTopic(title) {
    await this.page.getByLabel("Start a topic").fill(title);
    await this.page.getByRole("button", { name: "Create the topic" }).click();
    await this.isIn(title);
  }

  async goesTo(room) {
    await this.roomLink(room).click();
    await this.isIn(room);
  }

  /** Waits until the room is visible and joined. */
  async isIn(room) {
    await this.page.getByRole("heading", { level: 1, name: room }).waitFor();
    await this.roomLink(room).and(this.page.locator(".joined")).waitFor();
  }

  roomLink(room) {
    return this.page.getByRole("navigation", { name: "Rooms" }).getByRole("link").filter({ hasText: room });
  }

  /** Closes the browser profile and fails if the page's script had errors. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.errors, []);
  }
}
