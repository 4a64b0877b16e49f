// Somebody at the chat page, in a browser profile of their own.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const PATIENCE_MS = 15_000;

export function launch() {
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
    ],
  });
}

export class Person {
  /**
   * Opens the page and signs in; `options` are the browser profile's. Without `interceptable`, the page's connection is the
   * browser's own, and `losesConnection` cannot be had.
   */
  static async arrive(browser, url, name, { interceptable = true, ...options } = {}) {
    const person = new Person(await browser.newContext(options), name);
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
  #socket; // the page's end of the connection
  #reconnect = Promise.resolve(); // what the page's next connection waits for

  constructor(context, name) {
    this.context = context;
    this.name = name;
  }

  async #connect(socket) {
    await this.#reconnect;
    this.#socket = socket;
    socket.connectToServer();
  }

  /** Cuts the connection with this code. The next one hangs until the function that this returns is called. */
  async losesConnection(code) {
    let letBack;
    this.#reconnect = new Promise((resolve) => (letBack = resolve));
    await this.#socket.close({ code });
    return letBack;
  }

  /** Waits for a line of the room on view that somebody wrote. */
  async reads(from, text) {
    const byline = from === this.name ? "You" : from;
    const line = this.page.locator(".log:not([hidden]) .message").filter({ hasText: text });
    await line.filter({ has: this.page.locator(".author", { hasText: byline }) }).waitFor();
  }

  /** The texts of the room on view that people wrote, in order. */
  lines() {
    return this.page.locator(".log:not([hidden]) .text").allTextContents();
  }

  /** Waits for a line of the room on view that nobody wrote. */
  async isTold(text) {
    await this.page.locator(".log:not([hidden]) .note").filter({ hasText: text }).first().waitFor();
  }

  async types(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
  }

  async says(text) {
    await this.types(text);
    await this.page.keyboard.press("Enter");
  }

  /** Waits until the page shows this text in the element with that id. */
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

  /** Waits until the room is on view, joined and all. */
  async isIn(room) {
    await this.page.getByRole("heading", { level: 1, name: room }).waitFor();
    await this.roomLink(room).and(this.page.locator(".joined")).waitFor();
  }

  roomLink(room) {
    return this.page.getByRole("navigation", { name: "Rooms" }).getByRole("link").filter({ hasText: room });
  }

  /** Closes the browser profile; whatever went wrong in the page's script comes to light. */
  async leaves() {
    await this.context.close();
    assert.deepEqual(this.errors, []);
  }
}
