// Triggers that the server cannot take now: they are repeated with their keys, in order, until there is another answer.
// The test plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, codeOf } from "./support/fake.js";

const NOT_NOW = { type: "error", code: "UNAVAILABLE", message: "try again later", retryAfter: 1_000 };
const FIRST = { clientId: "c1", epoch: "e" };
const dataOf = (frames) => frames.map(({ data }) => data);

/** The client waits half of the longest random time: 250 ms after the first answer, 500 ms after the second, … */
const joined = (t, options = {}) => Fake.joined(t, { random: 0.5, ...options });

test("the waits grow with each answer, up to a minute", async (t) => {
  const { fake, room } = await joined(t, { timeout: 60_000 });
  const result = codeOf(room.trigger("message", 1));
  fake.socket.answers(NOT_NOW);
  for (const wait of [1_250, 1_500, 2_000, 3_000, 5_000, 9_000]) {
    await fake.tick(wait - 1);
    assert.deepEqual(fake.socket.taken(), [], `${wait}`);
    await fake.tick(1);
    assert.deepEqual(fake.socket.answers({ ...NOT_NOW }).repeats, FIRST, `${wait}`);
  }
  fake.client.disconnect();
  assert.equal(await result, "UNAVAILABLE");
  assert.equal(fake.timers.size, 0);
});

test("a server cannot make a trigger wait for more than a minute", async (t) => {
  const { fake, room } = await joined(t);
  const first = codeOf(room.trigger("message", 1));
  await fake.tick(50_000);
  const second = codeOf(room.trigger("message", 2));
  const sent = fake.socket.taken().filter(({ type }) => type === "trigger");
  fake.socket.says({ ...NOT_NOW, id: sent[1].id, retryAfter: 1e12 });
  fake.socket.says({ type: "pong" });
  await fake.tick(10_000);
  assert.equal(await first, "TIMEOUT", "it was never answered");
  await fake.tick(50_000);
  assert.equal(await second, "UNAVAILABLE");
});

test("a trigger behind one that waits fails without having been sent", async (t) => {
  const { fake, room } = await joined(t, { timeout: 5_000 });
  const first = codeOf(room.trigger("message", 1));
  fake.socket.answers({ ...NOT_NOW, retryAfter: 60_000 });
  const second = codeOf(room.trigger("message", 2));
  await fake.tick(5_000);
  assert.deepEqual([await first, await second], ["UNAVAILABLE", "OVERLOADED"]);
  assert.deepEqual(fake.socket.taken(), []);
});

test("triggers keep their order if some came too fast and others could not be taken", async (t) => {
  const { fake, room } = await joined(t);
  const results = [1, 2, 3, 4].map((data) => room.trigger("message", data));
  const sent = fake.socket.taken();
  const tooFast = { type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 100 };
  fake.socket.says({ ...tooFast, id: sent[0].id });
  fake.socket.says({ ...NOT_NOW, id: sent[1].id });
  fake.socket.says({ ...tooFast, id: sent[2].id });
  fake.socket.says({ ...NOT_NOW, id: sent[3].id });
  await fake.tick(1_249);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  const again = fake.socket.taken();
  assert.deepEqual(again.map(({ data, repeats }) => [data, repeats]), [[1, undefined], [2, FIRST], [3, undefined], [4, FIRST]]);
  for (const { id, data } of again) fake.socket.says({ type: "ok", id, seq: 10 + data });
  assert.deepEqual((await Promise.all(results)).map(({ seq }) => seq), [11, 12, 13, 14]);
});

test("volatile triggers and other rooms do not wait", async (t) => {
  const { fake, room } = await joined(t);
  const joining = fake.client.join("other");
  fake.socket.answers({ type: "joined", ...JOINED, roomId: "other" });
  const other = await joining;
  const waiting = [room.trigger("message", 1)];
  fake.socket.answers(NOT_NOW);
  waiting.push(room.trigger("message", 2));
  const sent = [room.trigger("typing", 3, { volatile: true }), other.trigger("message", 4)];
  const frames = fake.socket.taken();
  assert.deepEqual(dataOf(frames), [3, 4]);
  for (const { id } of frames) fake.socket.says({ type: "ok", id });
  await Promise.all(sent);
  await fake.tick(1_250);
  const late = fake.socket.taken();
  assert.deepEqual(dataOf(late), [1, 2]);
  for (const { id } of late) fake.socket.says({ type: "ok", id });
  await Promise.all(waiting);
});

test("a trigger that waits is repeated as the first attempt of all after two connections", async (t) => {
  const { fake, room } = await joined(t);
  const triggered = room.trigger("message", 1);
  fake.socket.answers(NOT_NOW);
  for (const clientId of ["c2", "c3"]) {
    await fake.reconnect({ delay: 2_000, connected: { clientId } });
    fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, recovered: true });
    assert.deepEqual(fake.socket.answers(NOT_NOW).repeats, FIRST);
  }
  fake.client.disconnect();
  await assert.rejects(triggered, { code: "UNAVAILABLE", retryAfter: 1_000 });
});

test("a room that the client is removed from ends what waits", async (t) => {
  const { fake, room } = await joined(t);
  const results = [codeOf(room.trigger("message", 1))];
  fake.socket.answers(NOT_NOW);
  results.push(codeOf(room.trigger("message", 2)));
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  assert.deepEqual(await Promise.all(results), ["UNAVAILABLE", "NOT_IN_ROOM"]);
  await fake.tick(5_000);
  assert.deepEqual(fake.socket.taken(), []);
});

test("another user does not repeat what waits", async (t) => {
  const { fake, room } = await joined(t);
  const result = codeOf(room.trigger("message", 1));
  fake.socket.answers(NOT_NOW);
  await fake.reconnect({ connected: { userId: "eve", clientId: "c2" } });
  assert.equal(await result, "UNAVAILABLE");
});

test("with a server that knows no marked repetitions, a trigger is not repeated when its key may be forgotten", async (t) => {
  let now = 1e12;
  t.mock.method(Date, "now", () => now);
  const { fake, room } = await joined(t);
  const result = codeOf(room.trigger("message", 1));
  const [{ id }] = fake.socket.taken();
  now += 120_000; // the machine was asleep
  fake.socket.says({ ...NOT_NOW, id });
  assert.equal(await result, "UNAVAILABLE");
});
