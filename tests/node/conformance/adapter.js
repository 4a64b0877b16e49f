// A program for `run.js`: client.js over a real socket, on a clock that the runner moves. A client in another language
// needs such a program, too.
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { clientUrl } from "../support/client.js";
import { Clock } from "./clock.js";
import { User } from "./user.js";

const { DialogueClient } = await import(clientUrl.href);
const clock = new Clock();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
let user;

for await (const line of createInterface(process.stdin)) {
  const { start, call, passes } = JSON.parse(line);
  if (start) {
    const { url, ...settings } = start;
    user = new User(DialogueClient, settings, { url, WebSocket, sees: (sees) => say({ sees }) });
    say({ ready: { clock: "virtual" } });
  }
  if (call) user.call(call);
  if (passes !== undefined) {
    await clock.pass(passes);
    say({ passed: passes });
  }
}
