// Random requests over random connections: the client never exceeds the rate, never has too much unanswered, and every
// request has a result. The test plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONNECTED, Fake, JOINED, settled } from "./support/fake.js";

const SEEDS = 30;
const STEPS = 150;
const WINDOW = 1_000;

/** Pseudorandom numbers between 0 and 1. */
function randomOf(seed) {
  let state = seed * 7_919;
  return () => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) / 0x7fffffff;
}

/** Notes when a socket sends, and that it keeps to the rate. */
function watch(fake, limit) {
  const { socket } = fake;
  if (socket.times) return;
  socket.times = [];
  const { send } = socket;
  socket.send = (text) => {
    socket.times.push(fake.now);
    const recent = socket.times.filter((at) => at > fake.now - WINDOW).length;
    if (recent > limit) socket.excess = `${recent} frames, and ${limit} are permitted`;
    send.call(socket, text);
  };
}

/** The server's answer to a frame: mostly a success, and sometimes an error. */
function answerTo({ type, id, roomId, since }, random) {
  const chance = random();
  const error = { type: "error", id, message: "no" };
  if (chance < 0.1) return { ...error, code: "RATE_LIMITED", retryAfter: Math.floor(random() * 1_500) };
  if (chance < 0.15) return { ...error, code: type === "join" ? "UNAVAILABLE" : "BLOCKED" };
  if (chance < 0.2 && type === "trigger") return { ...error, code: "UNAVAILABLE", retryAfter: Math.floor(random() * 1_500) };
  if (type === "join") return { ...JOINED, type: "joined", id, roomId, ...(since && { recovered: true }) };
  return { type: "ok", id };
}

for (let seed = 1; seed <= SEEDS; seed += 1) {
  test(`random requests, number ${seed}`, async (t) => {
    const random = randomOf(seed);
    const rate = { frames: 3 + Math.floor(random() * 20), window: WINDOW };
    const limit = Math.floor(0.8 * rate.frames);
    const fake = new Fake(t, { random: 0.5 });
    let connections = 0;
    const notTaken = new Set(); // the keys of triggers
    const results = [];
    let unanswered = [];
    let room;
    fake.client.connect().catch(() => {});
    const joining = fake.client.join("chat").then((joined) => (room = joined), () => {});
    await settled();
    for (let step = 0; step < STEPS; step += 1) {
      const { socket } = fake;
      watch(fake, limit);
      if (fake.client.state === "connecting") {
        unanswered = [];
        if (random() < 0.7) {
          connections += 1;
          socket.onopen();
          socket.taken();
          socket.says({ ...CONNECTED, id: 0, clientId: `c${connections}`, rate });
        } else {
          socket.closes(1006);
        }
      }
      for (const frame of socket.taken()) {
        if (frame.type === "ping") socket.says({ type: "pong" });
        else unanswered.push(frame);
        if (frame.repeats) assert.ok(notTaken.has(frame.key) || (frame.key && frame.repeats.clientId !== `c${connections}`));
      }
      assert.ok(unanswered.length <= rate.frames);
      while (fake.client.connected && unanswered.length > 0 && random() < 0.6) {
        const frame = unanswered.shift();
        const answer = answerTo(frame, random);
        if (answer.code === "UNAVAILABLE") notTaken.add(frame.key);
        socket.says(answer);
        await settled();
      }
      const chance = random();
      for (let count = chance < 0.5 ? Math.ceil(random() * 10) : 0; room && count > 0; count -= 1) {
        const options = random() < 0.4 ? { volatile: true } : {};
        results.push(room.trigger(random() < 0.5 ? "a" : "b", step, options).catch(({ code }) => code));
      }
      if (chance > 0.97 && fake.client.connected) socket.closes(1006);
      else if (chance > 0.94) fake.client.wake();
      await fake.tick(Math.floor(random() * 400));
      assert.equal(socket.excess, undefined);
    }
    fake.client.disconnect();
    await Promise.all([joining, ...results]); // every request has a result
    assert.equal(fake.timers.size, 0);
  });
}
