// A running proxy: a process without privileges, with its files in a temporary folder and on free ports.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { defer } from "./defer.js";

/** Debian installs servers here, where other users than root do not search. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** Proxies drop the privileges of root in ways of their own. So they never have them. */
const NOBODY = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};

/** The running proxies. They end even if a test does not reach its end. */
const children = new Set();
process.once("exit", () => children.forEach(kill));

/** The certificate of chat.example, signed by itself. */
const CERTIFICATE = makeCertificate();

function makeCertificate() {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "-"];
  const subject = ["-subj", "/CN=chat.example", "-addext", "subjectAltName=DNS:chat.example", "-days", "2"];
  const { status, stdout, stderr } = spawnSync("openssl", ["req", "-x509", ...key, ...subject], { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl failed: ${stderr}`);
  const part = (kind) => stdout.match(new RegExp(`-----BEGIN ${kind}-----.*?-----END ${kind}-----\n`, "s"))[0];
  return { cert: part("CERTIFICATE"), key: part("PRIVATE KEY") };
}

/** Free ports. All are taken before the first is freed, so that they differ. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

export class Running {
  /**
   * Starts a proxy with a configuration from the page, in front of servers at these addresses. Replaces only the ports,
   * the addresses of the servers, and the files of the certificate.
   */
  static async start(t, kind, config, [one, two = one]) {
    const folder = mkdtempSync(join(tmpdir(), `dialogue-${kind.name}-`));
    const [http, https] = await freePorts(2);
    const { cert, key } = CERTIFICATE;
    const files = { "chat.example.pem": cert, "chat.example.key": key, "chat.example.both.pem": cert + key };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    config = kind
      .complete(config, { folder, http, https })
      .replaceAll("127.0.0.1:3000", new URL(one).host)
      .replaceAll("127.0.0.1:3001", new URL(two).host)
      .replaceAll("/etc/ssl", folder)
      .replaceAll(/(?<=listen |bind ):?(?=(?:80|443)\b)/g, "127.0.0.1:")
      .replaceAll(/(?<=:)80\b/g, http)
      .replaceAll(/(?<=:)443\b/g, https);
    const file = join(folder, "config");
    writeFileSync(file, config);
    if (NOBODY.uid) {
      for (const path of ["", ...readdirSync(folder)]) chownSync(join(folder, path), NOBODY.uid, NOBODY.gid);
    }
    const running = new Running(kind, { folder, http, https, cert });
    defer(t, () => running.stop());
    await running.#launch(file, config);
    return running;
  }

  constructor(kind, fields) {
    Object.assign(this, { kind, output: "" }, fields);
    this.origin = `https://chat.example:${this.https}`;
  }

  async #launch(file, config) {
    const stdio = ["ignore", "pipe", "pipe"];
    // In a process group of its own, with the processes that it starts.
    const options = { ...NOBODY, env: { ...env, HOME: this.folder }, stdio, cwd: this.folder, detached: true };
    this.child = spawn(this.kind.command, this.kind.arguments(file, this.folder), options);
    children.add(this.child);
    this.child.once("error", (error) => (this.error = error));
    this.exited = new Promise((resolve) => this.child.once("close", resolve));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (text) => (this.output += text));
    for (const port of [this.http, this.https].filter((port) => config.includes(port))) {
      while (!(await accepts(port))) {
        if (this.error || this.child.exitCode !== null) {
          throw new Error(`${this.kind.name} did not start: ${this.error ?? this.log()}\n${config}`);
        }
        await wait(20);
      }
    }
  }

  /** What the proxy has printed, or written to its log. */
  log() {
    const file = join(this.folder, "log");
    return this.output + (existsSync(file) ? readFileSync(file, "utf8") : "");
  }

  /** Stops the proxy. Apache would wait ten seconds for its connections. */
  async stop() {
    if (this.child?.pid) {
      this.child.kill();
      const timer = setTimeout(kill, 500, this.child);
      await this.exited;
      clearTimeout(timer);
    }
    children.delete(this.child);
    if (existsSync(this.folder)) rmSync(this.folder, { recursive: true });
  }
}

/** Ends a proxy at once, with the processes that it has started. */
function kill({ pid, exitCode, signalCode }) {
  if (pid && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
}

/** Whether somebody listens at a port. */
async function accepts(port) {
  const socket = connect(port, "127.0.0.1");
  const accepted = await new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  return accepted;
}
