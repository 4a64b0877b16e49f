// The models that Modelina generates from the AsyncAPI document, in TypeScript, Java and Python. They compile, and read and
// write what a real server sends without loss.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  JAVA_JACKSON_PRESET,
  JavaFileGenerator,
  PYTHON_PYDANTIC_PRESET,
  PythonGenerator,
  TypeScriptGenerator,
} from "@asyncapi/modelina";

import { compile } from "./compiler.js";
import { SETS, empty, json } from "./documents.js";
import { frames, lossy } from "./frames.js";
import { throughJava, throughPython } from "./run.js";

/** The options that docs/contract.md recommends. */
const processorOptions = { interpreter: { ignoreAdditionalProperties: true } };

for (const set of SETS) {
  test(`the TypeScript for ${set} compiles`, async () => {
    assert.deepEqual(compile(await typescript(set)), []);
  });
}

/** The frames, except those with data that the code of a language has no place for. */
const without = (event) => frames.filter(({ value }) => value.event !== event);

/** The values on the wire of a generated type: the texts of its enums, instead of their names. */
const WIRE = `
  type Wire<T> = 0 extends 1 & T ? any
    : T extends string ? \`\${T}\`
    : T extends object ? { [K in keyof T]: Wire<T[K]> }
    : T;`;

test("every frame is a value of its TypeScript type", async () => {
  const files = await typescript("every");
  // Modelina puts undeclared properties into a property `additionalProperties`.
  const values = without("extra");
  const types = [...new Set(values.map(({ type }) => type))];
  const program = [
    WIRE,
    ...types.map((type) => `import type { ${type} } from "./${type}";`),
    ...values.map(({ type, value }, at) => `export const frame${at}: Wire<${type}> = ${JSON.stringify(value)};`),
  ];
  assert.deepEqual(compile({ ...files, "program.ts": program.join("\n") }), []);
});

test("Java reads and writes every frame", async () => {
  const folder = empty("modelina-java");
  const generator = new JavaFileGenerator({
    collectionType: "List",
    presets: [JAVA_JACKSON_PRESET],
    processorOptions,
  });
  await generator.generateToFiles(json("every", "asyncapi.json"), join(folder, "generated"), { packageName: "generated" });
  assert.deepEqual(lossy(frames, throughJava(folder, frames)), []);
});

test("Python reads and writes every frame", async () => {
  const folder = empty("modelina-python");
  const generator = new PythonGenerator({ presets: [PYTHON_PYDANTIC_PRESET], processorOptions });
  const models = await generator.generate(json("every", "asyncapi.json"));
  // All in one file: the files of types that contain one another would import one another in a circle.
  const imports = new Set(models.flatMap(({ dependencies }) => dependencies).filter((line) => !line.startsWith("from .")));
  const module = [...imports, ...models.map(({ result }) => result)].join("\n");
  writeFileSync(join(folder, "generated.py"), module);
  // Modelina has no type in Python for an item or a map value that may be `null`.
  const values = without("holes");
  assert.deepEqual(lossy(values, throughPython(folder, "modelina", values)), []);
});

/** The files that Modelina generates for a set of rooms, by name. */
async function typescript(set) {
  const generator = new TypeScriptGenerator({
    modelType: "interface",
    mapType: "record",
    rawPropertyNames: true,
    processorOptions,
  });
  const models = await generator.generateCompleteModels(json(set, "asyncapi.json"), { exportType: "named" });
  assert.ok(models.length > 0);
  return Object.fromEntries(models.map(({ modelName, result }) => [`${modelName}.ts`, result]));
}
