// The recipes in the tools of a project: the TypeScript compiler with its strictest options, and Jest.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server } from "../browser/server.js";
import { installClient } from "./support/package.js";
import { ROOT } from "./support/root.js";

let chat;

before(async () => {
  installClient();
  chat = await Server.start();
  const types = await fetch(new URL("/dialogue/client.d.ts", chat.url));
  writeFileSync(join(ROOT, "src/rooms.d.ts"), await types.text());
});
after(async () => assert.equal(await chat.stop(), 0));

/** Runs a program of a package here. */
function run(script, ...options) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "node_modules", script), ...options], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout + stderr;
}

test("the recipes compile with `exactOptionalPropertyTypes` against the types that a server serves", () => {
  run("typescript/bin/tsc", "--project", ROOT);
});

test("Jest runs the test of a component that imports the client", () => {
  run("jest/bin/jest.js", "src");
});

test("Jest runs a component that connects with the WebSocket of jsdom", () => {
  run("jest/bin/jest.js", "jest", "--testEnvironmentOptions", JSON.stringify({ url: chat.url }));
});
