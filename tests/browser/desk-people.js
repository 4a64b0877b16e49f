// A customer and an agent who use the pages of the desk, each in a browser profile of their own.
import assert from "node:assert/strict";

const PATIENCE_MS = 15_000;

class Person {
  errors = [];

  static async open(browser, url, options) {
    const person = new this();
    person.context = await browser.newContext(options);
    person.page = await person.context.newPage();
    person.page.setDefaultTimeout(PATIENCE_MS);
    person.page.on("pageerror", (error) => person.errors.push(error));
    await person.page.goto(url);
    return person;
  }

  async says(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.keyboard.press("Enter");
  }

  async types(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
  }

  /** Waits for a line, which may be the person's own and still pending. */
  async reads(text) {
    await this.page.locator(".log:not([hidden]) .line").filter({ hasText: text }).waitFor();
  }

  /** The texts of the lines in the visible ticket that the server has confirmed, in order. */
  lines() {
    return this.page.locator(".log:not([hidden]) .lines .text").allTextContents();
  }

  /** The notes in the visible ticket. */
  notes() {
    return this.page.locator(".log:not([hidden]) .note").allTextContents();
  }

  /** Waits until no line in the visible ticket is pending. */
  async hasSentAll() {
    await this.page.locator(".log:not([hidden]) .outbox:empty").waitFor({ state: "attached" });
  }

  async sees(id, text) {
    await this.page.locator(`#${id}`).filter({ hasText: text }).waitFor();
  }

  /** Waits until the page is connected. */
  async isOnline() {
    await this.sees("state", "Online");
    await this.page.locator("#banner").waitFor({ state: "hidden" });
  }

  /** Pages back to the beginning of the visible ticket. */
  async showsEverything() {
    const earlier = this.page.locator(".log:not([hidden]) .earlier");
    while (await earlier.isVisible()) {
      const before = (await this.lines()).length;
      await earlier.click();
      await this.page.waitForFunction(
        (count) => document.querySelectorAll(".log:not([hidden]) .lines .text").length > count
          || document.querySelector(".log:not([hidden]) .earlier").hidden,
        before,
      );
    }
  }

  /** Closes the browser profile and fails if the page's script had errors. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.errors, []);
  }
}

export class Customer extends Person {
  async opensTicket(name, subject) {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByLabel("What is it about?").fill(subject);
    await this.page.keyboard.press("Enter");
    await this.isOnline();
    const about = await this.page.locator("#number").textContent();
    return Number(about.match(/Ticket (\d+)/)[1]);
  }

  /** Triggers lines faster than anybody types, with another connection of the same customer. */
  async sends(texts) {
    await this.page.evaluate(async (texts) => {
      const { DialogueClient } = await import("./dialogue/client.js");
      const { token, org, ticket } = JSON.parse(localStorage.getItem("desk-customer-acme"));
      const client = new DialogueClient({ auth: { token } });
      await client.connect();
      const room = await client.join(`ticket-${org}-${ticket}`, { subscriptions: [] });
      await Promise.all(texts.map((text) => room.trigger("line", { text })));
      client.disconnect();
    }, texts);
  }
}

export class Agent extends Person {
  async signsIn(name, org = "acme") {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByLabel("Organisation").selectOption(org);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.isOnline();
  }

  ticket(subject) {
    return this.page.locator("#tickets a").filter({ hasText: subject });
  }

  async goesTo(subject) {
    await this.ticket(subject).click();
    await this.page.getByRole("heading", { level: 1, name: subject }).waitFor();
  }
}
