// What every proxy does with the configuration of the page, in front of the server of `tests/src/bin/inspected.rs`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { Agent } from "node:https";
import { describe, test } from "node:test";
import { Inspected } from "../browser/inspected.js";
import { Proxy as Relay } from "../node/support/proxy.js";
import { defer } from "./defer.js";
import { KINDS } from "./kinds.js";
import { Running } from "./running.js";
import { Visitor, within } from "./visitor.js";

const SESSION = { SESSION: "staff" };
const staff = { Cookie: "session=staff" };

/** Enough pings, of this many milliseconds each, to last longer than the two seconds of an impatient proxy. */
const PINGS = 10;
const PING_INTERVAL = "300";

async function pings(socket) {
  for (let count = 0; count < PINGS; count += 1) await within("a ping", once(socket, "ping"));
}

/** Declares the tests of one proxy. Each has its own servers and its own proxy, and most of them wait. */
export function suite(name) {
  describe(name, { concurrency: 4 }, () => declare(KINDS[name]));
}

function declare(kind) {
  const { whole, prefix, two } = kind.blocks;

  async function serve(t, variables = SESSION) {
    const server = await Inspected.start(0, variables);
    defer(t, async () => assert.equal(await server.stop(), 0, "the server drains and exits without an error"));
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

  test("people chat over TLS, and under a prefix", async (t) => {
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

  test("people chat without TLS", async (t) => {
    const server = await serve(t);
    const visitor = await visit(t, kind.plain(whole), server.url);
    visitor.origin = visitor.origin.replace("https", "http");
    await chat(visitor);
  });

  test("a visitor without TLS is sent to TLS", async (t) => {
    const proxy = await Running.start(t, kind, whole, ["http://127.0.0.1:1"]);
    const { status, headers } = await new Visitor(t, `http://chat.example:${proxy.http}`).ask("/a?b=c");
    assert.ok([301, 302, 308].includes(status), `${status}`);
    assert.match(headers.location, /^https:\/\/chat\.example(:\d+)?\/a\?b=c$/);
  });

  test("the server receives the browser's Host, and the visitor's address instead of a forged one", async (t) => {
    const server = createServer(({ headers, url }, response) => response.end(JSON.stringify({ ...headers, url })));
    server.on("upgrade", ({ headers }, socket) => socket.end(`HTTP/1.1 400 No\r\n\r\n${JSON.stringify(headers)}`));
    await once(server.listen(0, "127.0.0.1"), "listening");
    defer(t, () => server.close());
    const visitor = await visit(t, kind.prefix(whole, prefix), `http://127.0.0.1:${server.address().port}`);
    const { host } = new URL(visitor.origin);
    const forged = { "X-Forwarded-For": "192.0.2.7" };
    const room = `rooms/${encodeURIComponent("a%2Fb:c=d@e,f;g")}`; // every kind of character that a room id may have
    const seen = JSON.parse((await visitor.ask(`/live/${room}?c=%2Fd`, { headers: forged })).text);
    const [path, query] = seen.url.split("?");
    assert.deepEqual([decodeURIComponent(path), query], ["/rooms/a%2Fb:c=d@e,f;g", "c=%2Fd"]);
    assert.deepEqual([seen.host, seen.upgrade], [host, undefined]);
    assert.equal(seen["x-forwarded-for"], "127.0.0.1");
    const upgrade = JSON.parse((await visitor.refusal()).text);
    assert.deepEqual([upgrade.host, upgrade.origin, upgrade.upgrade], [host, visitor.origin, "websocket"]);
  });

  test("requests and WebSockets reuse the connections to the server, also after a pause", async (t) => {
    // Shorter than the pause. The headers of a request have this time, but not the pause between two requests.
    const server = await serve(t, { ...SESSION, PING_INTERVAL, CONNECT_DEADLINE: "2000" });
    const relay = await Relay.to(server.url);
    defer(t, () => relay.close());
    const visitor = await visit(t, whole, relay.url);
    const agent = new Agent({ keepAlive: true });
    defer(t, () => agent.destroy());
    const ready = async () => assert.equal((await visitor.ask("/dialogue/ready", { agent })).status, 200);
    for (let count = 0; count < 5; count += 1) await ready();
    assert.equal(relay.connections, 1, "one connection serves five requests");
    await chat(visitor);
    const socket = await visitor.socket();
    await ready();
    const { connections } = relay;
    await pings(socket);
    await ready();
    if (kind.keeps) assert.equal(relay.connections, connections, "the pause ends no connection");
  });

  test("a silent WebSocket lasts because of the pings of the server", async (t) => {
    const server = await serve(t, { PING_INTERVAL });
    const visitor = await visit(t, kind.impatient(whole), server.url);
    const socket = await visitor.socket();
    await pings(socket);
    socket.send(JSON.stringify({ type: "ping", id: 1 }));
    const [pong] = await within("the pong", once(socket, "message"));
    assert.equal(JSON.parse(pong).type, "pong");
  });

  test("a timeout that is shorter than the ping interval ends a silent WebSocket", async (t) => {
    const server = await serve(t, { PING_INTERVAL: "60000" });
    const visitor = await visit(t, kind.impatient(whole), server.url);
    const [code] = await within("the end", once(await visitor.socket(), "close"));
    assert.equal(code, 1006);
  });

  test("the inspector works, and its feed arrives at once", async (t) => {
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
    const page = { ...staff, origin: visitor.origin };
    assert.equal(await visitor.askHttp2("/dialogue/inspect/rooms", page), 200, "over HTTP/2, with the page's origin");
  });

  test("the guard `local_only` admits nobody", async (t) => {
    const server = await serve(t, {});
    const visitor = await visit(t, whole, server.url);
    const { host } = new URL(server.url);
    for (const headers of [{}, { Host: host }, { Host: "localhost" }, { "X-Forwarded-For": "127.0.0.1" }]) {
      const { status, text } = await visitor.ask("/dialogue/inspect", { headers });
      assert.ok(status >= 400 || text === "", `${status} ${text}`); // Caddy answers to another Host with an empty page
    }
  });

  if (kind.deaf) {
    test("without the upgrade, the answer says what to do", async (t) => {
      const server = await serve(t);
      const visitor = await visit(t, kind.deaf(whole), server.url);
      const { status, text } = await visitor.refusal();
      assert.equal(status, 426);
      assert.match(text, /a proxy has dropped its headers/);
    });
  }

  test("with another Host, the answer says what to do", async (t) => {
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

  test("a server that is back after a pause receives the next request", async (t) => {
    const first = await serve(t);
    const visitor = await visit(t, whole, first.url);
    const ada = await visitor.client("ada");
    const back = new Promise((resolve) => ada.onConnect(resolve));
    await first.stop();
    const { status } = await visitor.ask("/dialogue/ready");
    assert.ok([502, 503].includes(status), `${status} without a server`);
    const second = await Inspected.start(new URL(first.url).port, SESSION);
    defer(t, () => second.stop());
    assert.equal((await visitor.ask("/dialogue/ready")).status, 200);
    await within("the client", back);
  });

  test("visitors move to the second server before the first one stops, and clients when it does", async (t) => {
    const [first, second] = [await serve(t, { ...SESSION, READY_DELAY: "600000" }), await serve(t)];
    second.command("people 3"); // tells the two apart
    const visitor = await visit(t, kind.two(whole, two), first.url, second.url);
    /** The number of people in the chat, on the server that receives new visitors. */
    const people = async () => {
      const { status, text } = await visitor.ask("/dialogue/inspect/rooms/chat", { headers: staff });
      assert.equal(status, 200, text);
      return JSON.parse(text).size;
    };
    const ada = await visitor.client("ada");
    await within("the join", ada.join("chat"));
    assert.equal(await people(), 1);
    const log = [];
    ada.onError((error) => log.push(error.message));
    ada.onDisconnect(() => log.push("disconnected"));
    const back = new Promise((resolve) => ada.onConnect(resolve));

    first.child.kill("SIGTERM");
    const moved = async (size) => {
      while ((await people()) < size);
    };
    if (kind.checks) await within("the proxy's check", moved(3));
    assert.deepEqual(log, [], "the client is still connected");

    first.command("stop");
    await within("the new connection", back);
    await within("the join on the second server", moved(4));
    assert.deepEqual(log, ["disconnected"], "no attempt to connect fails");
  });
}
