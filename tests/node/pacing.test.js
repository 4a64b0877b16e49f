// How fast the client sends: within the rate that the server accepts, whatever the program asks for. The test plays the
// server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, codeOf, settled } from "./support/fake.js";

const RATE = { frames: 200, window: 4_000 };

/** Plays a server that answers every request, for a while. Returns the frames with the times at which they came. */
async function serve(fake, ms, { frames = [], step = 20, answer = () => ({}) } = {}) {
  for (let passed = 0; passed <= ms; passed += step) {
    for (let sent = fake.socket.taken(); sent.length > 0; sent = fake.socket.taken()) {
      for (const frame of sent) {
        frames.push({ at: fake.now, ...frame });
        const { type, id, roomId } = frame;
        if (type === "join") fake.socket.says({ ...JOINED, type: "joined", id, roomId, ...answer(frame) });
        else fake.socket.says({ type: type === "ping" ? "pong" : "ok", id, ...answer(frame) });
      }
      await settled();
    }
    await fake.tick(step);
  }
  return frames;
}

/** The most frames in any time of one window. */
function most(frames, { window } = RATE) {
  return Math.max(...frames.map(({ at }) => frames.filter((other) => other.at >= at && other.at < at + window).length));
}

test("two hundred triggers at once are sent at the permitted rate, in order", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = Promise.all(Array.from({ length: 200 }, (_, index) => room.trigger("message", index)));
  const frames = await serve(fake, 8_000);
  await triggered;
  assert.deepEqual(frames.map(({ data }) => data), Array.from({ length: 200 }, (_, index) => index));
  assert.ok(most(frames) <= 158, "`connect` and `join` count, too");
});

test("a hundred and twenty joins at once succeed", async (t) => {
  const fake = await Fake.connected(t);
  const joining = Promise.all(Array.from({ length: 120 }, (_, index) => fake.client.join(`room-${index}`)));
  const frames = await serve(fake, 4_000);
  assert.equal((await joining).length, 120);
  assert.ok(most(frames) <= 159);
});

test("requests that wait may have four megabytes", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  const text = "ü".repeat(15_000); // 30,000 bytes
  const codes = Array.from({ length: 150 }, () => codeOf(room.trigger("message", text)));
  const overloaded = await Promise.race([Promise.any(codes), settled()]);
  assert.equal(overloaded, "OVERLOADED");
  let waiting = 0;
  for (const code of codes) if (!(await Promise.race([code, settled()]))) waiting += 1;
  assert.equal(waiting, Math.floor(4_194_304 / 30_143));
  fake.client.disconnect();
  assert.equal(await codes[0], "DISCONNECTED");
});

test("a program may set its own limits for requests that wait", async (t) => {
  const { fake, room } = await Fake.joined(t, { maxPendingBytes: 400 });
  fake.socket.closes(1006);
  const first = codeOf(room.trigger("message", "x".repeat(100)));
  await assert.rejects(room.trigger("message", "x".repeat(100)), { code: "OVERLOADED", message: /maxPendingBytes = 400/ });
  fake.client.disconnect();
  assert.equal(await first, "DISCONNECTED");
});

test("answered requests make space for others", async (t) => {
  const { fake, room } = await Fake.joined(t, { maxPending: 1, maxPendingBytes: 300 });
  for (let count = 0; count < 10; count += 1) {
    const triggered = room.trigger("message", "x".repeat(100));
    assert.equal(await codeOf(room.trigger("message", 1)), "OVERLOADED");
    fake.socket.answers({ type: "ok", seq: 11 + count });
    await triggered;
  }
});

test("a request that does not have its turn in time was not sent", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 3_000 });
  const codes = Array.from({ length: 200 }, (_, index) => room.trigger("message", index).then(() => "ok", ({ code }) => code));
  await serve(fake, 3_500);
  const results = await Promise.all(codes);
  assert.deepEqual(new Set(results.slice(0, 158)), new Set(["ok"]));
  assert.deepEqual(new Set(results.slice(158)), new Set(["OVERLOADED"]));
});

