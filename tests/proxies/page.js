// The configurations of docs/proxies.md. They are the ones that the tests run.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const PAGE = readFileSync(new URL("../../docs/proxies.md", import.meta.url), "utf8");

/** The code blocks of a proxy: its whole configuration, the lines for a prefix, and the lines for two servers. */
export function blocks(language) {
  const found = [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text]) => text);
  assert.equal(found.length, 3, `docs/proxies.md has another number of blocks for ${language} than the tests expect`);
  const [whole, prefix, two] = found;
  return { whole, prefix, two };
}

/** Replaces a part of a configuration. The part must be there. */
export function replace(config, part, text) {
  assert.ok(part.test?.(config) ?? config.includes(part), `there is no ${part} in:\n${config}`);
  return config.replace(part, () => text);
}

/** Puts a block in front of a part of a configuration. */
export function insert(config, block, part) {
  const at = config.indexOf(part);
  assert.notEqual(at, -1, `there is no ${part} in:\n${config}`);
  return config.slice(0, at) + block + config.slice(at);
}
