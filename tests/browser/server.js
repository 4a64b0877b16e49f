// The chat example as a process of its own: started on a free port, or on the one that it had before.
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
    throw new Error(`${CHAT} ended before it listened`);
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  /** Asks it to end and returns its exit code. */
  async stop() {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill("SIGTERM");
    const [code] = await once(this.child, "exit");
    return code;
  }

  /** A new process on the same port, which knows nothing of the old one's rooms. */
  async restart() {
    await this.stop();
    return Server.start(new URL(this.url).port);
  }
}