test("a hundred rooms with five exceptions each are rejoined within the rate", async (t) => {
  const fake = await Fake.connected(t);
  for (let index = 0; index < 100; index += 1) {
    const joining = fake.client.join(`room-${index}`, { subscriptions: ["*"] });
    await serve(fake, 0, { answer: () => ({ subscriptions: ["*"] }) });
    const room = await joining;
    const narrowing = ["a", "b", "c", "d", "e"].map((event) => room.unsubscribe(event));
    await serve(fake, 0);
    await Promise.all(narrowing);
    await fake.tick(4_000);
    fake.socket.says({ type: "pong" });
  }
  // A server that takes the exceptions, and an older one.
  for (const { except, sent } of [{ except: ["a", "b", "c", "d", "e"], sent: 101 }, { except: undefined, sent: 601 }]) {
    fake.socket.closes(1006);
    await fake.tick(500);
    await fake.accept();
    const frames = [{ at: fake.now, type: "connect" }];
    await serve(fake, 20_000, { frames, answer: () => ({ subscriptions: ["*"], recovered: true, except }) });
    assert.equal(frames.length, sent);
    assert.ok(most(frames) <= 160, `${most(frames)} frames`);
    assert.equal(fake.client.rooms.every(({ state }) => state === "joined"), true);
    assert.deepEqual(frames[1].except, ["a", "b", "c", "d", "e"]);
  }
});

test("a pointer at 120 Hz stays within the rate, and the newest position arrives", async (t) => {
  const { fake, room } = await Fake.joined(t, {});
  const results = [];
  const frames = [];
  for (let index = 0; index < 1_200; index += 1) {
    room.trigger("pointer", index, { volatile: true }).then((result) => results.push({ index, ...result }));
    if (index % 120 === 0) room.trigger("message", index);
    await serve(fake, 0, { frames, step: 1_000 / 120 });
  }
  await serve(fake, 100, { frames });
  const pointers = frames.filter(({ event }) => event === "pointer");
  assert.ok(most(frames) <= 158, `${most(frames)} frames`);
  assert.ok(most(pointers) <= 120, `${most(pointers)} volatile frames`);
  assert.ok(pointers.length > 240, `${pointers.length} pointers`);
  assert.equal(pointers.at(-1).data, 1_199);
  assert.equal(frames.filter(({ event }) => event === "message").length, 10);
  assert.equal(results.length, 1_200, "every trigger has a result");
  const sent = results.filter(({ superseded }) => !superseded).map(({ index }) => index);
  assert.deepEqual(sent, pointers.map(({ data }) => data));
});

test("a network that has stalled does not deliver more than the rate at once", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, {});
  const results = Array.from({ length: 1_000 }, (_, index) => room.trigger("message", index).then(() => index));
  for (let second = 0; second < 20; second += 1) await fake.tick(1_000);
  const stalled = fake.socket.taken();
  assert.equal(stalled.length, 200, "the server answers none of them");
  for (const { id } of stalled.slice(0, 50)) fake.socket.says({ type: "ok", id });
  const next = fake.socket.taken();
  assert.deepEqual(next.map(({ data }) => data), Array.from({ length: 50 }, (_, index) => 200 + index));
  for (const { id } of [...stalled.slice(50), ...next]) fake.socket.says({ type: "ok", id });
  await serve(fake, 20_000);
  assert.equal((await Promise.all(results)).length, 1_000);
});

test("requests without an answer do not block others for ever", async (t) => {
  const fake = await Fake.connected(t, { timeout: 5_000 }, { rate: { frames: 3, window: 10 } });
  const room = await fake.join();
  const codes = Array.from({ length: 3 }, (_, index) => codeOf(room.trigger("message", index)));
  for (let ms = 0; ms < 4_000; ms += 100) await fake.tick(100);
  const late = room.trigger("message", 3);
  await fake.tick(900);
  assert.equal(fake.socket.taken().length, 3);
  await fake.tick(100);
  assert.deepEqual(await Promise.all(codes), ["TIMEOUT", "TIMEOUT", "TIMEOUT"]);
  fake.socket.answers({ type: "ok", seq: 11 });
  assert.deepEqual(await late, { seq: 11 });
});

