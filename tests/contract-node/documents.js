// The documents that the Rust side of this test has written.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.CONTRACT_DOCUMENTS;
if (!folder) {
  throw new Error("CONTRACT_DOCUMENTS is not set: run `cargo test -p dialogue-tests --test contract -- --ignored`");
}

/** The text of a document of a set of rooms: `rooms`, `open` or `alike`. */
export function text(set, name) {
  return readFileSync(join(folder, set, name), "utf8");
}

/** The same document, parsed. */
export function json(set, name) {
  return JSON.parse(text(set, name));
}
