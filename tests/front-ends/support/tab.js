// A tab of a user's browser with a recipe in it.
import assert from "node:assert/strict";

const PATIENCE_MS = 15_000;

export class Tab {
  /** Opens a page in this browser profile, as the user `name`. With `hasClock`, the test can stop the page's clock. */
  static async open(context, url, { name = "Ada", hasClock = false } = {}) {
    const tab = new Tab();
    tab.page = await context.newPage();
    tab.page.setDefaultTimeout(PATIENCE_MS);
    tab.errors = [];
    tab.failures = [];
    tab.page.on("pageerror", (error) => tab.errors.push(error.message));
    // Frameworks report mistakes on the console. The browser and the recipes report there why they cannot connect.
    tab.page.on("console", (message) => {
      const [type, text] = [message.type(), message.text()];
      if (/^(WebSocket connection|Failed to load)/.test(text)) return;
      if (text.includes("cannot connect to")) return void tab.failures.push(text);
      if (type === "error" || type === "warning") tab.errors.push(text);
    });
    if (hasClock) await tab.page.clock.install();
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

  /** Waits until the component is in no room. */
  async isOut(panel) {
    await this.#in(panel).getByRole("button", { name: "Send", disabled: true }).waitFor();
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

  /** The user looks at another tab. */
  async isHidden() {
    await this.#canBeHidden();
    this.other ??= await this.page.context().newPage();
    const hidden = this.page.evaluate(() => new Promise((resolve) => {
      if (document.hidden) resolve();
      document.addEventListener("visibilitychange", resolve, { once: true });
    }));
    await this.other.bringToFront();
    await hidden;
  }

  /** The user looks at this tab again. */
  isVisible() {
    return this.page.bringToFront();
  }

  /** The browser stops a hidden page, and closes its connection when something arrives on it. */
  async isFrozen() {
    await this.#canBeHidden();
    await this.page.evaluate(() => document.addEventListener("freeze", () => console.log("the page is frozen")));
    const frozen = this.page.waitForEvent("console", (message) => message.text() === "the page is frozen");
    await this.cdp.send("Page.setWebLifecycleState", { state: "frozen" });
    await frozen;
  }

  /** The page goes on, and the user looks at it. */
  async isActive() {
    await this.cdp.send("Page.setWebLifecycleState", { state: "active" });
    await this.page.bringToFront();
  }

  /** Playwright tells the browser that all of its pages are visible, and has no public way to change that. */
  async #canBeHidden() {
    const { delegate } = this.page._connection.toImpl(this.page);
    await delegate._mainFrameSession._client.send("Emulation.setFocusEmulationEnabled", { enabled: false });
  }

  async close() {
    await this.other?.close();
    await this.page.close();
    assert.deepEqual(this.errors, []);
  }
}
