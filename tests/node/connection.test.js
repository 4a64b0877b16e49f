// The connection: how it is made, noticed to be dead, and made again. The server is played by the test.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DialogueClient, DialogueError } from "../../dialogue/npm/client.js";
import { CONNECTED, Fake, codeOf, settled } from "./support/fake.js";

test("connects with the user's auth and knows who it is", async (t) => {
  const fake = new Fake(t, { auth: { token: "t" } });
  const told = [];
  fake.client.onConnect((connected) => told.push(connected));
  const opening = fake.client.connect();
  assert.equal(fake.client.state, "connecting");
  const connect = await fake.accept();
  await opening;
  assert.deepEqual(connect, { type: "connect", id: 0, protocol: 1, auth: { token: "t" } });
  assert.equal(fake.socket.url, "ws://fake/dialogue/ws");
  const { userId, clientId, fingerprint, connected, state } = fake.client;
  assert.deepEqual([userId, clientId, fingerprint, connected, state], ["ada", "c1", "f", true, "connected"]);
  assert.deepEqual(told, [{ userId: "ada", clientId: "c1", again: false }]);
});

test("without a WebSocket or an address it says what is missing", (t) => {
  const there = Object.getOwnPropertyDescriptor(globalThis, "WebSocket"); // from Node 22 on
  delete globalThis.WebSocket;
  t.after(() => there && Object.defineProperty(globalThis, "WebSocket", there));
  assert.throws(() => new DialogueClient({ url: "ws://fake/" }), /there is no WebSocket/);
  assert.throws(() => new DialogueClient({ WebSocket: class {} }), TypeError);
});

test("an address that no socket can be opened at is told at once", async (t) => {
  class WebSocket {
    constructor() {
      throw new SyntaxError("no such scheme");
    }
  }
  const fake = new Fake(t, { WebSocket });
  await assert.rejects(fake.client.connect(), { code: "CLOSED", message: /no such scheme/ });
  assert.equal(fake.client.state, "closed");
});

