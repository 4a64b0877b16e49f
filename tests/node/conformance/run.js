// Runs the conformance suite (docs/conformance) against a client in any language:
//
//     node run.js [--only TEXT] [--longest MS] [--client NAME] -- PROGRAM [ARGUMENT…]
//
// Each script starts the program anew. `--only` takes the scripts whose name contains a text. `--longest` skips the
// scripts in which more time passes, for programs on a real clock. `--client` skips the scripts that this client of the
// repository does not pass yet. Prints one line for each script, and exits with 1 if a script failed.
import { parseArgs } from "node:util";
import { reasonToSkip, run, scripts } from "./script.js";
import { SocketStage } from "./socket-stage.js";

const { values, positionals: command } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    longest: { type: "string", default: "Infinity" },
    client: { type: "string" },
  },
  allowPositionals: true,
});
if (command.length === 0) {
  console.error("usage: node run.js [--only TEXT] [--longest MS] [--client NAME] -- PROGRAM [ARGUMENT…]");
  process.exit(2);
}

/** How much time passes in a script, in milliseconds. */
const duration = ({ steps }) => steps.reduce((sum, { passes = 0, opens = 0 }) => sum + passes + Number(opens), 0);

let [passed, failed, skipped] = [0, 0, 0];
for (const script of scripts().filter(({ name }) => name.includes(values.only))) {
  const because = duration(script) > Number(values.longest) ? "takes too long" : reasonToSkip(script, values.client);
  if (because) {
    skipped += 1;
    console.log(`skipped  ${script.name}: ${because}`);
    continue;
  }
  let stage;
  try {
    stage = await SocketStage.start(command, script.settings);
    await run(script, stage);
    passed += 1;
    console.log(`passed   ${script.name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED   ${script.name}\n${error.message}\n`);
  } finally {
    await stage?.end();
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
