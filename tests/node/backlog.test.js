// The backlog of a handle: what it keeps until the program attaches handlers. The test plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, message, settled } from "./support/fake.js";

const joined = (rest) => ({ type: "joined", roomId: "chat", ...JOINED, ...rest });
const says = (fake, ...seqs) => seqs.forEach((seq) => fake.socket.says({ type: "event", ...message(seq) }));

/** Records every call of a room's handlers. */
function listen(room, calls = []) {
  room.onAny(({ seq }) => calls.push(seq));
  room.onHistory(({ events, gap }) => calls.push({ history: events.map(({ seq }) => seq), gap }));
  room.onRecovered((recovery) => calls.push(recovery));
  room.onLeft((left) => calls.push(left));
  return calls;
}

/** A client whose room has had no handler for a while. */
async function late(t, joined) {
  const given = await Fake.joined(t, {}, joined);
  await given.fake.tick(50);
  return given;
}

test("handlers that are attached late receive everything, in order", async (t) => {
  const { fake, room } = await late(t, { events: [message(9), message(10)] });
  says(fake, 11, 12);
  const calls = listen(room);
  assert.deepEqual(calls, [], "never in the call that attaches the handler");
  await settled();
  assert.deepEqual(calls, []);
  await fake.tick(0);
  assert.deepEqual(calls, [{ history: [9, 10], gap: false }, 11, 12]);
  says(fake, 13);
  await fake.tick(1);
  assert.deepEqual(calls.slice(3), [13]);
});

test("an event that arrives before the kept ones are delivered comes after them", async (t) => {
  const { fake, room } = await late(t);
  says(fake, 11);
  const calls = listen(room);
  says(fake, 12);
  await fake.tick(1);
  assert.deepEqual(calls, [{ history: [], gap: false }, 11, 12]);
});

test("a recovery and a gap are kept, too", async (t) => {
  const { fake, room } = await late(t);
  await fake.reconnect();
  fake.socket.answers(joined({ recovered: true, seq: 12, events: [message(12)] }));
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(joined({ recovered: false, seq: 14, events: [message(14)] }));
  const calls = listen(room);
  await fake.tick(1);
  const gap = { history: [14], gap: true };
  assert.deepEqual(calls, [{ history: [], gap: false }, 12, { recovered: true }, gap, { recovered: false }]);
});

test("the end of a membership is kept, too", async (t) => {
  const { fake, room } = await late(t);
  says(fake, 11);
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  await fake.tick(60_000);
  const calls = listen(room);
  await fake.tick(1);
  assert.deepEqual(calls, [{ history: [], gap: false }, 11, { reason: "removed" }]);
});

test("a handle that has left by itself keeps nothing but its end", async (t) => {
  const { fake, room } = await late(t);
  says(fake, 11);
  room.leave();
  const calls = listen(room);
  await fake.tick(1);
  assert.deepEqual(calls, [{ reason: undefined }]);
});

test("handlers that a parent and a child attach in different ticks receive their own items", async (t) => {
  const { fake, room } = await late(t, { events: [message(10)] });
  says(fake, 11);
  const calls = [];
  room.onHistory(({ events }) => calls.push(events.length));
  await fake.tick(100);
  room.on("message", ({ seq }) => calls.push(seq));
  await fake.tick(1);
  room.on("message", () => assert.fail("the first handler has received it"));
  await fake.tick(1);
  assert.deepEqual(calls, [1, 11]);
});

test("5 s after the first handler, nothing is kept any more", async (t) => {
  const { fake, room } = await late(t, { events: [message(10)] });
  await fake.tick(60_000);
  fake.socket.says({ type: "pong" });
  room.onHistory(() => {});
  says(fake, 11);
  await fake.tick(4_999);
  const calls = [];
  const remove = room.on("message", ({ seq }) => calls.push(seq));
  await fake.tick(1);
  assert.deepEqual(calls, [11]);
  remove();
  says(fake, 12);
  room.on("message", ({ seq }) => calls.push(seq));
  await fake.tick(1);
  assert.deepEqual(calls, [11]);
  assert.deepEqual(fake.errors, []);
});

