// Waking: the network is back, a page is shown again, or a machine was asleep. The client connects, or tests its
// connection, at once. The test plays the server and the environment.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, settled } from "./support/fake.js";

const RATE = { frames: 200, window: 4_000 };

/** Gives the process the events of a page. Returns how to cause them, and how many handlers there are. */
function page(t) {
  const handlers = new Set();
  const targetOf = (name) => ({
    addEventListener: (event, handler) => handlers.add({ name, event, handler }),
    removeEventListener: (event, handler) => {
      for (const entry of handlers) if (entry.event === event && entry.handler === handler) handlers.delete(entry);
    },
  });
  const document = { visibilityState: "visible", ...targetOf("document") };
  Object.assign(globalThis, targetOf("window"), { document });
  t.after(() => {
    for (const name of ["addEventListener", "removeEventListener", "document"]) delete globalThis[name];
  });
  const fire = (event) => [...handlers].forEach((entry) => entry.event === event && entry.handler({ type: event }));
  return { fire, handlers, document };
}

/** A wall clock that goes on while the machine sleeps; timers and the monotonic clock stand still then. */
function wallClock(t) {
  const clock = { slept: 0 };
  let fake;
  t.mock.method(Date, "now", () => 1e12 + clock.slept + (fake?.now ?? 0));
  clock.of = (given) => (fake = given);
  return clock;
}

/** Lets time pass in steps, so that no timer is late. */
async function pass(fake, ms) {
  for (let passed = 0; passed < ms; passed += 500) await fake.tick(500);
}

/** A client that waits for its next attempt, which is far away. */
async function waiting(t, options) {
  const fake = await Fake.connected(t, options);
  for (let attempt = 0; attempt < 7; attempt += 1) {
    fake.socket.closes(1006);
    if (attempt < 6) await fake.tick(fake.states.at(-1).delay);
  }
  assert.deepEqual([fake.client.state, fake.states.at(-1).delay], ["waiting", 30_000]);
  await fake.tick(1_000);
  return fake;
}

for (const event of ["online", "pageshow", "visibilitychange", "resume"]) {
  test(`\`${event}\` ends the wait for the next attempt`, async (t) => {
    const { fire } = page(t);
    const fake = await waiting(t);
    const before = fake.sockets.length;
    fire(event);
    await fake.accept();
    assert.deepEqual([fake.client.state, fake.sockets.length], ["connected", before + 1]);
    await fake.tick(30_000);
    assert.equal(fake.sockets.length, before + 1, "the wait is over");
  });

  test(`\`${event}\` tests the connection`, async (t) => {
    const { fire } = page(t);
    const fake = await Fake.connected(t, {}, { rate: RATE });
    fire(event);
    assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
    await fake.tick(1_999);
    assert.equal(fake.client.state, "connected");
    await fake.tick(1);
    assert.equal(fake.client.state, "waiting");
    await fake.tick(500);
    await fake.accept();
  });
}

test("a connection that answers stays, with its usual keep-alive", async (t) => {
  const { fire } = page(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  fire("online");
  assert.equal(fake.socket.taken().length, 1);
  await fake.tick(1_000);
  fake.socket.says({ type: "pong" });
  await fake.tick(24_999);
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", []]);
  await fake.tick(1);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  await fake.tick(9_999);
  assert.equal(fake.client.state, "connected", "an ordinary ping has 10 s");
});

test("frames from before a sleep do not show that the connection is alive", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: RATE });
  await fake.tick(25_000); // an ordinary ping, whose answer was under way when the machine fell asleep
  fake.client.wake();
  assert.equal(fake.socket.taken().length, 2);
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  fake.socket.says({ type: "pong" });
  await fake.tick(2_000);
  assert.equal(fake.client.state, "waiting");
});

test("with a server that answers pings in turn, any frame shows that it is alive", async (t) => {
  const fake = await Fake.connected(t);
  fake.client.wake();
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  await fake.tick(20_000);
  assert.equal(fake.client.state, "connected");
});

test("a ping that is refused because it came too fast shows that the server is alive", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: RATE });
  fake.client.wake();
  fake.socket.says({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 5_000 });
  await fake.tick(20_000);
  assert.equal(fake.client.state, "connected");
});

test("a test that waits for the rate is made later, whatever arrives meanwhile", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: RATE });
  fake.socket.says({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 5_000 });
  fake.client.wake();
  await fake.tick(4_000);
  fake.socket.says({ type: "direct", event: "news", data: 1 });
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1_000);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  await fake.tick(2_000);
  assert.equal(fake.client.state, "waiting");
});

test("a page that becomes hidden does nothing", async (t) => {
  const { fire, document } = page(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  document.visibilityState = "hidden";
  fire("visibilitychange");
  await fake.tick(2_000);
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", []]);
  fire("online");
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }], "it works in the background");
});

test("several signs within a second count as two", async (t) => {
  const { fire } = page(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  for (const event of ["resume", "pageshow", "visibilitychange", "online"]) fire(event);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  fake.socket.says({ type: "pong" });
  await fake.tick(999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }], "the network may have come back only after the first");
});

test("a network that is back a moment later is noticed", async (t) => {
  const { fire } = page(t);
  const fake = await waiting(t);
  fire("resume"); // there is no network yet
  await settled();
  fake.socket.onerror({});
  assert.deepEqual([fake.client.state, fake.states.at(-1).delay], ["waiting", 500], "the backoff starts again");
  await fake.tick(400);
  fire("online");
  await fake.tick(600);
  await fake.accept();
  assert.equal(fake.client.state, "connected");
});

