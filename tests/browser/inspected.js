// The server of `tests/src/bin/inspected.rs` in a separate process, and a page that looks at it through the inspector.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const INSPECTED = process.env.INSPECTED_EXECUTABLE ?? "../../target/debug/inspected";
const PATIENCE_MS = 15_000;

export class Inspected {
  /** Starts the server and waits until it listens. `inspected.rs` lists the variables. */
  static async start(port = 0, variables = {}) {
    const env = { ...process.env, ...variables, PORT: String(port) };
    const child = spawn(INSPECTED, { env, stdio: ["pipe", "pipe", "inherit"] });
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith("http://")) return new Inspected(child, line);
    }
    throw new Error(`${INSPECTED} exited before it listened`);
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  /** Sends a command line. `inspected.rs` lists the commands. */
  command(line) {
    this.child.stdin.write(`${line}\n`);
  }

  /** Triggers an event like a program that is not a browser page. */
  async trigger(room, event) {
    const response = await fetch(`${this.url}/dialogue/inspect/rooms/${room}/trigger`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(event),
    });
    if (!response.ok) throw new Error(await response.text());
  }

  /** Stops the server and returns its exit code. */
  async stop() {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill("SIGINT"); // without the delay after a SIGTERM
    const [code] = await once(this.child, "exit");
    return code;
  }
}

/** Opens the page in a separate browser profile and waits until it is live. */
export async function openInspector(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The page itself shows failed requests.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  await page.goto(`${url}/dialogue/inspect`);
  await page.locator("#state[data-state=live]").waitFor();
  return Object.assign(page, { errors });
}