test("waits at random between nothing and a time that doubles up to 30 s", async (t) => {
  const fake = new Fake(t, { random: 0.5 });
  fake.client.connect().catch(() => {});
  for (let attempt = 0; attempt < 8; attempt += 1) {
    await settled();
    fake.socket.closes(1006);
    await fake.tick(fake.states.at(-1).delay);
    assert.equal(fake.sockets.length, attempt + 2);
  }
  const delays = fake.states.filter(({ state }) => state === "waiting").map(({ delay }) => delay);
  assert.deepEqual(delays, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
});

test("begins with short waits again only when a connection has lasted a minute", async (t) => {
  const fake = await Fake.connected(t);
  await fake.reconnect();
  fake.now += 59_999;
  fake.socket.closes(1006);
  assert.equal(fake.states.at(-1).delay, 1_000);
  await fake.tick(1_000);
  await fake.accept();
  fake.now += 60_000;
  fake.socket.closes(1006);
  assert.equal(fake.states.at(-1).delay, 500);
});

for (const code of [1000, 1001, 1005, 1006, 1008, 1011, 1012, 3000, 4000, 4001, 4002, 4499]) {
  test(`comes back after ${code}`, async (t) => {
    const fake = await Fake.connected(t);
    const told = [];
    fake.client.onDisconnect((disconnected) => told.push(disconnected));
    fake.socket.closes(code, "why");
    assert.deepEqual(told, [{ code, reason: "why", willReconnect: true }]);
    assert.deepEqual(fake.states.at(-1), { state: "waiting", delay: 500, code });
    assert.deepEqual([fake.client.userId, fake.client.clientId], ["ada", undefined]);
    await fake.tick(500);
    assert.equal((await fake.accept()).resume, "r1");
    assert.equal(fake.client.connected, true);
  });
}

for (const code of [1002, 1003, 1007, 1009, 4500, 4501, 4502, 4503, 4504, 4999]) {
  test(`does not come back after ${code}`, async (t) => {
    const fake = await Fake.connected(t);
    const told = [];
    fake.client.onDisconnect((disconnected) => told.push(disconnected));
    fake.socket.closes(code, "why");
    assert.deepEqual(told, [{ code, reason: "why", willReconnect: false }]);
    const { state, error } = fake.states.at(-1);
    assert.deepEqual([state, error.code, error.closeCode, error.message], ["closed", "CLOSED", code, "why"]);
    await fake.tick(60_000);
    assert.equal(fake.sockets.length, 1);
    // A person may begin again.
    const opening = fake.client.connect();
    await fake.accept();
    await opening;
  });
}

for (const code of ["UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL", "INVALID_REQUEST"]) {
  test(`a \`connect\` refused with ${code} rejects, even if the close is lost`, async (t) => {
    const fake = new Fake(t);
    const opening = fake.client.connect();
    await settled();
    fake.socket.onopen();
    fake.socket.says({ type: "error", id: 0, code, message: "no" });
    fake.socket.closes(1006);
    await assert.rejects(opening, { code, message: "no" });
    assert.equal(fake.client.state, "closed");
    const again = fake.client.connect();
    await fake.accept();
    await again;
  });
}

test("a malformed `connect` closes, although the server would wait for a better one", async (t) => {
  const fake = new Fake(t, { auth: "nested too deeply" });
  const opening = codeOf(fake.client.connect());
  await settled();
  fake.socket.onopen();
  fake.socket.says({ type: "error", id: 0, code: "INVALID_REQUEST", message: "no" });
  assert.equal(await opening, "INVALID_REQUEST");
  assert.deepEqual([fake.client.state, fake.socket.isClosed], ["closed", true]);
});

test("goes on trying while the server cannot be reached, and at once when asked to", async (t) => {
  const fake = new Fake(t);
  const opening = fake.client.connect();
  await settled();
  fake.socket.closes(1006);
  assert.equal(fake.client.state, "waiting");
  assert.equal(fake.client.connect(), opening, "it is the same promise");
  await fake.accept();
  await opening;
  await fake.tick(500);
  assert.equal(fake.sockets.length, 2, "the wait was given up");
});

test("gives up on a server that does not answer in 10 s", async (t) => {
  const fake = new Fake(t);
  fake.client.connect().catch(() => {});
  await settled();
  fake.socket.onopen();
  await fake.tick(9_999);
  assert.equal(fake.client.state, "connecting");
  await fake.tick(1);
  assert.equal(fake.client.state, "waiting");
  assert.equal(fake.sockets[0].isClosed, true);
});

test("asks whether the server is still there, and ends a connection that stays silent", async (t) => {
  const fake = await Fake.connected(t);
  await fake.tick(24_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  fake.socket.says({ type: "pong" });
  await fake.tick(25_000);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  await fake.tick(9_999);
  assert.equal(fake.client.state, "connected");
  await fake.tick(1);
  assert.equal(fake.client.state, "waiting");
  assert.equal(fake.sockets[0].isClosed, true);
});

test("asks for auth anew for each connection", async (t) => {
  let tokens = 0;
  const fake = await Fake.connected(t, { auth: async () => ({ token: ++tokens }) });
  assert.deepEqual((await fake.reconnect()).auth, { token: 2 });
});

test("an auth that fails is reported, and asked for again", async (t) => {
  let fails = true;
  const auth = () => {
    if (fails) throw new Error("the token service is down");
    return "token";
  };
  const fake = new Fake(t, { auth });
  const opening = fake.client.connect();
  await settled();
  assert.deepEqual([fake.client.state, fake.sockets.length], ["waiting", 0]);
  assert.equal(fake.errors[0].message, "the token service is down");
  fails = false;
  await fake.tick(500);
  assert.equal((await fake.accept()).auth, "token");
  await opening;
});

test("an auth that gives no answer is given up", async (t) => {
  const fake = new Fake(t, { auth: () => new Promise(() => {}) });
  fake.client.connect().catch(() => {});
  await fake.tick(30_000);
  assert.deepEqual([fake.client.state, fake.errors[0].code], ["waiting", "TIMEOUT"]);
});

test("an auth that has nothing to sign in with closes", async (t) => {
  const auth = () => {
    throw new DialogueError({ code: "UNAUTHENTICATED", message: "signed out" });
  };
  const fake = new Fake(t, { auth });
  await assert.rejects(fake.client.connect(), { code: "UNAUTHENTICATED" });
  assert.equal(fake.client.state, "closed");
});

test("renews the session when nine tenths of it are over", async (t) => {
  let tokens = 0;
  const fake = await Fake.connected(t, { auth: () => ++tokens }, { expiresIn: 10_000 });
  await fake.tick(8_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  const renewal = fake.socket.answers({ type: "connected", resume: "r2", expiresIn: 20_000 });
  assert.equal(renewal.type, "connect");
  assert.equal(renewal.auth, 2);
  await fake.tick(17_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  assert.equal(fake.socket.answers({ type: "connected", resume: "r3" }).auth, 3);
  assert.equal((await fake.reconnect()).resume, "r3");
});

test("a renewal that is refused is reported, and tried again while the session lasts", async (t) => {
  const fake = await Fake.connected(t, { auth: () => "token" }, { expiresIn: 24_000 });
  await fake.tick(21_600);
  fake.socket.answers({ type: "error", code: "UNAUTHENTICATED", message: "no" });
  await settled();
  assert.deepEqual([fake.client.state, fake.errors[0].code], ["connected", "UNAUTHENTICATED"]);
  await fake.tick(1_200);
  assert.equal(fake.socket.answers({ type: "connected", resume: "r2" }).type, "connect");
});

test("a renewal ends with the connection that it was for", async (t) => {
  const given = [];
  const auth = () => new Promise((resolve) => given.push(resolve));
  const fake = new Fake(t, { auth });
  fake.client.connect();
  given.shift()("token");
  await fake.accept({ expiresIn: 10_000 });
  await fake.tick(9_000); // asks for a token …
  fake.socket.closes(1006); // … which comes too late
  await fake.tick(500);
  given[1]("token");
  await fake.accept({ expiresIn: 10_000 });
  given[0]("token");
  await settled();
  assert.deepEqual(fake.socket.taken(), []);

  await fake.tick(9_000);
  given[2]("token");
  await settled();
  assert.equal(fake.socket.taken()[0].type, "connect");
  fake.socket.closes(1006);
  await settled();
  assert.deepEqual(fake.errors, []);
});

test("a connection that is lost is not renewed", async (t) => {
  const fake = await Fake.connected(t, {}, { expiresIn: 10_000 });
  await fake.reconnect();
  await fake.tick(10_000);
  assert.deepEqual(fake.socket.taken(), []);
});

test("disconnecting while waiting makes no further attempt", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.closes(1006);
  fake.client.disconnect();
  await fake.tick(60_000);
  assert.deepEqual([fake.client.state, fake.sockets.length], ["closed", 1]);
});

test("connecting again after a loss is a promise of its own", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.closes(1006);
  let isConnected = false;
  const opening = fake.client.connect().then(() => (isConnected = true));
  await settled();
  assert.equal(isConnected, false);
  await fake.accept();
  await opening;
});

test("disconnecting ends everything and tells so", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = [];
  fake.client.onDisconnect((disconnected) => told.push(disconnected));
  room.onLeft((left) => told.push(left));
  const trigger = codeOf(room.trigger("message", {}));
  fake.client.disconnect();
  assert.equal(await trigger, "DISCONNECTED");
  assert.deepEqual(told, [{ reason: undefined }, { code: 1000, reason: "", willReconnect: false }]);
  const { state, userId, rooms } = fake.client;
  assert.deepEqual([state, userId, rooms, room.state], ["closed", undefined, [], "left"]);
  assert.equal(fake.socket.isClosed, true);
  assert.equal(await codeOf(fake.client.join("chat")), "DISCONNECTED");
  await fake.tick(100_000);
  assert.equal(fake.sockets.length, 1);
});

test("disconnecting while the auth is awaited opens no socket", async (t) => {
  let give;
  const fake = new Fake(t, { auth: () => new Promise((resolve) => (give = resolve)) });
  const opening = codeOf(fake.client.connect());
  fake.client.disconnect();
  give("token");
  assert.equal(await opening, "DISCONNECTED");
  await settled();
  assert.equal(fake.sockets.length, 0);
});

test("disconnecting when the auth is reported to have failed makes no further attempt", async (t) => {
  let asked = 0;
  const auth = () => {
    asked += 1;
    throw new Error("the token service is down");
  };
  const fake = new Fake(t, { auth });
  fake.client.onError(() => fake.client.disconnect());
  assert.equal(await codeOf(fake.client.connect()), "DISCONNECTED");
  await fake.tick(60_000);
  assert.deepEqual([fake.client.state, fake.states.at(-1).state, asked], ["closed", "closed", 1]);
});

test("disconnecting when a renewal is reported to have failed ends the renewals", async (t) => {
  let asked = 0;
  const auth = () => {
    asked += 1;
    if (asked > 1) throw new Error("the token service is down");
  };
  const fake = await Fake.connected(t, { auth }, { expiresIn: 24_000 });
  fake.client.onError(() => fake.client.disconnect());
  await fake.tick(21_600);
  assert.deepEqual([fake.client.state, fake.timers.size], ["closed", 0]);
  await fake.tick(60_000);
  assert.deepEqual([asked, fake.errors.length], [2, 1]);
});

test("disconnecting when told of the attempt asks for no auth", async (t) => {
  let asked = 0;
  const fake = new Fake(t, { auth: () => (asked += 1) });
  fake.client.onStateChange(() => fake.client.disconnect());
  assert.equal(await codeOf(fake.client.connect()), "DISCONNECTED");
  assert.equal(asked, 0);
});

test("each is told the states in their order, also those that a handler before it brings about", async (t) => {
  const fake = await Fake.connected(t);
  const told = [];
  fake.client.onStateChange(({ state }) => {
    if (state === "waiting") fake.client.disconnect();
    if (state === "closed" && told.length < 3) fake.client.connect();
  });
  fake.client.onStateChange(({ state }) => told.push(state));
  fake.client.onDisconnect(() => told.push("disconnected"));
  fake.socket.closes(1006);
  await fake.accept();
  assert.deepEqual(told, ["waiting", "disconnected", "closed", "connecting", "connected"]);
});

test("who is told that a room is left by disconnecting may connect again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  let opening;
  room.onLeft(() => (opening = fake.client.connect()));
  fake.client.disconnect();
  await fake.accept();
  await opening;
  assert.deepEqual(fake.states.slice(-3).map(({ state }) => state), ["closed", "connecting", "connected"]);
});

