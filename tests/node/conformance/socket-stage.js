// The stage of a script with a real WebSocket, and with the client in a program of its own. The runner and the program
// exchange JSON, one object a line, over the program's standard input and output. docs/conformance/README.md defines
// the lines.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const PATIENCE_MS = 5_000; // for what must happen
const QUIET_MS = 10; // in which nothing more happens, so the client has done all that it does at once

export class SocketStage {
  #program;
  #server;
  #clock; // "virtual" if the program has a clock of its own that the runner moves
  #passed = () => {};
  #seen = [];
  #waiting = []; // connections that the script has not accepted
  #socket;
  #frames = [];
  /** @type {object[][]} */
  #earlier = []; // the frames of earlier connections
  #changes = 0;

  /** Starts a server and the program with a client for it. */
  static async start(command, settings) {
    const stage = new SocketStage();
    stage.#server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(stage.#server, "listening");
    stage.#server.on("connection", (socket) => stage.#accept(socket));
    stage.#program = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
    stage.#program.on("error", (error) => stage.#fail(error.message));
    stage.#program.on("exit", (code) => stage.#fail(`the program ended with ${code}`));
    stage.#program.stdin.on("error", () => {}); // the program has ended, which `exit` reports
    createInterface(stage.#program.stdout).on("line", (line) => stage.#hears(line));
    const url = `ws://127.0.0.1:${stage.#server.address().port}/dialogue/ws`;
    stage.#tell({ start: { url, credentials: [{ token: "t1" }], ...settings } });
    if (!(await stage.#until(() => stage.#clock))) throw new Error("the program did not say that it is ready");
    return stage;
  }

  async end() {
    this.#program.removeAllListeners("exit");
    this.#program.kill();
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  async call(call) {
    this.#tell({ call });
  }

  async opened(within) {
    await this.pass(within);
    // A client that noticed the loss of its connection a moment late opens the next one late.
    if (!(await this.#until(() => this.#waiting.length > 0, PATIENCE_MS / 10))) await this.pass(within);
    if (!(await this.#until(() => this.#waiting.length > 0))) return false;
    this.#earlier.push(this.#frames);
    ({ socket: this.#socket, frames: this.#frames } = this.#waiting.shift());
    return true;
  }

  async frames(count) {
    await this.#until(() => this.#frames.length >= count);
    await this.#quiet();
    return this.#frames.splice(0);
  }

  async strays() {
    await this.#quiet();
    return this.#earlier.flatMap((frames) => frames.splice(0));
  }

  async receive(...texts) {
    for (const text of texts) this.#socket.send(text);
    await this.#quiet();
  }

  async close(code, reason) {
    this.#socket.close(code, reason);
    await this.hungUp();
    await this.#quiet();
  }

  async lose() {
    this.#socket.terminate();
    await this.#quiet();
  }

  hungUp() {
    return this.#until(() => this.#socket.readyState === this.#socket.CLOSED);
  }

  async pass(ms) {
    await this.#quiet();
    if (this.#clock === "real") return new Promise((resolve) => setTimeout(resolve, ms));
    let hasPassed = false;
    this.#passed = () => (hasPassed = true);
    this.#tell({ passes: ms });
    if (!(await this.#until(() => hasPassed))) throw new Error(`the program did not answer that ${ms} ms have passed`);
    return this.#quiet();
  }

  async seen(count) {
    await this.#until(() => this.#seen.length >= count);
    await this.#quiet();
    return this.#seen.splice(0);
  }

  async isIdle() {
    await this.#quiet();
    return this.#waiting.length === 0;
  }

  /** Whether the client has a clock that the runner moves. Otherwise, scripts take as long as they say. */
  get isVirtual() {
    return this.#clock === "virtual";
  }

  #tell(line) {
    this.#program.stdin.write(`${JSON.stringify(line)}\n`);
  }

  #hears(line) {
    this.#changes += 1;
    let told;
    try {
      told = JSON.parse(line);
    } catch {
      return this.#fail(`the program wrote a line that is not JSON: ${line}`);
    }
    const { ready, sees, passed } = told;
    if (ready) this.#clock = ready.clock;
    if (sees) this.#seen.push(sees);
    if (passed !== undefined) this.#passed();
  }

  #accept(socket) {
    const frames = [];
    this.#changes += 1;
    this.#waiting.push({ socket, frames });
    socket.on("error", () => {}); // a close follows
    socket.on("message", (data) => {
      this.#changes += 1;
      frames.push(JSON.parse(String(data)));
    });
  }

  #fail(message) {
    this.#seen.push({ failed: message });
  }

  /** Waits until something holds, for a limited time. Returns whether it does. */
  async #until(holds, patience = PATIENCE_MS) {
    for (const end = Date.now() + patience; !holds(); await pause(1)) if (Date.now() > end) return false;
    return true;
  }

  async #quiet() {
    for (let before = -1; before !== this.#changes; await pause(QUIET_MS)) before = this.#changes;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