test("a machine that wakes while the client waits connects within two seconds", async (t) => {
  const clock = wallClock(t);
  const fake = await waiting(t);
  clock.of(fake);
  await fake.tick(4_000);
  clock.slept += 3_600_000;
  await fake.tick(2_000);
  await fake.accept();
  assert.equal(fake.client.state, "connected");
});

test("a machine that wakes tests its connection within two seconds", async (t) => {
  const clock = wallClock(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  clock.of(fake);
  await pass(fake, 4_000);
  assert.deepEqual(fake.socket.taken(), []);
  clock.slept += 3_600_000;
  await pass(fake, 2_000);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  fake.socket.says({ type: "pong" });
  await pass(fake, 20_000);
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", []]);
});

test("an answer that was due during the sleep has more time", async (t) => {
  const clock = wallClock(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  clock.of(fake);
  await pass(fake, 25_000);
  await pass(fake, 9_000);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  clock.slept += 60_000;
  await pass(fake, 1_500);
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", [{ type: "ping" }]]);
  fake.socket.says({ type: "pong" });
  fake.socket.says({ type: "pong" });
  await pass(fake, 20_000);
  assert.equal(fake.client.state, "connected");
});

test("a wall clock that is set back, or a little ahead, is no sleep", async (t) => {
  const clock = wallClock(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  clock.of(fake);
  for (const change of [-3_600_000, 2_000, -1]) {
    clock.slept += change;
    await fake.tick(4_000);
  }
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", []]);
});

test("the slow timers of a hidden page are no sleep", async (t) => {
  const clock = wallClock(t);
  const { fire, document } = page(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  clock.of(fake);
  document.visibilityState = "hidden";
  for (let minute = 0; minute < 10; minute += 1) {
    await fake.tick(60_000); // a browser runs them once a minute
    for (const { type } of fake.socket.taken()) {
      assert.equal(type, "ping");
      fake.socket.says({ type: "pong" }); // but the frames of a socket arrive at once
    }
  }
  assert.deepEqual([fake.client.state, fake.states.length], ["connected", 2]);
  document.visibilityState = "visible";
  fire("visibilitychange");
  assert.equal(fake.client.state, "connected");
});

test("an attempt from before a sleep is given up for a new one", async (t) => {
  const clock = wallClock(t);
  const fake = new Fake(t);
  clock.of(fake);
  const opening = fake.client.connect();
  await settled();
  clock.slept += 60_000;
  fake.client.wake();
  await settled();
  assert.deepEqual([fake.sockets.length, fake.sockets[0].isClosed], [2, true]);
  await fake.accept();
  await opening;
  assert.deepEqual(fake.states.map(({ state }) => state), ["connecting", "connected"]);
});

test("a young attempt goes on", async (t) => {
  const clock = wallClock(t);
  const fake = new Fake(t);
  clock.of(fake);
  const opening = fake.client.connect();
  await settled();
  await fake.tick(4_000);
  fake.client.wake();
  await fake.accept();
  await opening;
  assert.equal(fake.sockets.length, 1);
});

test("waking while `auth` is awaited does not ask again", async (t) => {
  let asked = 0;
  let give;
  const auth = () => {
    asked += 1;
    return new Promise((resolve) => (give = resolve));
  };
  const fake = new Fake(t, { auth });
  const opening = fake.client.connect();
  await fake.tick(6_000);
  fake.client.wake();
  give("token");
  await fake.accept();
  await opening;
  assert.equal(asked, 1);
});

test("a closed client does not wake", async (t) => {
  const { fire, handlers } = page(t);
  const fake = new Fake(t);
  assert.equal(handlers.size, 0, "a client that never connects holds nothing");
  fake.client.wake();
  const opening = fake.client.connect();
  await fake.accept();
  await opening;
  assert.equal(handlers.size, 4);
  fake.client.wake();
  fake.client.wake();
  fake.client.disconnect();
  fire("online");
  fake.client.wake();
  await fake.tick(2_000);
  assert.deepEqual([fake.client.state, fake.sockets.length, handlers.size, fake.timers.size], ["closed", 1, 0, 0]);
});

test("a client that the server has closed for good does not wake", async (t) => {
  const { fire, handlers } = page(t);
  const fake = await Fake.connected(t);
  fake.socket.closes(4501);
  fire("online");
  await fake.tick(2_000);
  assert.deepEqual([fake.client.state, fake.sockets.length, handlers.size], ["closed", 1, 0]);
});

test("an environment with half of a page is enough", async (t) => {
  Object.assign(globalThis, { document: {}, addEventListener: () => {} }); // such as React Native with a shim
  t.after(() => ["document", "addEventListener"].forEach((name) => delete globalThis[name]));
  const fake = await Fake.connected(t);
  fake.client.disconnect();
  assert.equal(fake.client.state, "closed");
});

test("a test of the connection ends in time, however often the client wakes", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: RATE });
  for (let second = 0; second < 3; second += 1) {
    fake.client.wake();
    await fake.tick(1_000);
  }
  assert.deepEqual(fake.states.map(({ state }) => state), ["connecting", "connected", "waiting", "connecting"]);
});

test("a test of the connection that a sleep interrupted has more time", async (t) => {
  const clock = wallClock(t);
  const fake = await Fake.connected(t, {}, { rate: RATE });
  clock.of(fake);
  fake.client.wake();
  await pass(fake, 1_000);
  clock.slept += 60_000;
  await pass(fake, 1_000); // the sleep is noticed when the step ends
  assert.deepEqual([fake.client.state, fake.socket.taken()], ["connected", [{ type: "ping" }, { type: "ping" }]]);
  await pass(fake, 1_500);
  for (let pong = 0; pong < 2; pong += 1) fake.socket.says({ type: "pong" });
  await pass(fake, 20_000);
  assert.equal(fake.client.state, "connected");
});