test("volatile triggers are sent while many requests wait", async (t) => {
  const { fake, room } = await Fake.joined(t);
  for (let index = 0; index < 1_000; index += 1) room.trigger("message", index).catch(() => {});
  const frames = [];
  for (let index = 0; index < 160; index += 1) {
    room.trigger("pointer", index, { volatile: true }).catch(() => {});
    await serve(fake, 0, { frames, step: 50 });
  }
  const late = frames.filter(({ at }) => at >= 4_000);
  const pointers = late.filter(({ event }) => event === "pointer");
  const messages = late.filter(({ event }) => event === "message");
  assert.ok(pointers.length > 0 && messages.length >= pointers.length, `${pointers.length} of ${late.length}`);
  assert.deepEqual(messages.map(({ data }) => data), messages.map((_, index) => messages[0].data + index));
  assert.ok(most(frames) <= 160);
});

test("volatile triggers have a fifth of the rate, evenly, while many requests wait", async (t) => {
  const { fake, room } = await Fake.joined(t);
  for (let index = 0; index < 1_000; index += 1) room.trigger("message", index).catch(() => {});
  const frames = [];
  for (let index = 0; index < 800; index += 1) {
    room.trigger(index % 2 ? "pointer" : "typing", index, { volatile: true }).catch(() => {});
    await serve(fake, 0, { frames, step: 20 });
  }
  const times = frames.filter(({ event, at }) => event !== "message" && at >= 4_000).map(({ at }) => at);
  const pauses = times.map((at, index) => at - (times[index - 1] ?? 4_000));
  assert.ok(Math.max(...pauses) <= 120, `${Math.max(...pauses)} ms without a volatile trigger`);
  for (const from of [4_000, 8_000, 11_000]) {
    const window = frames.filter(({ at }) => at >= from && at < from + 4_000);
    const messages = window.filter(({ event }) => event === "message");
    assert.ok(messages.length >= 118, `${messages.length} messages in the window at ${from}`);
  }
  assert.ok(most(frames) <= 160);
});

test("a waiting volatile trigger is rejected when the connection is lost", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = codeOf(room.trigger("pointer", 1, { volatile: true }));
  const waits = codeOf(room.trigger("pointer", 2, { volatile: true }));
  fake.socket.closes(1006);
  assert.deepEqual([await sent, await waits], ["OUTCOME_UNKNOWN", "DISCONNECTED"]);
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, recovered: true });
  await fake.tick(1_000);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a volatile trigger that came too fast is sent later, unless a newer one waits", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const tooFast = { type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 1_000 };
  const first = room.trigger("pointer", 1, { volatile: true });
  const [{ id }] = fake.socket.taken();
  const second = room.trigger("pointer", 2, { volatile: true });
  fake.socket.says({ ...tooFast, id });
  assert.deepEqual(await first, { superseded: true });
  await fake.tick(999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  fake.socket.answers(tooFast);
  await fake.tick(1_000);
  assert.equal(fake.socket.answers({ type: "ok" }).data, 2);
  assert.deepEqual(await second, {});
});

test("a renewal overtakes requests that wait", async (t) => {
  const fake = await Fake.connected(t, { auth: () => "token" }, { expiresIn: 20_000 });
  const room = await fake.join();
  for (let index = 0; index < 2_000; index += 1) room.trigger("message", index).catch(() => {});
  const frames = await serve(fake, 23_000, { answer: ({ type }) => (type === "connect" ? { type: "connected" } : {}) });
  const renewal = frames.find(({ type }) => type === "connect");
  assert.ok(renewal.at >= 18_000 && renewal.at <= 22_000, `renewed at ${renewal.at}`);
});

test("a ping waits for the rate, and counts", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: { frames: 2, window: 60_000 } });
  await fake.tick(25_000);
  assert.deepEqual(fake.socket.taken(), [], "`connect` was the only frame in this minute");
  await fake.tick(35_000);
  assert.deepEqual(fake.socket.taken(), [{ type: "ping" }]);
  await fake.tick(9_999);
  assert.equal(fake.client.state, "connected");
  await fake.tick(1);
  assert.equal(fake.client.state, "waiting");
});

test("nothing is sent before `retryAfter`, not even a ping", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.says({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 30_000 });
  assert.equal(fake.errors[0].code, "RATE_LIMITED");
  const triggered = room.trigger("message", 1);
  await fake.tick(29_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  const [ping, trigger] = fake.socket.taken();
  assert.deepEqual([ping.type, trigger.data], ["ping", 1]);
  fake.socket.says({ type: "ok", id: trigger.id, seq: 11 });
  assert.deepEqual(await triggered, { seq: 11 });
});

