// An example in a separate process, started on a free port or on its previous port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const executable = (name) => fileURLToPath(new URL(`../../target/debug/${name}`, import.meta.url));

/** The chat, which forgets everything when it ends. */
export const CHAT = { command: process.env.CHAT_EXECUTABLE ?? executable("chat") };
/** The desk, whose files are in this folder. */
export const desk = (folder) => ({ command: process.env.DESK_EXECUTABLE ?? executable("desk"), folder });
/** The chat with a store, whose files are in this folder. */
export const storedChat = (folder) => ({
  command: process.env.STORED_CHAT_EXECUTABLE ?? executable("stored_chat"),
  folder,
});

function run({ command, folder }, port, stdio) {
  return spawn(command, { cwd: folder, env: { ...process.env, PORT: String(port) }, stdio });
}

export class Server {
  /** Starts a program and waits until it listens. */
  static async start(port = 0, program = CHAT) {
    const child = run(program, port, ["ignore", "pipe", "inherit"]);
    for await (const line of createInterface(child.stdout)) {
      const url = line.match(/http:\/\/[\d.]+:\d+/)?.[0];
      if (url) return new Server(child, url, program);
    }
    throw new Error(`${program.command} exited before it listened`);
  }

  /** Starts a program that cannot run with this value of `PORT`. Returns its exit code and what it prints as errors. */
  static async failsToStart(port, program = CHAT) {
    const child = run(program, port, ["ignore", "ignore", "pipe"]);
    let output = "";
    child.stderr.on("data", (bytes) => (output += bytes));
    const [code] = await once(child, "close");
    return { code, output };
  }

  constructor(child, url, program) {
    this.child = child;
    this.url = url;
    this.program = program;
  }

  /** Stops the server and returns its exit code. */
  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill("SIGINT"); // without the delay after a SIGTERM
    const [code] = await once(this.child, "exit");
    return code;
  }

  /** Ends the process at once, wherever it is. */
  async kill() {
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }

  /** Starts a new process on the same port. A chat knows nothing about the old process's rooms. */
  async restart() {
    await this.stop();
    return Server.start(new URL(this.url).port, this.program);
  }
}
