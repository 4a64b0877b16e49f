// Compares each payload type with the output of json-schema-to-typescript for the same schema: each must be assignable
// to the other.
import assert from "node:assert/strict";
import { test } from "node:test";

import { compile as translate } from "json-schema-to-typescript";

import { compile } from "./compiler.js";
import { json, text } from "./documents.js";

for (const set of ["rooms", "open", "every"]) {
  test(`the payloads of ${set} match the output of json-schema-to-typescript`, async () => {
    const { components } = json(set, "asyncapi.json");
    // The document also has the types of frames.
    const { $defs } = json(set, "schema.json");
    const names = Object.keys(components.schemas).filter((name) => name in $defs);
    assert.ok(names.length > 0);
    const all = {
      type: "object",
      required: names,
      properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/schemas/${name}` }])),
      components,
    };
    const theirs = await translate(all, "All", {
      // As in our types, an undeclared property is a mistake.
      additionalProperties: false,
      // Lengths are for the server to check, but tuples stay tuples.
      ignoreMinAndMaxItems: false,
      format: false,
    });
    const program = [
      `import type * as ours from "./client.js";`,
      `import type { All } from "./theirs.js";`,
      `type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : "theirs is wider") : "ours is wider";`,
      `type Part<A, B> = [A] extends [B] ? true : "ours is wider";`,
      ...names.map((name) => {
        // The AsyncAPI document leaves out properties that must be absent, so their type is wider.
        const compare = mustLackProperties($defs, name) ? "Part" : "Same";
        return `export const _${name}: ${compare}<ours.${name}, All["${name}"]> = true;`;
      }),
    ];
    const found = compile({
      "client.d.ts": text(set, "client.d.ts"),
      "theirs.d.ts": theirs,
      "program.ts": program.join("\n"),
    });
    assert.deepEqual(found, [], theirs);
  });
}

/** Whether a type, or a type that it refers to, has a property that nothing satisfies. */
function mustLackProperties(types, name, seen = new Set()) {
  const text = JSON.stringify(types[name]);
  seen.add(name);
  const others = [...text.matchAll(/"#\/\$defs\/(\w+)"/g)].map(([, other]) => other).filter((other) => !seen.has(other));
  return text.includes(`{"not":{}}`) || others.some((other) => mustLackProperties(types, other, seen));
}
