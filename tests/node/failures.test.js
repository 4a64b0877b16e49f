// Attempts to connect that fail: each is reported, with the address and what to do. The test plays the server, or there
// is none.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { DialogueClient, DialogueError } from "../../dialogue/npm/client.js";
import { CONNECTED, Fake, settled } from "./support/fake.js";

const URL_OF_FAKE = "ws://fake/dialogue/ws";

/** An HTTP server that answers each upgrade with these lines. Returns its address. */
async function refusing(t, ...lines) {
  const server = createServer();
  server.on("upgrade", (request, socket) => socket.end(`${lines.join("\r\n")}\r\n\r\n`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `ws://127.0.0.1:${server.address().port}/dialogue/ws`;
}

for (const [status, remedy] of [
  [403, /HTTP 403: .*`Host`.*`allow_origin`/],
  [404, /HTTP 404: .*path/],
  [429, /HTTP 429: .*too many connections/],
  [200, /HTTP 200: .*no Dialogue server.*proxy/],
  [308, /HTTP 308: .*redirects/],
  [502, /HTTP 502: .*proxy.*server/],
  [418, /HTTP 418$/],
]) {
  test(`an upgrade refused with ${status} is reported with the address and the status`, async (t) => {
    const url = await refusing(t, `HTTP/1.1 ${status} No`, "Content-Length: 0");
    const client = new DialogueClient({ url, WebSocket });
    t.after(() => client.disconnect());
    const reported = new Promise((resolve) => client.onError(resolve));
    client.connect().catch(() => {});
    const error = await reported;
    assert.deepEqual([error.name, error.code, error.url, error.closeCode], ["DialogueError", "CONNECT_FAILED", url, 1006]);
    assert.ok(error.message.startsWith(`cannot connect to ${url}: `), error.message);
    assert.match(error.message, remedy);
    assert.match(error.cause.message, new RegExp(`${status}`));
    assert.equal(client.state, "waiting");
  });
}

test("without a server, an attempt is reported, and `retry: false` rejects", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `ws://127.0.0.1:${server.address().port}/dialogue/ws`;
  server.close();
  await once(server, "close");
  const client = new DialogueClient({ url, WebSocket });
  const errors = [];
  client.onError((error) => errors.push(error));
  await assert.rejects(client.connect({ retry: false }), { code: "CONNECT_FAILED", url, message: /no server listens there/ });
  assert.equal(client.state, "closed");
  assert.deepEqual(errors.map(({ code }) => code), ["CONNECT_FAILED"]);
});

for (const url of ["http://user:pass@fake/dialogue/ws?token=secret", "ws://fake?token=secret"]) {
  test(`an error does not contain what may be secret in ${url}`, async (t) => {
    const fake = new Fake(t, { url });
    fake.client.connect({ retry: false }).catch(() => {});
    await settled();
    assert.ok(fake.socket.url.endsWith("?token=secret"), fake.socket.url);
    fake.socket.onerror({});
    await settled();
    assert.deepEqual(fake.errors.map((error) => error.url), [URL_OF_FAKE]);
    assert.doesNotMatch(fake.errors[0].message, /secret|pass/);
  });
}

test("the error for an address that is none does not contain its query", async () => {
  const client = new DialogueClient({ url: "localhost:3000/ws?token=secret", WebSocket });
  const error = await client.connect().catch((error) => error);
  assert.equal(error.code, "INVALID_URL");
  assert.doesNotMatch(error.message, /secret/);
});

for (const [name, cause, remedy] of [
  ["Node's own socket", new TypeError("Received network error or non-101 status code."), /Check that the server runs/],
  ["TLS to a plain port", Object.assign(new Error("write EPROTO 80:error:0A0\n"), { code: "EPROTO" }), /no TLS.*ws:.*EPROTO.*[^\n]$/],
]) {
  test(`an error of ${name} says what to do`, async (t) => {
    const fake = new Fake(t);
    fake.client.connect({ retry: false }).catch(() => {});
    await settled();
    fake.socket.onerror({ error: cause });
    await settled();
    assert.match(fake.errors[0].message, remedy);
  });
}

test("every failed attempt is reported", async (t) => {
  const fake = new Fake(t);
  fake.client.connect().catch(() => {});
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await settled();
    fake.socket.closes(1006);
    await fake.tick(fake.states.at(-1).delay);
  }
  assert.deepEqual(fake.errors.map(({ code, url }) => [code, url]), Array(3).fill(["CONNECT_FAILED", URL_OF_FAKE]));
  assert.match(fake.errors[0].message, /does not say why/);
});

