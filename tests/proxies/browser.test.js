// The chat's page in a browser, behind each proxy.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Person, launch } from "../browser/person.js";
import { Server } from "../browser/server.js";
import { defer } from "./defer.js";
import { KINDS } from "./kinds.js";
import { Running } from "./running.js";

let browser;
before(async () => (browser = await launch("--host-resolver-rules=MAP chat.example 127.0.0.1")));
after(() => browser?.close());

/** Opens the page, and says how the WebSocket was opened: 101 over HTTP/1.1, 200 over HTTP/2. */
async function openChat(url, name) {
  const person = await Person.openChat(browser, url, name, { interceptable: false, ignoreHTTPSErrors: true });
  const session = await person.context.newCDPSession(person.page);
  await session.send("Network.enable");
  const opened = new Promise((resolve) => session.once("Network.webSocketHandshakeResponseReceived", resolve));
  await person.page.reload();
  const { response } = await opened;
  await person.seesNote("You joined");
  return { person, status: response.status };
}

for (const [name, status] of [["nginx", 101], ["caddy", 101], ["haproxy", 200], ["apache", 101], ["apache", 200]]) {
  const { blocks, ...kind } = KINDS[name];
  let config = kind.prefix(blocks.whole, blocks.prefix);
  if (name === "apache" && status === 200) config = kind.http2(config);

  test(`${name}: people chat in a browser, with WebSockets over HTTP/${status === 200 ? "2" : "1.1"}`, async (t) => {
    const server = await Server.start();
    defer(t, async () => assert.equal(await server.stop(), 0));
    const proxy = await Running.start(t, kind, config, [server.url]);
    const ada = await openChat(`${proxy.origin}/`, "Ada");
    const grace = await openChat(`${proxy.origin}/live/`, "Grace");
    assert.deepEqual([ada.status, grace.status], [status, status]);
    await ada.person.says("Good morning!");
    await grace.person.reads("Ada", "Good morning!");
    await grace.person.says("Good morning to you.");
    await ada.person.reads("Grace", "Good morning to you.");
    for (const { person } of [ada, grace]) await person.close();
  });
}
