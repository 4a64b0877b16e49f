// The types: the client compiles with its own types, the published types agree with it, and `types/rooms.ts` checks
// which uses they accept and reject.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PACKAGE = new URL("../../dialogue/npm/", import.meta.url);

/** Compiles a project and returns the compiler's output, or an empty string on success. */
function compile(project) {
  const tsc = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "--project", project], { encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

test("the client and its types compile", () => {
  assert.equal(compile(fileURLToPath(new URL("tsconfig.json", import.meta.url))), "");
});

const BUNDLER = { module: "esnext", moduleResolution: "bundler" };

for (const [name, options] of [
  ["Node's resolution", { module: "node16", moduleResolution: "node16" }],
  ["the latest of Node's resolutions", { module: "nodenext" }],
  ["a bundler's resolution", BUNDLER],
  ["exact optional properties", { ...BUNDLER, exactOptionalPropertyTypes: true }],
  ["no types of a browser", { ...BUNDLER, lib: ["es2022"] }],
  ["everything strict", { module: "nodenext", exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, lib: ["es2022"] }],
]) {
  test(`a program that uses the package compiles with ${name}`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "dialogue-types-"));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "node_modules/@dialogue-rs"), { recursive: true });
    symlinkSync(fileURLToPath(PACKAGE), join(folder, "node_modules/@dialogue-rs/client"));
    copyFileSync(new URL("types/program.ts", import.meta.url), join(folder, "program.ts"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const compilerOptions = { strict: true, skipLibCheck: false, noEmit: true, target: "es2022", types: [], ...options };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
    assert.equal(compile(folder), "");
  });
}

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
