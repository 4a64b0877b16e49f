// The server of `tests/src/bin/served.rs` in a separate process. It accepts pages of one other origin.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const SERVED = process.env.SERVED_EXECUTABLE ?? "../../target/debug/served";

export class Served {
  static async start(origin) {
    const env = { ...process.env, ALLOW_ORIGIN: origin };
    const child = spawn(SERVED, { env, stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface(child.stdout)) {
      const address = line.match(/[\d.]+:\d+/)?.[0];
      if (address) return Object.assign(new Served(), { child, url: `http://${address}` });
    }
    throw new Error(`${SERVED} exited before it listened`);
  }

  async stop() {
    this.child.kill("SIGINT"); // without the delay after a SIGTERM
    const [code] = await once(this.child, "exit");
    return code;
  }
}
