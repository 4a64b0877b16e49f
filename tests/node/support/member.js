// A member of one room, for tests that note everything: it talks until it is told to be silent, and prints what happens, one
// JSON text a line. Used by `tests/tests/nodes`.
//
//   node member.js ws://… NAME ROOM      CLIENT=old uses the old client
//
// It reads lines: `talk`, `silent` (it says a last word until that is accepted, and prints `{"silent":true}`), and the
// end of the input, which ends it.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { clientUrl } from "./client.js";

const { DialogueClient } = await import(clientUrl);
const [url, name, roomId] = process.argv.slice(2);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const client = new DialogueClient({ url: new URL("/dialogue/ws", url.replace(/^ws/, "http")), auth: { userId: name }, WebSocket });
await client.connect();
client.onDisconnect(({ code, reason }) => say({ disconnected: `${code} ${reason ?? ""}` }));
client.onError((error) => say({ error: String(error?.code ?? error) }));
const room = await client.join(roomId);
room.on("message", ({ seq, data }) => say({ heard: data.text, seq }));
room.onRecovered(({ recovered }) => say({ recovered }));
room.onLeft(({ reason }) => say({ left: reason ?? "unknown" }));
say({ joined: true });

let isSilent = false;
async function talk() {
  for (let number = 0; ; number += 1) {
    const isLast = isSilent;
    const text = `${name} ${number}`;
    try {
      const { seq } = await room.trigger("message", { text });
      say({ accepted: text, seq });
      if (isLast) return say({ silent: true });
    } catch (error) {
      say({ unknown: text, code: error.code });
    }
    await sleep(25);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "talk") talk();
  if (line === "silent") isSilent = true;
}
process.exit(0);
