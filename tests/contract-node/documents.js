// The documents that the Rust side of this test has written.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.CONTRACT_DOCUMENTS;
if (!folder) {
  throw new Error("CONTRACT_DOCUMENTS is not set: run `cargo test -p dialogue-tests --test contract -- --ignored`");
}

/** The sets of rooms. */
export const SETS = ["rooms", "open", "alike", "every"];

/** The path of a document of a set of rooms. */
export function path(set, name) {
  return join(folder, set, name);
}

/** The text of a document of a set of rooms. */
export function text(set, name) {
  return readFileSync(path(set, name), "utf8");
}

/** The same document, parsed. */
export function json(set, name) {
  return JSON.parse(text(set, name));
}

/** A new, empty folder for generated code. */
export function empty(...names) {
  const path = join(folder, "generated", ...names);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}
