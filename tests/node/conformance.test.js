// The conformance suite (docs/conformance) against a client in JavaScript, with a fake socket on a clock that stands
// still. `support/client.js` says which client it is; the variable CLIENT_FILE names any other, as a path from here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStage } from "./conformance/fake-stage.js";
import { reasonToSkip, run, scripts } from "./conformance/script.js";
import { sinceOld } from "./conformance/since.js";
import { clientUrl, onlyToday } from "./support/client.js";

const { CLIENT_FILE } = process.env;
const { DialogueClient } = await import(CLIENT_FILE ? new URL(CLIENT_FILE, import.meta.url).href : clientUrl.href);
const all = scripts();

/** Why a script does not run: today's client does not pass it yet, or the old one behaves differently. */
function skipOf(script) {
  const because = reasonToSkip(script, "javascript");
  const since = sinceOld(script);
  if (because) return { skip: because };
  return since ? onlyToday(since) : {};
}

for (const script of all) {
  test(script.name, skipOf(script), async () => {
    const stage = new FakeStage(DialogueClient, script.settings);
    try {
      await run(script, stage);
    } finally {
      await stage.end();
    }
  });
}

test("every script has its own name", () => {
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
});
