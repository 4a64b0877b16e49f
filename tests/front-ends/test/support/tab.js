// A tab of a user's browser with a recipe in it.
import assert from "node:assert/strict";

const PATIENCE_MS = 15_000;

export class Tab {
  /** Opens a page in this browser profile, as the user `name`. */
  static async open(context, url, name = "Ada") {
    const tab = new Tab();
    tab.page = await context.newPage();
    tab.page.setDefaultTimeout(PATIENCE_MS);
    await tab.page.clock.install();
    tab.errors = [];
    tab.page.on("pageerror", (error) => tab.errors.push(error.message));
    // Vue and React report mistakes on the console. The browser itself reports connections that fail.
    tab.page.on("console", (message) => {
      const isMistake = ["error", "warning"].includes(message.type()) && !/WebSocket connection|Failed to load/.test(message.text());
      if (isMistake) tab.errors.push(message.text());
    });
    await tab.page.addInitScript((user) => localStorage.setItem("user", user), name);
    await tab.page.goto(url);
    tab.cdp = await context.newCDPSession(tab.page);
    return tab;
  }

  /** The component with this key. The page of a recipe has only one, without a key. */
  #in(panel) {
    return panel ? this.page.locator(`[data-panel=${panel}]`) : this.page.locator("#root");
  }

  /** Shows these components, as pairs of a key and a room. */
  show(...panels) {
    return this.page.evaluate((panels) => window.show(panels), panels.map(([key, roomId]) => ({ key, roomId })));
  }

  /** Waits until the component has joined its room. */
  async isIn(panel) {
    await this.#in(panel).getByRole("button", { name: "Send", disabled: false }).waitFor();
  }

  async says(text, panel) {
    await this.#in(panel).getByLabel("Message").fill(text);
    await this.page.keyboard.press("Enter");
  }

  async status(text, panel) {
    await this.#in(panel).getByRole("status").filter({ hasText: text }).waitFor();
  }

  async alert(text, panel) {
    await this.#in(panel).getByRole("alert").filter({ hasText: text }).waitFor();
  }

  /** Waits until this line is shown. */
  async reads(line, panel) {
    await this.#in(panel).getByRole("listitem").filter({ hasText: line }).first().waitFor();
  }

  /** The lines that are shown. */
  lines(panel) {
    return this.#in(panel).getByRole("listitem").allInnerTexts();
  }

  /** Waits for the last of these lines, and asserts that exactly these are shown. */
  async shows(lines, panel) {
    await this.reads(lines.at(-1), panel);
    assert.deepEqual(await this.lines(panel), lines);
  }

  /** The browser says whether it has a network. */
  network({ offline }) {
    return this.cdp.send("Network.emulateNetworkConditions", {
      offline,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
  }

  /** Stops the page's clock: from now on, no timer runs out until the test says so. */
  async stopsTheClock() {
    await this.page.clock.pauseAt((await this.page.evaluate(() => Date.now())) + 1_000);
  }

  async freezes() {
    await this.page.evaluate(() => document.addEventListener("freeze", () => (document.body.dataset.frozen = "yes")));
    await this.cdp.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  async wakes() {
    await this.cdp.send("Page.setWebLifecycleState", { state: "active" });
    assert.equal(await this.page.getAttribute("body", "data-frozen"), "yes", "the page has slept");
  }

  async close() {
    await this.page.close();
    assert.deepEqual(this.errors, []);
  }
}
