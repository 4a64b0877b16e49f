// The client under test: today's, or the old one (see `old-client/README.md`) if the variable `CLIENT` is `old`.
import assert from "node:assert/strict";

const FILES = { today: "../../../dialogue/npm/client.js", old: "../old-client/client.js" };
const client = process.env.CLIENT ?? "today";
assert.ok(client in FILES, `CLIENT is one of ${Object.keys(FILES).join(", ")}`);

export const clientUrl = new URL(FILES[client], import.meta.url);
export const isOld = client === "old";

/** The options of a test that does not apply to the old client, for this reason. */
export const onlyToday = (reason) => ({ skip: isOld && reason });
