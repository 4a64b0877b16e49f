// The connection: how the client opens it, notices that it is dead, and reconnects. The test plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DialogueClient, DialogueError } from "../../dialogue/npm/client.js";
import { CONNECTED, Fake, codeOf, settled } from "./support/fake.js";

test("connects with the user's auth and reports its identity", async (t) => {
  const fake = new Fake(t, { auth: { token: "t" } });
  const calls = [];
  fake.client.onConnect((connected) => calls.push(connected));
  const opening = fake.client.connect();
  assert.equal(fake.client.state, "connecting");
  const connect = await fake.accept();
  await opening;
  assert.deepEqual(connect, { type: "connect", id: 0, protocol: 1, auth: { token: "t" } });
  assert.equal(fake.socket.url, "ws://fake/dialogue/ws");
  const { userId, clientId, fingerprint, connected, state } = fake.client;
  assert.deepEqual([userId, clientId, fingerprint, connected, state], ["ada", "c1", "f", true, "connected"]);
  assert.deepEqual(calls, [{ userId: "ada", clientId: "c1", again: false }]);
});

test("an address that no socket can open is reported at once", async (t) => {
  class WebSocket {
    constructor() {
      throw new SyntaxError("no such scheme");
    }
  }
  const fake = new Fake(t, { WebSocket });
  await assert.rejects(fake.client.connect(), { code: "CLOSED", message: /no such scheme/ });
  assert.equal(fake.client.state, "closed");
});

