// The code that quicktype generates from the JSON Schema, in several languages. That in TypeScript, Python and Java
// compiles, and reads and writes the payloads of a real server without loss.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { InputData, JSONSchemaInput, quicktype, quicktypeMultiFile } from "quicktype-core";
import ts from "typescript";

import { compile } from "./compiler.js";
import { SETS, empty, text } from "./documents.js";
import { lossy, payloads } from "./frames.js";
import { throughJava, throughPython } from "./run.js";

/** The definitions of the JSON Schema of a set of rooms, each as a type. Without `uris`, the whole document is one type. */
async function input(set, uris = ["#/$defs/"]) {
  const schemas = new JSONSchemaInput(undefined);
  await schemas.addSource({ name: "Rooms", schema: text(set, "schema.json"), ...(uris && { uris }) });
  const input = new InputData();
  input.addInput(schemas);
  return input;
}

/** The types of the payloads. quicktype would merge the events of a room into one class. */
const PAYLOADS = [...new Set(payloads.map(({ type }) => `#/$defs/${type}`))];

/** The payloads, except the one with undeclared properties: quicktype's classes in Python and Java have no place for them. */
const declared = payloads.filter(({ type }) => type !== "Extra");

for (const set of SETS) {
  test(`the TypeScript for ${set} compiles`, async () => {
    for (const uris of [["#/$defs/"], undefined]) {
      const { lines } = await quicktype({ inputData: await input(set, uris), lang: "typescript" });
      assert.deepEqual(compile({ "generated.ts": lines.join("\n") }), []);
    }
  });
}

test("the rooms become types in other languages", async () => {
  for (const lang of ["csharp", "go", "kotlin", "rust", "swift"]) {
    const { lines } = await quicktype({ inputData: await input("every"), lang });
    assert.ok(lines.length > 10, lang);
  }
});

test("TypeScript reads and writes every payload", async () => {
  const { lines } = await quicktype({ inputData: await input("every", PAYLOADS), lang: "typescript" });
  const file = join(empty("quicktype-typescript"), "generated.mjs");
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  writeFileSync(file, ts.transpile(lines.join("\n"), options));
  const { Convert } = await import(pathToFileURL(file));
  const written = payloads.map(({ type, value }) => {
    try {
      const read = Convert[`to${type}`](JSON.stringify(value));
      return JSON.parse(Convert[`${type[0].toLowerCase()}${type.slice(1)}ToJson`](read));
    } catch (error) {
      return { error: error.message };
    }
  });
  assert.deepEqual(lossy(payloads, written), []);
});

test("Python reads and writes every payload", async () => {
  const { lines } = await quicktype({
    inputData: await input("every", PAYLOADS),
    lang: "python",
    rendererOptions: { "python-version": "3.7" },
  });
  const folder = empty("quicktype-python");
  writeFileSync(join(folder, "generated.py"), lines.join("\n"));
  assert.deepEqual(lossy(declared, throughPython(folder, "quicktype", declared)), []);
});

test("Java reads and writes every payload", async () => {
  const files = await quicktypeMultiFile({
    inputData: await input("every", PAYLOADS),
    lang: "java",
    rendererOptions: { package: "generated", "array-type": "list" },
  });
  const folder = empty("quicktype-java");
  empty("quicktype-java", "generated");
  for (const [name, { lines }] of files) {
    // Debian's Jackson declares one exception more than the original.
    const java = lines.join("\n").replaceAll("throws JsonProcessingException", "throws IOException");
    writeFileSync(join(folder, "generated", name), java);
  }
  assert.deepEqual(lossy(declared, throughJava(folder, declared)), []);
});