test("what the handlers of onJoined receive, the code that awaits the join receives, too", async (t) => {
  const fake = await Fake.connected(t);
  const lists = [];
  fake.client.onJoined((room) => lists.push(listen(room)));
  const joining = fake.client.join("chat").then((room) => lists.push(listen(room)));
  fake.socket.answers(joined({ events: [message(10)] }));
  says(fake, 11);
  await joining;
  await fake.tick(1);
  const all = [{ history: [10], gap: false }, 11];
  assert.deepEqual(lists, [all, all]);
});

test("each handle keeps its own items", async (t) => {
  const { fake, room } = await late(t);
  const joining = fake.client.join("chat");
  fake.socket.answers(joined({ events: [message(10)] }));
  const second = await joining;
  const first = listen(room);
  says(fake, 11);
  await fake.tick(60_000);
  const calls = listen(second);
  await fake.tick(1);
  assert.deepEqual([first, calls], [[{ history: [], gap: false }, 11], [{ history: [10], gap: false }, 11]]);
});

test("at most 600 items are kept, and the loss of older ones is reported once", async (t) => {
  const events = Array.from({ length: 300 }, (_, index) => message(index + 1));
  const { fake, room } = await late(t, { events, seq: 300 });
  const seqs = Array.from({ length: 400 }, (_, index) => 301 + index);
  says(fake, ...seqs);
  assert.deepEqual(fake.errors, [], "nobody has lost anything yet");
  const calls = listen(room);
  await fake.tick(1);
  const kept = Array.from({ length: 200 }, (_, index) => 101 + index);
  assert.deepEqual(calls, [{ history: kept, gap: false }, ...seqs]);
  room.onAny(() => {});
  await fake.tick(1);
  assert.deepEqual(fake.errors.map(({ code, missed, roomId }) => ({ code, missed, roomId })), [
    { code: "MISSED", missed: 100, roomId: "chat" },
  ]);
});

test("at most 1 MiB is kept", async (t) => {
  const { fake, room } = await late(t);
  const text = "x".repeat(100 * 1024);
  for (let seq = 11; seq < 31; seq += 1) fake.socket.says({ type: "event", ...message(seq, text) });
  const calls = [];
  room.onAny(({ seq }) => calls.push(seq));
  await fake.tick(1);
  assert.deepEqual(calls, [21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  assert.deepEqual(fake.errors.map(({ missed }) => missed), [10]);
});

test("a handle without handlers reports nothing, however much it drops", async (t) => {
  const { fake, room } = await late(t);
  says(fake, ...Array.from({ length: 2_000 }, (_, index) => 11 + index));
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  await fake.tick(10_000);
  assert.deepEqual([fake.errors, room.state], [[], "left"]);
});

test("a handler that is removed before its turn receives nothing", async (t) => {
  const { fake, room } = await late(t);
  says(fake, 11);
  const calls = [];
  room.onAny(() => calls.push("removed"))();
  await fake.tick(1);
  room.onAny(({ seq }) => calls.push(seq));
  await fake.tick(1);
  assert.deepEqual(calls, [11]);
});

test("a handler that is attached in a handler receives what is kept for it", async (t) => {
  const { fake, room } = await late(t);
  says(fake, 11);
  const calls = [];
  room.onHistory(() => room.on("message", ({ seq }) => calls.push(seq)));
  await fake.tick(1);
  says(fake, 12);
  await fake.tick(1);
  assert.deepEqual(calls, [11, 12]);
});

for (const [how, ends] of [
  ["leaves", (fake, room) => room.leave()],
  ["disconnects", (fake) => fake.client.disconnect()],
]) {
  test(`a handler that ${how} receives no kept items after that`, async (t) => {
    const { fake, room } = await late(t);
    says(fake, 11, 12, 13);
    const calls = listen(room);
    room.on("message", ({ seq }) => seq === 12 && ends(fake, room));
    await fake.tick(10_000);
    // All handlers of the event in which the handler ended the membership receive that event.
    assert.deepEqual(calls, [{ history: [], gap: false }, 11, 12, { reason: undefined }]);
    fake.client.disconnect();
    assert.equal(fake.timers.size, 0);
  });
}

test("the client's own handlers keep nothing for those that are attached late", async (t) => {
  const { fake } = await Fake.joined(t, {}, { events: [message(10)] });
  await fake.tick(50);
  fake.client.onJoined(() => assert.fail());
  fake.client.onHistory(() => assert.fail());
  await fake.tick(50);
});
