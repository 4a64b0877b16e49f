// The programs in docs/typed-front-end.md: they compile, and each line that the page calls a mistake does not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { compile } from "./compiler.js";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const blocks = [...read("docs/typed-front-end.md").matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
const begins = (text) => {
  const found = blocks.filter((code) => code.startsWith(text));
  assert.equal(found.length, 1, `one block begins with ${text}`);
  return found[0];
};

const rooms = begins("export type Message");
const client = begins("import { DialogueClient } from");
const chat = begins("import { DialogueError }");
const mistakes = begins("await client.join(\"chta\")").trim().split("\n");
const family = begins("const project =");
const anywhere = begins("import { DialogueClient, type AnyRooms }");

const check = (program) =>
  compile({
    "package.d.ts": read("dialogue/npm/client.d.ts"),
    "rooms.d.ts": rooms,
    "dialogue.ts": client.replace("@dialogue-rs/client", "./package.js"),
    "program.ts": program.replaceAll("@dialogue-rs/client", "./package.js"),
  });

test("every block of the page is tested", () => {
  assert.equal(blocks.length, 6);
});

test("the programs compile", () => {
  assert.deepEqual(check(chat), []);
  assert.deepEqual(check(`${chat}\n${family}`), []);
  assert.deepEqual(check(anywhere), []);
});

for (const mistake of mistakes) {
  test(`does not compile: ${mistake}`, () => {
    const found = check(`${chat}\n${mistake}`);
    assert.equal(found.length, 1, JSON.stringify(found));
  });
}