for (const [name, fails, message] of [
  ["a close code", (socket) => (socket.onopen(), socket.closes(1012)), /closed the connection with code 1012/],
  ["a reason", (socket) => (socket.onopen(), socket.closes(1008, "too late")), /too late/],
  ["a lost connection", (socket) => (socket.onopen(), socket.closes(1006)), /lost before the server had answered/],
  [
    "a failure of the server",
    (socket) => {
      socket.onopen();
      socket.says({ type: "error", id: 0, code: "UNAVAILABLE", message: "try again later", retryAfter: 1 });
      socket.closes(4003);
    },
    /UNAVAILABLE \(try again later\)/,
  ],
]) {
  test(`a failed attempt is reported with ${name}`, async (t) => {
    const fake = new Fake(t);
    const opening = fake.client.connect({ retry: false });
    await settled();
    fails(fake.socket);
    await assert.rejects(opening, { code: "CONNECT_FAILED", message });
    assert.match(fake.errors[0].message, message);
    assert.equal(fake.client.state, "closed");
  });
}

test("an attempt without an answer is reported", async (t) => {
  const fake = new Fake(t);
  fake.client.connect().catch(() => {});
  await settled();
  await fake.tick(10_000);
  assert.match(fake.errors[0].message, /did not answer `connect` in time/);
});

test("a final refusal after a lost connection is reported, too", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.closes(1006);
  await fake.tick(500);
  fake.socket.onopen();
  fake.socket.says({ type: "error", id: 0, code: "UNAUTHENTICATED", message: "who?" });
  fake.socket.closes(4500);
  assert.equal(fake.states.at(-1).error.code, "UNAUTHENTICATED");
  assert.match(fake.errors[0].message, /UNAUTHENTICATED \(who\?\)/);
});

test("an `error` before `open` ends the attempt at once, without a `close`", async (t) => {
  const fake = new Fake(t);
  fake.client.connect().catch(() => {});
  await settled();
  const cause = new TypeError("Received network error or non-101 status code.");
  fake.socket.onerror({ type: "error", error: cause, message: cause.message }); // Node's own WebSocket
  assert.equal(fake.client.state, "waiting");
  assert.equal(fake.errors[0].cause, cause);
  assert.match(fake.errors[0].message, /non-101 status code/);
  fake.socket.onclose?.({ code: 1006, reason: "" }); // one that comes anyway changes nothing
  await fake.tick(500);
  fake.socket.onerror({ type: "error" }); // a browser's
  assert.match(fake.errors[1].message, /does not say why/);
  assert.equal(fake.errors.length, 2);
  await fake.tick(1_000);
  assert.equal(fake.sockets.length, 3);
});

test("an `error` after `open` changes nothing, since a `close` follows", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.onerror({ type: "error" });
  assert.equal(fake.client.state, "connected");
  fake.socket.closes(1006);
  assert.equal(fake.client.state, "waiting");
  assert.deepEqual(fake.errors, []);
});

test("a lost connection is not a failed attempt", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.closes(1006);
  await fake.tick(500);
  await fake.accept();
  assert.deepEqual(fake.errors, []);
});

test("with `retry: false`, a connection that is lost later is restored", async (t) => {
  const fake = new Fake(t);
  const opening = fake.client.connect({ retry: false });
  await fake.accept();
  await opening;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    fake.socket.closes(1006);
    await fake.tick(fake.states.at(-1).delay);
  }
  await fake.accept();
  assert.equal(fake.client.state, "connected");
});

