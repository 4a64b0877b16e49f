// The pydantic models that datamodel-code-generator generates from the JSON Schema. They read and write what a real server
// sends without loss.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { SETS, empty, path } from "./documents.js";
import { erased, events, lossy, payloads } from "./frames.js";
import { python, throughPython } from "./run.js";

for (const set of SETS) {
  test(`the rooms of ${set} become models that Python imports`, () => {
    const folder = generate(set);
    assert.deepEqual(throughPython(folder, "datamodel", []), []);
  });
}

test("Python reads and writes every payload and every event", () => {
  const folder = generate("every");
  const envelopes = [...events, ...erased].map(({ type, ...envelope }) => ({ type: "Rooms", value: envelope }));
  const values = [...envelopes, ...payloads];
  assert.deepEqual(lossy(values, throughPython(folder, "datamodel", values)), []);
});

function generate(set) {
  const folder = empty(`datamodel-${set}`);
  const options = [
    ["--input", path(set, "schema.json")],
    ["--input-file-type", "jsonschema"],
    ["--output-model-type", "pydantic_v2.BaseModel"],
    ["--output", join(folder, "generated.py")],
    ["--formatters", "builtin"],
  ];
  python(["-W", "ignore", "-m", "datamodel_code_generator", ...options.flat()]);
  return folder;
}