test("a renewal that is answered too late is known by its secret all the same", async (t) => {
  const fake = await Fake.connected(t, { auth: "token", timeout: 100 }, { expiresIn: 24_000 });
  await fake.tick(21_600);
  const [{ id }] = fake.socket.taken();
  await fake.tick(100);
  assert.equal(fake.errors[0].code, "TIMEOUT");
  fake.socket.says({ ...CONNECTED, id, resume: "r2", expiresIn: 100_000 });
  await fake.tick(20_000);
  assert.deepEqual(fake.socket.taken(), [], "the attempt that was to come is not needed");
  assert.equal((await fake.reconnect()).resume, "r2");
});

test("disconnecting while the auth is awaited leaves no timer, and neither does a lost connection", async (t) => {
  let isGiven = true;
  const auth = () => (isGiven ? "token" : new Promise(() => {}));
  const fake = await Fake.connected(t, { auth }, { expiresIn: 10_000 });
  isGiven = false;
  await fake.tick(9_000);
  fake.socket.closes(1006);
  assert.equal(fake.timers.size, 1, "that of the next attempt");
  await fake.tick(500);
  fake.client.disconnect();
  assert.equal(fake.timers.size, 0);
});

for (const data of ["{", "null", "7", `{"roomId":"chat"}`, new ArrayBuffer(2)]) {
  test(`what is no frame ends the connection: ${typeof data === "string" ? data : "bytes"}`, async (t) => {
    const fake = await Fake.connected(t);
    fake.socket.onmessage({ data });
    assert.equal(fake.client.state, "waiting");
    assert.equal(fake.socket.isClosed, true);
  });
}

