// The runner of the conformance suite for clients in any language, with client.js as such a client.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";
import { isOld } from "./support/client.js";

const folder = fileURLToPath(new URL("conformance/", import.meta.url));

/** Runs some scripts. Returns the exit code, and the lines that say what happened. */
async function runScripts(only, ...program) {
  const args = ["run.js", "--only", only, "--client", "javascript", "--", process.execPath, ...program];
  const ended = await promisify(execFile)(process.execPath, args, { cwd: folder }).catch((error) => error);
  return { code: ended.code ?? 0, lines: ended.stdout.trim().split("\n") };
}

test("a client in a program of its own passes the scripts", async () => {
  const topic = isOld ? "Close codes and keep-alive: the client" : "Recovery"; // the old client passes some of "Recovery"
  const { code, lines } = await runScripts(topic, "adapter.js");
  assert.match(lines.at(-1), /^[1-9]\d passed, 0 failed, \d+ skipped$/, lines.join("\n"));
  assert.equal(code, 0);
});

test("a program that ends fails", async () => {
  const program = `console.log('{"ready":{"clock":"virtual"}}')`;
  const { code, lines } = await runScripts("connect is the first frame", "-e", program);
  assert.match(lines.at(-1), /^0 passed, 1 failed, 0 skipped$/, lines.join("\n"));
  assert.equal(code, 1);
});

test("a program that does nothing fails", async () => {
  const idle = `console.log('{"ready":{"clock":"virtual"}}'); setInterval(() => {}, 1000)`;
  const program = `${idle}; process.stdin.on("data", () => console.log('{"passed":0}'))`;
  const { code, lines } = await runScripts("connect is the first frame", "-e", program);
  assert.match(lines.at(-1), /^0 passed, 1 failed, 0 skipped$/, lines.join("\n"));
  assert.equal(code, 1);
});
