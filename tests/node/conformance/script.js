// Reads the scripts in docs/conformance, and runs the steps of one against a client on a stage. A stage is the server's
// side of the connection, the user's side of the client, and the clock: see `Stage` below.
import { readFileSync, readdirSync } from "node:fs";
import { fill, mismatch, mismatchOfSets } from "./match.js";

const VERSION = 1;
const FOLDER = new URL("../../../docs/conformance/", import.meta.url);
const SETUPS = "setups.json";
const OTHER_FILES = [SETUPS, "schema.json"];
const SETTINGS = ["credentials", "timeout", "maxPending"];
const FIELDS = ["name", "about", "rule", "forEach", "skip", "steps", ...SETTINGS];

/** @returns every script of the suite, one for each value of its `forEach` */
export function scripts(folder = FOLDER) {
  const { values, setups } = read(folder, SETUPS);
  const files = readdirSync(folder).filter((file) => file.endsWith(".json") && !OTHER_FILES.includes(file));
  return files.sort().flatMap((file) => {
    const topic = read(folder, file);
    const bound = new Map(Object.entries({ ...values, ...topic.values }).map(([name, value]) => [`$${name}`, value]));
    return topic.scripts.flatMap((script) => variants(script, bound, setups, topic.topic));
  });
}

function read(folder, file) {
  const content = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  if (content.version !== VERSION) throw new Error(`${file} has version ${content.version}, this runner has ${VERSION}`);
  return content;
}

function variants(script, bound, setups, topic) {
  const unknown = Object.keys(script).find((field) => !FIELDS.includes(field));
  if (unknown) throw new Error(`${script.name}: unknown field ${unknown}`);
  const [[variable, options]] = Object.entries(script.forEach ?? { "": [undefined] });
  return options.map((option) => ({
    name: `${topic}: ${script.name}${option === undefined ? "" : ` (${option})`}`,
    settings: Object.fromEntries(SETTINGS.filter((name) => name in script).map((name) => [name, script[name]])),
    skip: script.skip,
    steps: inOrder(script.steps, setups),
    bound: new Map([...bound, ...(option === undefined ? [] : [[`$${variable}`, option]])]),
  }));
}

/** Why one of the clients of this repository does not pass a script yet, or undefined if it passes. */
export function reasonToSkip({ skip }, client) {
  return skip?.clients.includes(client) ? skip.because : undefined;
}

/** The steps with those of each setup in its place. */
function inOrder(steps, setups) {
  return steps.flatMap((step) => {
    if (!step.setup) return [step];
    if (!setups[step.setup]) throw new Error(`there is no setup ${step.setup}`);
    return inOrder(setups[step.setup], setups);
  });
}

/**
 * @typedef Stage All methods are asynchronous. They return when the client has done everything that it does at once.
 * @property {(call: object) => Promise<void>} call the user calls a method
 * @property {(within: number) => Promise<boolean>} opened accepts a connection that the client opens within this time
 * @property {(count: number) => Promise<object[]>} frames the client's frames since the last call; at least `count` are due
 * @property {(...texts: string[]) => Promise<void>} receive the server sends messages, one right after another
 * @property {(code: number, reason: string) => Promise<void>} close the server closes the connection
 * @property {() => Promise<void>} lose the connection ends without a close frame
 * @property {() => Promise<boolean>} hungUp whether the client has closed the connection
 * @property {() => Promise<object[]>} strays the frames on earlier connections that no step has taken
 * @property {(ms: number) => Promise<void>} pass time passes
 * @property {(count: number) => Promise<object[]>} seen what the user saw since the last call; at least `count` are due
 * @property {() => Promise<boolean>} isIdle whether no connection waits that the script has not accepted
 */

/**
 * Runs a script. Throws if the client does anything else than the script says.
 *
 * @param {{ steps: object[], bound: Map<string, any> }} script
 * @param {Stage} stage
 */
export async function run({ steps, bound: values }, stage) {
  const bound = new Map(values);
  for (const [index, step] of [...steps, { sends: [] }, { sees: [] }, { opens: false }].entries()) {
    const found = await take(step, bound, stage).catch((error) => error.stack);
    const where = index < steps.length ? `step ${index + 1} ${JSON.stringify(step)}` : "after the last step";
    if (found) throw new Error(`${where}\n${found}`);
  }
  const found = await strays(stage);
  if (found) throw new Error(`after the last step\n${found}`);
}

/** What the client sent on a connection that has ended, and the script did not expect. */
async function strays(stage) {
  const frames = await stage.strays();
  return frames.length > 0 ? `the client also sent, on an earlier connection: ${JSON.stringify(frames)}` : undefined;
}

async function take(step, bound, stage) {
  const [[name, argument], ...others] = Object.entries(step);
  if (others.length > 0) throw new Error("a step has one field");
  switch (name) {
    case "call":
      return stage.call(fill(argument, bound));
    case "opens":
      if (argument === false) return (await stage.isIdle()) ? undefined : "the client opened a connection";
      if (!(await stage.opened(argument))) return `the client opened no connection within ${argument} ms`;
      return strays(stage);
    case "sends":
      return mismatch(argument, await stage.frames(argument.length), bound);
    case "sendsInAnyOrder":
      return mismatchOfSets(argument, await stage.frames(argument.length), bound);
    case "receives":
      // One after another, without a pause for the user's side.
      return stage.receive(...argument.map((frame) => JSON.stringify(fill(frame, bound))));
    case "receivesText":
      return stage.receive(fill(argument, bound));
    case "closes":
      return stage.close(fill(argument.code, bound), argument.reason ?? "");
    case "loses":
      return stage.lose();
    case "hangsUp":
      return (await stage.hungUp()) ? undefined : "the client did not close the connection";
    case "passes":
      return stage.pass(argument);
    case "sees":
      return mismatchOfGroups(argument, await stage.seen(argument.length), bound);
    case "held": {
      const sent = await stage.frames(0);
      const seen = await stage.seen(0);
      if (sent.length > 0) return `the client sent ${JSON.stringify(sent)}`;
      return seen.length === 0 ? undefined : mismatch([{ result: argument, fails: "OVERLOADED" }], seen, bound);
    }
    case "differ": {
      const filled = argument.map((placeholder) => JSON.stringify(fill(placeholder, bound)));
      return new Set(filled).size === filled.length ? undefined : `not different: ${filled}`;
    }
    default:
      throw new Error(`unknown step ${name}`);
  }
}

/** What the user sees has an order only within each group: see the README. */
function mismatchOfGroups(expected, seen, bound) {
  const [wanted, actual] = [groups(expected, bound), groups(seen, bound)];
  for (const name of new Set([...wanted.keys(), ...actual.keys()])) {
    const found = mismatch(wanted.get(name) ?? [], actual.get(name) ?? [], bound, name);
    if (found) return found;
  }
  return undefined;
}

function groups(items, bound) {
  const groups = new Map();
  for (const item of items) {
    const { handle = "", ...rest } = item;
    const [kind, value] = Object.entries(rest)[0];
    let name = kind;
    if (kind === "result") name = `result ${value}`;
    if (kind === "recovered") name = `recovery of ${roomOf(value, bound)} ${handle}`;
    if (["joined", "event", "erased", "gap", "left"].includes(kind)) name = `room ${roomOf(value, bound)} ${handle}`;
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return groups;
}

/** The room of something seen, which may be a placeholder or spread one. */
function roomOf(value, bound) {
  return typeof value === "string" ? bound.get(value).roomId : (value.roomId ?? bound.get(value["..."]).roomId);
}
