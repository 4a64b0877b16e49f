// The script that bundles the client's modules: what it joins, and which mistakes it rejects.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { bundle } from "../../dialogue/npm/bundle.js";

let folder;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "dialogue-bundle-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Bundles these modules, by file. */
function bundled(modules) {
  for (const [file, code] of Object.entries(modules)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), code);
  }
  return bundle(folder);
}

const ENTRY = `// A client.\n\nexport { Client } from "./client.js";\n`;

test("a bundle exports what the entry exports, and importers come before what they import", async () => {
  const text = bundled({
    "index.js": ENTRY,
    "client.js": `// The client.\n\nimport { helper } from "./deep/helper.js";\n/** @import * as Public from "../client.js" */\n
export class Client {\n  help = () => helper();\n}\n`,
    "deep/helper.js": `// A helper.\n\n/** @import { Options } from "../../client.js" */\n
/** @typedef {number} Help */\n\n/** @returns {Help} */\nexport function helper() {\n  return 1;\n}\n`,
  });
  const [, body] = text.split(/^\/\/ A client\.\n\n/m);
  assert.equal(body, `/** @import * as Public from "./client.js" */
/** @import { Options } from "./client.js" */

// ==== client.js ====
// The client.

export class Client {
  help = () => helper();
}

// ==== deep/helper.js ====
// A helper.

/** @typedef {number} Help */

/** @returns {Help} */
function helper() {
  return 1;
}
`);
  const module = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  assert.deepEqual(Object.keys(module), ["Client"]);
  assert.equal(new module.Client().help(), 1);
});

const MISTAKES = {
  "a circular import": [
    `import { other } from "./other.js";\nexport class Client {}\n`,
    `import { Client } from "./client.js";\nexport const other = () => Client;\n`,
    /circular import: index\.js → client\.js → other\.js → client\.js/,
  ],
  "a circular import of types": [
    `import { other } from "./other.js";\nexport class Client {}\n`,
    `/** @import { Client } from "./client.js" */\nexport const other = () => 1;\n`,
    /circular import/,
  ],
  "a file that nothing imports": [`export class Client {}\n`, `const other = 1;\n`, /other\.js is not imported/],
  "an export that nothing imports": [
    `import { other } from "./other.js";\nexport class Client {}\n`,
    `export const other = 1;\nexport const spare = 2;\n`,
    /no module imports the exported name spare/,
  ],
  "an import of a name that is not exported": [
    `import { other } from "./other.js";\nexport class Client {}\n`,
    `const other = 1;\n`,
    /other\.js does not export other/,
  ],
  "one name in two modules": [
    `import { other } from "./other.js";\nconst LIMIT = 1;\nexport class Client {}\n`,
    `const LIMIT = 2;\nexport const other = 1;\n`,
    /LIMIT is declared in client\.js and in other\.js/,
  ],
  "an import under another name": [
    `import { other as mine } from "./other.js";\nexport class Client {}\n`,
    `export const other = 1;\n`,
    /does not export other as mine/,
  ],
  "an import of a whole module": [
    `import * as other from "./other.js";\nexport class Client {}\n`,
    `export const other = 1;\n`,
    /does not understand `import \* as other/,
  ],
  "a default export": [
    `import { other } from "./other.js";\nexport class Client {}\n`,
    `export default class {}\nexport const other = 1;\n`,
    /does not understand `export default/,
  ],
};
for (const [mistake, [client, other, message]] of Object.entries(MISTAKES)) {
  test(`${mistake} is rejected`, () => {
    assert.throws(() => bundled({ "index.js": ENTRY, "client.js": client, "other.js": other }), { message });
  });
}
