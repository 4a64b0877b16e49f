// Compiles the pages of the examples against the types that their servers serve: the client's types, with the rooms of the
// example in them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CHAT, Server, desk } from "../browser/server.js";

const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));
const page = (example) => fileURLToPath(new URL(`../../examples/${example}/page/`, import.meta.url));

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

let root;

before(() => (root = mkdtempSync(join(tmpdir(), "dialogue-page-"))));
after(() => rmSync(root, { recursive: true }));

/** A folder with the types that the server of an example serves. */
async function typesOf(example) {
  const folder = join(root, example);
  mkdirSync(join(folder, "dialogue"), { recursive: true });
  const server = await Server.start(0, example === "desk" ? desk(folder) : CHAT);
  const served = await fetch(new URL("/dialogue/client.d.ts", server.url));
  assert.equal(served.status, 200);
  writeFileSync(join(folder, "dialogue", "client.d.ts"), await served.text());
  assert.equal(await server.stop(), 0);
  return folder;
}

/** Compiles these files as if they and the served types were in one folder. Returns the compiler's output, if it fails. */
function compile(folder, example, files) {
  const options = { ...compilerOptions, rootDirs: [page(example), "."] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files }));
  const { status, stdout, stderr } = spawnSync(process.execPath, [TSC, "--project", folder], { encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

for (const example of ["chat", "desk"]) {
  test(`the page of ${example} compiles against the types that its server serves`, async () => {
    const scripts = readdirSync(page(example)).filter((file) => file.endsWith(".js"));
    assert.ok(scripts.length > 0);
    const folder = await typesOf(example);
    assert.equal(compile(folder, example, scripts.map((file) => join(page(example), file))), "");
  });
}

test("a page with mistakes about the chat's rooms does not compile", async () => {
  const folder = await typesOf("chat");
  writeFileSync(join(folder, "mistakes.js"), MISTAKES);
  assert.equal(compile(folder, "chat", ["mistakes.js"]), "");
});