test("a frame of an unknown type changes nothing", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.says({ type: "novelty" });
  assert.equal(fake.client.connected, true);
});

test("nothing that comes late of a connection that was given up counts", async (t) => {
  const fake = await Fake.connected(t);
  const told = [];
  fake.client.onDirect((direct) => told.push(direct));
  await fake.tick(25_000);
  await fake.tick(10_000); // the server is silent
  await fake.tick(500);
  await fake.accept();
  const [late] = fake.sockets;
  late.onopen?.();
  late.says({ type: "direct", event: "news", data: 1 });
  late.closes(4500);
  assert.deepEqual([fake.client.state, told], ["connected", []]);
});

test("a connection that is lost is not asked whether it is still there", async (t) => {
  const fake = await Fake.connected(t);
  await fake.tick(20_000);
  await fake.reconnect();
  await fake.tick(24_999); // a ping on the lost one would throw
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", []]);
});

test("handlers that fail are reported and stop nothing", async (t) => {
  const fake = await Fake.connected(t);
  const told = [];
  fake.client.onDirect(() => {
    throw new Error("one");
  });
  fake.client.onDirect(async () => {
    throw new Error("two");
  });
  const stop = fake.client.onDirect((direct) => told.push(direct));
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  await settled();
  assert.deepEqual(told, [{ event: "news", data: 1 }]);
  assert.deepEqual(fake.errors.map(({ message }) => message), ["one", "two"]);
  stop();
  fake.socket.says({ type: "direct", event: "news", data: 2 });
  assert.equal(told.length, 1);
});

test("a handler that is ended by one before it is not called any more", async (t) => {
  const fake = await Fake.connected(t);
  fake.client.onDirect(() => stop());
  const stop = fake.client.onDirect(() => assert.fail("it was called"));
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  await settled();
  assert.deepEqual(fake.errors, []);
});

test("without a handler for errors they go to the console", async (t) => {
  const printed = t.mock.method(console, "error", () => {});
  const fake = await Fake.connected(t);
  fake.client.onError(() => {
    throw new Error("in the handler itself");
  });
  fake.socket.says({ type: "error", code: "INTERNAL", message: "pushed" });
  assert.equal(fake.errors[0].code, "INTERNAL");
  assert.equal(printed.mock.calls[0].arguments[0].message, "in the handler itself");
});