test("waits a random time below a limit that doubles up to 30 s", async (t) => {
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

for (const { waits, lasts, next } of [
  { waits: 0, lasts: 4_999, next: 1_000 },
  { waits: 0, lasts: 5_000, next: 500 }, // after a wait of 0.5 s
  { waits: 2, lasts: 5_999, next: 4_000 },
  { waits: 2, lasts: 6_000, next: 500 }, // three times its wait of 2 s
  { waits: 6, lasts: 59_999, next: 30_000 },
  { waits: 6, lasts: 60_000, next: 500 }, // less than three times its wait of 30 s, but a minute
]) {
  const name = `after ${waits} failed attempts and a connection of ${lasts} ms, the next wait is at most ${next} ms`;
  test(name, async (t) => {
    const fake = await Fake.connected(t);
    fake.socket.closes(1006);
    for (let attempt = 0; attempt < waits; attempt += 1) {
      await fake.tick(fake.states.at(-1).delay);
      fake.socket.closes(1006);
    }
    await fake.tick(fake.states.at(-1).delay);
    await fake.accept({ pingInterval: 120_000 });
    await fake.tick(lasts);
    fake.socket.closes(1006);
    assert.equal(fake.states.at(-1).delay, next);
  });
}

for (const code of [1000, 1001, 1005, 1006, 1008, 1011, 1012, 3000, 4000, 4001, 4002, 4003, 4499]) {
  test(`reconnects after ${code}`, async (t) => {
    const fake = await Fake.connected(t);
    const calls = [];
    fake.client.onDisconnect((disconnected) => calls.push(disconnected));
    fake.socket.closes(code, "why");
    assert.deepEqual(calls, [{ code, reason: "why", willReconnect: true }]);
    assert.deepEqual(fake.states.at(-1), { state: "waiting", delay: 500, code });
    assert.deepEqual([fake.client.userId, fake.client.clientId], ["ada", undefined]);
    await fake.tick(500);
    assert.equal((await fake.accept()).resume, "r1");
    assert.equal(fake.client.connected, true);
  });
}

for (const code of [1002, 1003, 1007, 1009, 4500, 4501, 4502, 4503, 4504, 4999]) {
  test(`does not reconnect after ${code}`, async (t) => {
    const fake = await Fake.connected(t);
    const calls = [];
    fake.client.onDisconnect((disconnected) => calls.push(disconnected));
    fake.socket.closes(code, "why");
    assert.deepEqual(calls, [{ code, reason: "why", willReconnect: false }]);
    const { state, error } = fake.states.at(-1);
    assert.deepEqual([state, error.code, error.closeCode, error.message], ["closed", "CLOSED", code, "why"]);
    await fake.tick(60_000);
    assert.equal(fake.sockets.length, 1);
    // The application may connect again.
    const opening = fake.client.connect();
    await fake.accept();
    await opening;
  });
}

for (const code of ["UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL", "INVALID_REQUEST"]) {
  test(`a \`connect\` refused with ${code} rejects even if the close is lost`, async (t) => {
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

test("a sign-in that fails is tried again after `retryAfter` and the backoff", async (t) => {
  const fake = new Fake(t);
  const opening = fake.client.connect();
  for (const [retryAfter, delay] of [[1_000, 1_500], [undefined, 1_000], [3_600_000, 62_000]]) {
    await settled();
    fake.socket.onopen();
    fake.socket.says({ type: "error", id: 0, code: "UNAVAILABLE", message: "try again later", retryAfter });
    fake.socket.closes(4003);
    assert.equal(fake.states.at(-1).delay, delay);
    await fake.tick(delay);
  }
  await fake.accept();
  await opening;
  fake.socket.closes(1006);
  assert.equal(fake.states.at(-1).delay, 4_000, "the server asked for a wait only then");
});

test("a sign-in that the server neither answers nor ends is tried again after `retryAfter`", async (t) => {
  const fake = new Fake(t);
  fake.client.connect().catch(() => {});
  await settled();
  fake.socket.onopen();
  fake.socket.says({ type: "error", id: 0, code: "UNAVAILABLE", message: "try again later", retryAfter: 1_000 });
  await fake.tick(10_000);
  assert.deepEqual([fake.client.state, fake.states.at(-1).delay], ["waiting", 1_500]);
});

test("a renewal that fails for now is repeated soon, until the session expires", async (t) => {
  const fake = await Fake.connected(t, { auth: () => "token" }, { expiresIn: 20_000 });
  await fake.tick(18_000);
  const refusal = { type: "error", code: "UNAVAILABLE", message: "try again later", retryAfter: 200 };
  fake.socket.answers(refusal);
  await settled();
  await fake.tick(1_000);
  fake.socket.answers(refusal);
  await fake.tick(1_000);
  assert.deepEqual(fake.socket.taken(), []);
  assert.deepEqual(fake.errors.map(({ code }) => code), ["UNAVAILABLE", "UNAVAILABLE"]);
  fake.socket.closes(4001);
  await fake.tick(500);
  await fake.accept();
});

test("a malformed `connect` closes the connection, although the server would wait for another one", async (t) => {
  const fake = new Fake(t, { auth: "nested too deeply" });
  const opening = codeOf(fake.client.connect());
  await settled();
  fake.socket.onopen();
  fake.socket.says({ type: "error", id: 0, code: "INVALID_REQUEST", message: "no" });
  assert.equal(await opening, "INVALID_REQUEST");
  assert.deepEqual([fake.client.state, fake.socket.isClosed], ["closed", true]);
});

test("keeps trying while the server cannot be reached, and tries at once on demand", async (t) => {
  const fake = new Fake(t);
  const opening = fake.client.connect();
  await settled();
  fake.socket.closes(1006);
  assert.equal(fake.client.state, "waiting");
  assert.equal(fake.client.connect(), opening, "a second call returns the same promise");
  await fake.accept();
  await opening;
  await fake.tick(500);
  assert.equal(fake.sockets.length, 2, "the wait was cancelled");
});

test("ends an attempt that the server does not answer within 10 s", async (t) => {
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

test("pings a silent server, and ends a connection that stays silent", async (t) => {
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

test("calls auth again for each connection", async (t) => {
  let tokens = 0;
  const fake = await Fake.connected(t, { auth: async () => ({ token: ++tokens }) });
  assert.deepEqual((await fake.reconnect()).auth, { token: 2 });
});

test("an auth callback that fails is reported and called again", async (t) => {
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

test("an auth callback that never settles times out", async (t) => {
  const fake = new Fake(t, { auth: () => new Promise(() => {}) });
  fake.client.connect().catch(() => {});
  await fake.tick(30_000);
  assert.deepEqual([fake.client.state, fake.errors[0].code], ["waiting", "TIMEOUT"]);
});

test("an auth callback that throws UNAUTHENTICATED closes the connection", async (t) => {
  const auth = () => {
    throw new DialogueError({ code: "UNAUTHENTICATED", message: "signed out" });
  };
  const fake = new Fake(t, { auth });
  await assert.rejects(fake.client.connect(), { code: "UNAUTHENTICATED" });
  assert.equal(fake.client.state, "closed");
});

test("renews the session after nine tenths of its time", async (t) => {
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

test("a refused renewal is reported and retried while the session lasts", async (t) => {
  const fake = await Fake.connected(t, { auth: () => "token" }, { expiresIn: 24_000 });
  await fake.tick(21_600);
  fake.socket.answers({ type: "error", code: "UNAUTHENTICATED", message: "no" });
  await settled();
  assert.deepEqual([fake.client.state, fake.errors[0].code], ["connected", "UNAUTHENTICATED"]);
  await fake.tick(1_200);
  assert.equal(fake.socket.answers({ type: "connected", resume: "r2" }).type, "connect");
});

test("a renewal ends with its connection", async (t) => {
  const given = [];
  const auth = () => new Promise((resolve) => given.push(resolve));
  const fake = new Fake(t, { auth });
  fake.client.connect();
  given.shift()("token");
  await fake.accept({ expiresIn: 10_000 });
  await fake.tick(9_000); // requests a token …
  fake.socket.closes(1006); // … which arrives too late
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

test("the session of a lost connection is not renewed", async (t) => {
  const fake = await Fake.connected(t, {}, { expiresIn: 10_000 });
  await fake.reconnect();
  await fake.tick(10_000);
  assert.deepEqual(fake.socket.taken(), []);
});

test("disconnecting while waiting stops further attempts", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.closes(1006);
  fake.client.disconnect();
  await fake.tick(60_000);
  assert.deepEqual([fake.client.state, fake.sockets.length], ["closed", 1]);
});

test("connecting again after a lost connection returns a new promise", async (t) => {
  const fake = await Fake.connected(t);
  fake.socket.closes(1006);
  let isConnected = false;
  const opening = fake.client.connect().then(() => (isConnected = true));
  await settled();
  assert.equal(isConnected, false);
  await fake.accept();
  await opening;
});

test("disconnecting ends everything and notifies the handlers", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = [];
  fake.client.onDisconnect((disconnected) => calls.push(disconnected));
  room.onLeft((left) => calls.push(left));
  const trigger = codeOf(room.trigger("message", {}));
  fake.client.disconnect();
  assert.equal(await trigger, "OUTCOME_UNKNOWN");
  assert.deepEqual(calls, [{ reason: undefined }, { code: 1000, reason: "", willReconnect: false }]);
  const { state, userId, rooms } = fake.client;
  assert.deepEqual([state, userId, rooms, room.state], ["closed", undefined, [], "left"]);
  assert.equal(fake.socket.isClosed, true);
  assert.equal(await codeOf(fake.client.join("chat")), "DISCONNECTED");
  await fake.tick(100_000);
  assert.equal(fake.sockets.length, 1);
});

test("disconnecting while auth is pending opens no socket", async (t) => {
  let give;
  const fake = new Fake(t, { auth: () => new Promise((resolve) => (give = resolve)) });
  const opening = codeOf(fake.client.connect());
  fake.client.disconnect();
  give("token");
  assert.equal(await opening, "DISCONNECTED");
  await settled();
  assert.equal(fake.sockets.length, 0);
});

test("disconnecting in the handler of an auth failure stops further attempts", async (t) => {
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

test("disconnecting in the handler of a failed renewal stops the renewals", async (t) => {
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

test("disconnecting when the attempt starts does not call auth", async (t) => {
  let asked = 0;
  const fake = new Fake(t, { auth: () => (asked += 1) });
  fake.client.onStateChange(() => fake.client.disconnect());
  assert.equal(await codeOf(fake.client.connect()), "DISCONNECTED");
  assert.equal(asked, 0);
});

test("every handler sees the states in order, including those that an earlier handler causes", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onStateChange(({ state }) => {
    if (state === "waiting") fake.client.disconnect();
    if (state === "closed" && calls.length < 3) fake.client.connect();
  });
  fake.client.onStateChange(({ state }) => calls.push(state));
  fake.client.onDisconnect(() => calls.push("disconnected"));
  fake.socket.closes(1006);
  await fake.accept();
  assert.deepEqual(calls, ["waiting", "disconnected", "closed", "connecting", "connected"]);
});

test("a handler that runs because disconnecting left a room may connect again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  let opening;
  room.onLeft(() => (opening = fake.client.connect()));
  fake.client.disconnect();
  await fake.accept();
  await opening;
  assert.deepEqual(fake.states.slice(-3).map(({ state }) => state), ["closed", "connecting", "connected"]);
});

test("a late reply to a renewal still updates the resume secret", async (t) => {
  const fake = await Fake.connected(t, { auth: "token", timeout: 100 }, { expiresIn: 24_000 });
  await fake.tick(21_600);
  const [{ id }] = fake.socket.taken();
  await fake.tick(100);
  assert.equal(fake.errors[0].code, "TIMEOUT");
  fake.socket.says({ ...CONNECTED, id, resume: "r2", expiresIn: 100_000 });
  await fake.tick(20_000);
  assert.deepEqual(fake.socket.taken(), [], "the next attempt is no longer needed");
  assert.equal((await fake.reconnect()).resume, "r2");
});

test("neither disconnecting while auth is pending nor a lost connection leaves a timer", async (t) => {
  let isGiven = true;
  const auth = () => (isGiven ? "token" : new Promise(() => {}));
  const fake = await Fake.connected(t, { auth }, { expiresIn: 10_000 });
  isGiven = false;
  await fake.tick(9_000);
  fake.socket.closes(1006);
  assert.equal(fake.timers.size, 1, "the timer of the next attempt");
  await fake.tick(500);
  fake.client.disconnect();
  assert.equal(fake.timers.size, 0);
});

for (const data of ["{", "null", "7", `{"roomId":"chat"}`, new ArrayBuffer(2)]) {
  test(`data that is not a frame ends the connection: ${typeof data === "string" ? data : "bytes"}`, async (t) => {
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

test("late events of an abandoned socket are ignored", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onDirect((direct) => calls.push(direct));
  await fake.tick(25_000);
  await fake.tick(10_000); // the server is silent
  await fake.tick(500);
  await fake.accept();
  const [late] = fake.sockets;
  late.onopen?.();
  late.says({ type: "direct", event: "news", data: 1 });
  late.closes(4500);
  assert.deepEqual([fake.client.state, calls], ["connected", []]);
});

test("a lost connection is not pinged", async (t) => {
  const fake = await Fake.connected(t);
  await fake.tick(20_000);
  await fake.reconnect();
  await fake.tick(24_999); // a ping on the lost one would throw
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", []]);
});

test("failures in handlers are reported and stop nothing", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onDirect(() => {
    throw new Error("one");
  });
  fake.client.onDirect(async () => {
    throw new Error("two");
  });
  const stop = fake.client.onDirect((direct) => calls.push(direct));
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  await settled();
  assert.deepEqual(calls, [{ event: "news", data: 1 }]);
  assert.deepEqual(fake.errors.map(({ message }) => message), ["one", "two"]);
  stop();
  fake.socket.says({ type: "direct", event: "news", data: 2 });
  assert.equal(calls.length, 1);
});

test("a handler that an earlier handler removes is not called again", async (t) => {
  const fake = await Fake.connected(t);
  fake.client.onDirect(() => stop());
  const stop = fake.client.onDirect(() => assert.fail("the removed handler was called"));
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  await settled();
  assert.deepEqual(fake.errors, []);
});

test("errors without a handler go to the console", async (t) => {
  const printed = t.mock.method(console, "error", () => {});
  const fake = await Fake.connected(t);
  fake.client.onError(() => {
    throw new Error("in the handler itself");
  });
  fake.socket.says({ type: "error", code: "INTERNAL", message: "pushed" });
  assert.equal(fake.errors[0].code, "INTERNAL");
  assert.equal(printed.mock.calls[0].arguments[0].message, "in the handler itself");
});