test("a trigger from an earlier connection is unknown when the client stops", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = room.trigger("message", 1);
  fake.socket.closes(1006);
  const unsent = room.trigger("message", 2);
  fake.client.connect({ retry: false }).catch(() => {});
  await settled();
  fake.socket.closes(1006);
  await assert.rejects(sent, { code: "OUTCOME_UNKNOWN", message: /the client has stopped: .*may or may not have been delivered/ });
  await assert.rejects(unsent, { code: "CONNECT_FAILED" });
});

test("with `retry: false`, a failing `auth` rejects", async (t) => {
  const cause = new Error("the token service is down");
  const fake = new Fake(t, { auth: () => Promise.reject(cause) });
  await assert.rejects(fake.client.connect({ retry: false }), { code: "CONNECT_FAILED", cause });
  assert.deepEqual([fake.client.state, fake.errors], ["closed", [cause]]);
});

test("a failing `auth` is not blamed on the server", async (t) => {
  for (const [cause, text] of [
    [Object.assign(new Error("connect ECONNREFUSED 10.0.0.1:80"), { code: "ECONNREFUSED" }), "connect ECONNREFUSED 10.0.0.1:80"],
    [new TypeError("fetch failed"), "fetch failed"],
    ["no user", "no user"],
    [new DialogueError({ code: "TIMEOUT", message: "too slow" }), "too slow"],
  ]) {
    const client = new DialogueClient({ url: URL_OF_FAKE, WebSocket, auth: () => Promise.reject(cause) });
    client.onError(() => {});
    const error = await client.connect({ retry: false }).catch((error) => error);
    assert.equal(error.message, `cannot connect to ${URL_OF_FAKE}: \`auth\` has failed (${text})`);
  }
  const client = new DialogueClient({ url: URL_OF_FAKE, WebSocket, auth: () => Promise.reject() });
  client.onError(() => {});
  await assert.rejects(client.connect({ retry: false }), { message: /: `auth` has failed$/ });
});

test("the `retry` of the latest call counts", async (t) => {
  const fake = new Fake(t);
  const opening = fake.client.connect({ retry: false });
  assert.equal(fake.client.connect(), opening);
  await settled();
  fake.socket.closes(1006);
  assert.equal(fake.client.state, "waiting");
  fake.client.connect({ retry: false });
  await settled();
  fake.socket.closes(1006);
  await assert.rejects(opening, { code: "CONNECT_FAILED" });
});

test("without a handler, a failed attempt is a line in the console", async (t) => {
  const printed = t.mock.method(console, "warn", () => {});
  const sockets = [];
  class Socket {
    constructor() {
      sockets.push(this);
    }
    close() {}
  }
  const client = new DialogueClient({ url: "ws://fake", WebSocket: Socket });
  client.connect().catch(() => {});
  await settled();
  sockets[0].onerror({});
  client.disconnect();
  assert.match(printed.mock.calls[0].arguments[0], /^cannot connect to ws:\/\/fake\//);
});

test("a socket that cannot be made is reported", async (t) => {
  class Socket {
    constructor() {
      throw new SyntaxError("an insecure address on a secure page");
    }
  }
  const fake = new Fake(t, { WebSocket: Socket });
  await assert.rejects(fake.client.connect(), { code: "CLOSED", url: URL_OF_FAKE, message: /insecure/ });
  assert.match(fake.errors[0].message, /cannot connect to ws:\/\/fake\/dialogue\/ws: an insecure address/);
});

test("a refusal on an earlier attempt is not the cause of a later failure", async (t) => {
  const fake = new Fake(t);
  const opening = fake.client.connect();
  await settled();
  fake.socket.onopen();
  fake.socket.says({ type: "error", id: 0, code: "UNAVAILABLE", message: "try again later" });
  fake.socket.closes(4003);
  await fake.tick(500);
  fake.socket.closes(1006);
  assert.doesNotMatch(fake.errors[1].message, /UNAVAILABLE/);
  await fake.tick(1_000);
  fake.socket.onopen();
  fake.socket.says({ ...CONNECTED, id: 0 });
  await opening;
});
