// Compiles the chat example's page against the types that its server serves: the client's types, with the chat's own
// rooms in them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../browser/server.js";

const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));
const PAGE = fileURLToPath(new URL("../../examples/chat/page/", import.meta.url));

const compilerOptions = {
  allowJs: true,
  checkJs: true,
  strict: false, // as in editors: the page is an example to read, and has annotations only where they help
  noEmit: true,
  target: "es2024",
  module: "esnext",
  moduleResolution: "bundler",
  lib: ["es2024", "dom", "dom.iterable"],
  types: [],
  // The page and the served types, as if they were in one folder.
  rootDirs: [PAGE, "."],
};

// Mistakes that a page with these rooms could make: each line under `@ts-expect-error` must be an error.
const MISTAKES = `
import { DialogueClient } from "./dialogue/client.js";

const client = new DialogueClient();
const chat = await client.join("chat");
chat.on("message", ({ data }) => data.text.trim());
await chat.trigger("message", { text: "hello" });
// @ts-expect-error there is no such event
chat.on("massage", () => {});
// @ts-expect-error the payload has no such field
chat.on("message", ({ data }) => data.body);
// @ts-expect-error only the server triggers it
await chat.trigger("user-joined", { username: "ada" });
// @ts-expect-error there is no such room
await client.join("attic");
`;

let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "dialogue-page-"));
  const server = await Server.start();
  const served = await fetch(new URL("/dialogue/client.d.ts", server.url));
  assert.equal(served.status, 200);
  mkdirSync(join(folder, "dialogue"));
  writeFileSync(join(folder, "dialogue", "client.d.ts"), await served.text());
  assert.equal(await server.stop(), 0);
});
after(() => rmSync(folder, { recursive: true }));

/** Compiles these files and returns the compiler's output, or an empty string on success. */
function compile(files) {
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const { status, stdout, stderr } = spawnSync(process.execPath, [TSC, "--project", folder], { encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

test("the page compiles against the types that its server serves", () => {
  const scripts = readdirSync(PAGE).filter((file) => file.endsWith(".js"));
  assert.ok(scripts.length > 0);
  assert.equal(compile(scripts.map((file) => join(PAGE, file))), "");
});

test("a page with mistakes about the chat's rooms does not compile", () => {
  writeFileSync(join(folder, "mistakes.js"), MISTAKES);
  assert.equal(compile(["mistakes.js"]), "");
});
