// The client's package, as npm would install it: a folder in `node_modules` with the files that the package publishes.
// Tools treat such a folder differently than a link to another one. Each run of the tests copies today's files.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const SOURCE = new URL("../../../dialogue/npm/", import.meta.url);
const TARGET = new URL("../node_modules/@dialogue-rs/client/", import.meta.url);

export function installClient() {
  mkdirSync(TARGET, { recursive: true });
  const { files } = JSON.parse(readFileSync(new URL("package.json", SOURCE), "utf8"));
  for (const file of ["package.json", ...files]) {
    // A rename is atomic: another test file may read the package now.
    const copy = new URL(`${file}.${process.pid}`, TARGET);
    writeFileSync(copy, readFileSync(new URL(file, SOURCE)));
    renameSync(copy, new URL(file, TARGET));
  }
}