test("a server cannot silence the client for more than a minute", async (t) => {
  const { fake, room } = await Fake.joined(t, {});
  fake.socket.says({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 1e12 });
  await fake.tick(1);
  codeOf(room.trigger("message", 1)); // never gets a reply
  await fake.tick(59_998);
  fake.socket.says({ type: "pong" });
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  assert.deepEqual(fake.socket.taken().map(({ type }) => type), ["trigger"]);
});

test("requests that came too fast are repeated in their order, before later ones", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const results = Promise.all(Array.from({ length: 5 }, (_, index) => room.trigger("message", index)));
  const requests = fake.socket.taken();
  fake.socket.says({ type: "ok", id: requests[0].id, seq: 11 });
  for (const { id } of requests.slice(1)) {
    fake.socket.says({ type: "error", id, code: "RATE_LIMITED", message: "slower", retryAfter: 1_000 });
  }
  const late = room.trigger("message", 5);
  await fake.tick(1_000);
  const again = fake.socket.taken();
  assert.deepEqual(again.map(({ data, repeats }) => [data, repeats]), [1, 2, 3, 4, 5].map((data) => [data, undefined]));
  for (const { id, data } of again) fake.socket.says({ type: "ok", id, seq: 11 + data });
  assert.equal((await results).at(-1).seq, 15);
  assert.deepEqual(await late, { seq: 16 });
});

test("a trigger that came too fast was not run, so it is not a repetition on the next connection", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", 1);
  fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 5_000 });
  fake.socket.closes(1006);
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, epoch: "f", seq: 0, recovered: false });
  const { repeats } = fake.socket.answers({ type: "ok", seq: 1 });
  assert.deepEqual([repeats, await triggered], [undefined, { seq: 1 }]);
});

test("a request that may run only once and came too fast fails as such with the connection", async (t) => {
  const fake = await Fake.connected(t);
  const creating = codeOf(fake.client.createRoom("table-7"));
  fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 5_000 });
  fake.socket.closes(1006);
  assert.equal(await creating, "RATE_LIMITED");
});

test("a client that leaves a room first sends what waits in it", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: { frames: 5, window: 4_000 } });
  const room = await fake.join();
  const triggers = Array.from({ length: 4 }, (_, index) => room.trigger("message", index));
  const leaving = room.leave();
  const frames = await serve(fake, 8_000, { answer: ({ type }) => (type === "leave" ? { type: "left", roomId: "chat" } : {}) });
  await Promise.all([...triggers, leaving]);
  assert.deepEqual(frames.map(({ type, data }) => data ?? type), [0, 1, 2, 3, "leave"]);
});

test("requests of a room that the client is removed from are not sent", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: { frames: 5, window: 4_000 } });
  const room = await fake.join();
  const codes = Array.from({ length: 4 }, (_, index) => codeOf(room.trigger("message", index)));
  const sent = fake.socket.taken();
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  for (const { id } of sent) fake.socket.says({ type: "error", id, code: "NOT_IN_ROOM", message: "no" });
  assert.deepEqual(await Promise.all(codes), ["NOT_IN_ROOM", "NOT_IN_ROOM", "NOT_IN_ROOM", "NOT_IN_ROOM"]);
  await fake.tick(8_000);
  assert.deepEqual(fake.socket.taken(), []);
});

for (const rate of [{}, { frames: 0, window: 4_000 }, { frames: -1, window: 0 }, { frames: "many", window: null }, null, 7]) {
  test(`a rate that makes no sense counts as none: ${JSON.stringify(rate)}`, async (t) => {
    const fake = await Fake.connected(t, {}, { rate });
    const room = await fake.join();
    const triggered = room.trigger("pointer", 1, { volatile: true });
    fake.socket.answers({ type: "ok" });
    assert.deepEqual(await triggered, {});
  });
}

test("no timer remains when the client disconnects while requests wait", async (t) => {
  const fake = await Fake.connected(t, {}, { rate: { frames: 2, window: 4_000 } });
  const joining = codeOf(fake.client.join("chat"));
  fake.client.disconnect();
  assert.deepEqual([await joining, fake.timers.size], ["DISCONNECTED", 0]);
});
