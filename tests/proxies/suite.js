// What every proxy does with the configuration of the page, in front of the server of `tests/src/bin/inspected.rs`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { Agent } from "node:https";
import { test } from "node:test";
import { Inspected } from "../browser/inspected.js";
import { Proxy as Relay } from "../node/support/proxy.js";
import { KINDS } from "./kinds.js";
import { Running } from "./running.js";
import { Visitor, within } from "./visitor.js";

const SESSION = { SESSION: "staff" };
const staff = { Cookie: "session=staff" };

/** Enough pings, of this many milliseconds each, to last far longer than the timeouts of an impatient proxy. */
const PINGS = 6;
const PING_INTERVAL = "400";

/** Declares the tests of one proxy. */
export function suite(name) {
  const kind = KINDS[name];
  const { whole, prefix, two } = kind.blocks;

  async function serve(t, variables = {}) {
    const server = await Inspected.start(0, { ...SESSION, ...variables });
    t.after(async () => assert.equal(await server.stop(), 0, "the server drains and exits without an error"));
    return server;
  }

  /** A visitor of a proxy with this configuration in front of these servers. */
  async function visit(t, config, ...urls) {
    const proxy = await Running.start(t, kind, config, urls);
    return new Visitor(t, proxy.origin, proxy.cert);
  }

  /** Two clients join the chat and talk. */
  async function chat(visitor, base) {
    const [ada, grace] = [await visitor.client("ada", base), await visitor.client("grace", base)];
    const [hers, his] = await within("the joins", Promise.all([ada.join("chat"), grace.join("chat")]));
    const read = new Promise((resolve) => his.on("message", ({ data, from }) => resolve([from, data.text])));
    await within("the delivery", hers.trigger("message", { text: "hello" }));
    assert.deepEqual(await within("the message", read), ["ada", "hello"]);
  }

  test(`${name}: people chat over TLS, and under a prefix`, async (t) => {
    const server = await serve(t);
    const visitor = await visit(t, kind.prefix(whole, prefix), server.url);
    await chat(visitor);
    await chat(visitor, "/live/dialogue");
    for (const path of ["/dialogue", "/live/dialogue"]) {
      assert.equal((await visitor.ask(`${path}/ready`)).status, 200);
      const client = await visitor.ask(`${path}/client.js`);
      assert.deepEqual([client.status, client.headers["content-type"]], [200, "text/javascript; charset=utf-8"]);
    }
  });

  test(`${name}: people chat without TLS`, async (t) => {
    const server = await serve(t);
    const visitor = await visit(t, kind.plain(whole), server.url);
    visitor.origin = visitor.origin.replace("https", "http");
    await chat(visitor);
  });

  test(`${name}: a visitor without TLS is sent to TLS`, async (t) => {
    const proxy = await Running.start(t, kind, whole, ["http://127.0.0.1:1"]);
    const { status, headers } = await new Visitor(t, `http://chat.example:${proxy.http}`).ask("/a?b=c");
    assert.ok([301, 302, 308].includes(status), `${status}`);
    assert.match(headers.location, /^https:\/\/chat\.example(:\d+)?\/a\?b=c$/);
  });

  test(`${name}: the server receives the browser's Host, and the visitor's address last`, async (t) => {
    const server = createServer(({ headers, url }, response) => response.end(JSON.stringify({ ...headers, url })));
    server.on("upgrade", ({ headers }, socket) => socket.end(`HTTP/1.1 400 No\r\n\r\n${JSON.stringify(headers)}`));
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => server.close());
    const visitor = await visit(t, kind.prefix(whole, prefix), `http://127.0.0.1:${server.address().port}`);
    const { host } = new URL(visitor.origin);
    const forged = { "X-Forwarded-For": "192.0.2.7" };
    const room = `rooms/${encodeURIComponent("a%2Fb:c=d@e,f;g")}`; // every kind of character that a room id may have
    const seen = JSON.parse((await visitor.ask(`/live/${room}?c=%2Fd`, { headers: forged })).text);
    const [path, query] = seen.url.split("?");
    assert.deepEqual([decodeURIComponent(path), query], ["/rooms/a%2Fb:c=d@e,f;g", "c=%2Fd"]);
    assert.deepEqual([seen.host, seen.upgrade], [host, undefined]);
    assert.equal(seen["x-forwarded-for"].split(",").at(-1).trim(), "127.0.0.1");
    const upgrade = JSON.parse((await visitor.refusal()).text);
    assert.deepEqual([upgrade.host, upgrade.origin, upgrade.upgrade], [host, visitor.origin, "websocket"]);
  });

  test(`${name}: requests and WebSockets reuse the connections to the server`, async (t) => {
    const server = await serve(t);
    const relay = await Relay.to(server.url);
    t.after(() => relay.close());
    const visitor = await visit(t, whole, relay.url);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await visitor.ask("/dialogue/ready", { agent })).status, 200);
    }
    assert.equal(relay.connections, 1, "one connection serves five requests");
    await chat(visitor);
  });

  test(`${name}: a silent WebSocket lasts because of the pings of the server`, async (t) => {
    const server = await serve(t, { PING_INTERVAL });
    const visitor = await visit(t, kind.impatient(whole), server.url);
    const socket = await visitor.socket();
    for (let count = 0; count < PINGS; count += 1) await within("a ping", once(socket, "ping"));
    socket.send(JSON.stringify({ type: "ping", id: 1 }));
    const [pong] = await within("the pong", once(socket, "message"));
    assert.equal(JSON.parse(pong).type, "pong");
  });

  test(`${name}: a timeout that is shorter than the ping interval ends a silent WebSocket`, async (t) => {
    const server = await serve(t, { PING_INTERVAL: "60000" });
    const visitor = await visit(t, kind.impatient(whole), server.url);
    const [code] = await within("the end", once(await visitor.socket(), "close"));
    assert.equal(code, 1006);
  });

  const skip = name === "nginx" && "fails until PROXY";
  test(`${name}: the inspector works, and its feed arrives at once`, { skip }, async (t) => {
    const server = await serve(t);
    const visitor = await visit(t, kind.prefix(whole, prefix), server.url);
    for (const base of ["/dialogue", "/live/dialogue"]) {
      assert.equal((await visitor.ask(`${base}/inspect`)).status, 403, "without the session");
      assert.equal((await visitor.ask(`${base}/inspect`, { headers: staff })).status, 200);
      const headers = { ...staff, Accept: "text/event-stream", "Accept-Encoding": "gzip, deflate, br" };
      const feed = await visitor.open(`${base}/inspect/feed`, { headers });
      assert.deepEqual([feed.statusCode, feed.headers["content-encoding"]], [200, undefined]);
      let text = "";
      feed.on("data", (part) => (text += part));
      for (const said of ["one", "two"]) {
        const path = `${base}/inspect/rooms/chat/trigger`;
        const headers = { ...staff, "Content-Type": "application/json", Origin: visitor.origin };
        const body = JSON.stringify({ event: "message", data: { text: said } });
        const sent = await visitor.ask(path, { method: "POST", headers, body });
        assert.equal(sent.status, 200, sent.text);
        while (!text.includes(`"text":"${said}"`)) await within(`“${said}” in the feed`, once(feed, "data"));
      }
      feed.destroy();
    }
  });

  test(`${name}: with another Host, the answer says what to do`, async (t) => {
    const server = await serve(t);
    const visitor = await visit(t, kind.host(whole), server.url);
    const { status, text } = await visitor.refusal();
    assert.equal(status, 403);
    for (const part of [visitor.origin, "forward the one of the browser", `allow_origin("${visitor.origin}")`]) {
      assert.ok(text.includes(part), text);
    }
    const headers = { ...staff, Origin: visitor.origin };
    const inspector = await visitor.ask("/dialogue/inspect/rooms", { headers });
    assert.equal(inspector.status, 403);
    assert.match(inspector.text, /forward the Host of the browser/);
  });
}
