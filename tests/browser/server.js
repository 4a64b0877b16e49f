// The chat example in a separate process, started on a free port or on its previous port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const CHAT = process.env.CHAT_EXECUTABLE ?? "../../target/debug/chat";

export class Server {
  /** Starts the example and waits until it listens. */
  static async start(port = 0) {
    const child = spawn(CHAT, { env: { ...process.env, PORT: String(port) }, stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface(child.stdout)) {
      const url = line.match(/http:\/\/[\d.]+:\d+/)?.[0];
      if (url) return new Server(child, url);
    }
    throw new Error(`${CHAT} exited before it listened`);
  }

  /** Starts the example with a value of `PORT` that it cannot use. Returns its exit code and what it prints as errors. */
  static async failsToStart(port) {
    const child = spawn(CHAT, { env: { ...process.env, PORT: port }, stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.on("data", (bytes) => (output += bytes));
    const [code] = await once(child, "close");
    return { code, output };
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  /** Stops the server and returns its exit code. */
  async stop() {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill("SIGINT"); // without the delay after a SIGTERM
    const [code] = await once(this.child, "exit");
    return code;
  }

  /** Starts a new process on the same port. It knows nothing about the old process's rooms. */
  async restart() {
    await this.stop();
    return Server.start(new URL(this.url).port);
  }
}
