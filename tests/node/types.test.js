// The types: the client compiles with its own types, the published types agree with it, and `types/rooms.ts` checks
// which uses they accept and reject.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const PACKAGE = new URL("../../dialogue/npm/", import.meta.url);

test("the client and its types compile", () => {
  const tsc = new URL("node_modules/typescript/bin/tsc", import.meta.url).pathname;
  const project = new URL("tsconfig.json", import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "--project", project], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
});

test("the place for a server's own rooms is marked", () => {
  const types = readFileSync(new URL("client.d.ts", PACKAGE), "utf8");
  assert.match(types, /^\/\/ <rooms>\n[^]*^export interface Rooms \{[^]*^\/\/ <\/rooms>\n/m);
});

test("the package has no dependencies and contains every file that it names", () => {
  const { dependencies, exports, files } = JSON.parse(readFileSync(new URL("package.json", PACKAGE), "utf8"));
  assert.equal(dependencies, undefined);
  assert.deepEqual([exports["."].default, exports["."].types], files.map((file) => `./${file}`));
  for (const file of files) assert.ok(readFileSync(new URL(file, PACKAGE)));
  assert.doesNotMatch(readFileSync(new URL("client.js", PACKAGE), "utf8"), /^\s*import\s/m);
});
