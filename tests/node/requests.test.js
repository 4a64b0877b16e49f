// Requests: which ones survive a lost connection while they wait for a reply, and how many may be pending. The test
// plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, codeOf, settled } from "./support/fake.js";

const rejoined = (rest) => ({ type: "joined", roomId: "chat", ...JOINED, recovered: true, ...rest });

test("a trigger resolves with the server's reply", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", { text: "hi" }, { meta: { device: "phone" }, key: "mine" });
  const { id, ...trigger } = fake.socket.answers({ type: "ok", seq: 11 });
  assert.deepEqual(trigger, {
    type: "trigger",
    roomId: "chat",
    event: "message",
    data: { text: "hi" },
    meta: { device: "phone" },
    key: "mine",
  });
  assert.deepEqual(await triggered, { seq: 11 });
  const withoutHistory = room.trigger("bell");
  fake.socket.answers({ type: "ok" });
  assert.deepEqual(await withoutHistory, {});
});

test("a trigger rejects with the server's error, violations included", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", { text: "" });
  const violations = [{ path: "/text", rule: "minLength", message: "too short" }];
  const error = { code: "VALIDATION_FAILED", message: "invalid", roomId: "chat", event: "message", violations };
  fake.socket.answers({ type: "error", ...error });
  await assert.rejects(triggered, { name: "DialogueError", ...error });
});

test("a refusal carries the data of the server's application", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", { text: "hi" });
  const error = { code: "BLOCKED", message: "members only", data: { plan: "pro" } };
  fake.socket.answers({ type: "error", ...error });
  await assert.rejects(triggered, { name: "DialogueError", ...error });
});

test("an unanswered trigger is sent again with its key, in order, once the room is joined again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const first = room.trigger("message", 1);
  const second = room.trigger("message", 2);
  const sent = fake.socket.taken();
  assert.equal(new Set(sent.map(({ key }) => key)).size, 2, "each trigger has its own key");
  await fake.reconnect();
  const third = room.trigger("message", 3);
  fake.socket.answers(rejoined()); // only the join has been sent so far
  const again = fake.socket.taken();
  const repeats = { clientId: "c1", epoch: "e" };
  assert.deepEqual(again.slice(0, 2), sent.map((trigger) => ({ ...trigger, repeats })));
  assert.equal(again[2].repeats, undefined);
  assert.deepEqual(again.map(({ data }) => data), [1, 2, 3]);
  for (const { id, data } of again) fake.socket.says({ type: "ok", id, seq: 10 + data });
  assert.deepEqual(await Promise.all([first, second, third]), [{ seq: 11 }, { seq: 12 }, { seq: 13 }]);
});

test("a repetition that the server cannot recognise is unknown", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", 1);
  fake.socket.taken();
  await fake.reconnect();
  fake.socket.answers(rejoined());
  const refusal = { type: "error", code: "OUTCOME_UNKNOWN", message: "no", roomId: "chat", event: "message" };
  fake.socket.answers(refusal);
  await assert.rejects(triggered, { code: "OUTCOME_UNKNOWN", roomId: "chat", event: "message", message: /OUTCOME_UNKNOWN/ });
});

test("the error of a trigger says whether it may have been delivered", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const expected = { code: "OUTCOME_UNKNOWN", roomId: "chat", event: "message", message: /may or may not have been delivered/ };
  const lost = room.trigger("message", 1, { volatile: true });
  const keyed = room.trigger("message", 2);
  const [unanswered] = fake.socket.taken();
  assert.equal(unanswered.key, undefined);
  fake.socket.closes(1006);
  const unsent = codeOf(room.trigger("message", 3));
  await assert.rejects(lost, expected);
  fake.client.disconnect();
  await assert.rejects(keyed, expected);
  assert.equal(await unsent, "DISCONNECTED");
});

for (const { rate, result } of [
  { rate: { frames: 200, window: 4_000 }, result: "the server decides" },
  { rate: undefined, result: "the client does not repeat it" },
]) {
  const name = `a trigger from before a long sleep, with a server that announces ${rate ? "a" : "no"} rate: ${result}`;
  test(name, async (t) => {
    let now = 1e12;
    t.mock.method(Date, "now", () => now);
    const { fake, room } = await Fake.joined(t);
    const triggered = codeOf(room.trigger("message", 1));
    fake.socket.taken();
    now += 125_000; // the machine sleeps; its timers and its monotonic clock stand still
    await fake.reconnect({ connected: { rate } });
    fake.socket.answers(rejoined());
    const repeated = fake.socket.taken();
    if (!rate) {
      assert.deepEqual(repeated, []);
    } else {
      assert.deepEqual(repeated[0].repeats, { clientId: "c1", epoch: "e" });
      fake.socket.says({ type: "error", id: repeated[0].id, code: "OUTCOME_UNKNOWN", message: "no" });
    }
    assert.equal(await triggered, "OUTCOME_UNKNOWN");
  });
}

for (const [late, repetitions] of [[80_000, 1], [95_000, 0]]) {
  test(`an older server gets ${repetitions} repetitions after ${late} ms`, async (t) => {
    let now = 1e12;
    t.mock.method(Date, "now", () => now);
    const { fake, room } = await Fake.joined(t);
    codeOf(room.trigger("message", 1));
    fake.socket.taken();
    now += late; // the machine sleeps
    await fake.reconnect({ connected: { rate: undefined } });
    fake.socket.answers(rejoined());
    assert.equal(fake.socket.taken().length, repetitions);
  });
}

test("a trigger made without a connection is sent on the next one", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1012);
  const triggered = room.trigger("message", 1);
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers(rejoined({ recovered: false, epoch: "f", seq: 0 })); // the server does not know this trigger
  fake.socket.answers({ type: "ok", seq: 1 });
  assert.deepEqual(await triggered, { seq: 1 });
});

test("a trigger is not repeated in a room with a new epoch", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = codeOf(room.trigger("message", 1));
  fake.socket.taken();
  await fake.reconnect();
  fake.socket.answers(rejoined({ recovered: false, epoch: "f", seq: 0 }));
  assert.equal(await triggered, "OUTCOME_UNKNOWN");
  assert.deepEqual(fake.socket.taken(), []);
});

test("a trigger is not repeated as a different user", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = codeOf(room.trigger("message", 1));
  fake.socket.taken();
  fake.socket.closes(1006);
  const waiting = codeOf(room.trigger("message", 2));
  await fake.tick(500);
  await fake.accept({ userId: "grace" });
  assert.deepEqual([await sent, await waiting], ["OUTCOME_UNKNOWN", "DISCONNECTED"]);
  fake.socket.answers(rejoined());
  assert.deepEqual(fake.socket.taken(), []);
});

test("a trigger whose room is lost rejects with the reason, unless the server may have executed it", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = codeOf(room.trigger("message", 1));
  fake.socket.taken();
  fake.socket.closes(1006);
  const waiting = codeOf(room.trigger("message", 2));
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers({ type: "error", code: "JOIN_DENIED", message: "no" });
  assert.deepEqual([await sent, await waiting], ["OUTCOME_UNKNOWN", "JOIN_DENIED"]);
});

test("a repeated trigger refused with ROOM_NOT_FOUND rejects as unknown: the first may have succeeded", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const repeated = room.trigger("message", 1);
  fake.socket.taken();
  fake.socket.closes(1006);
  const first = codeOf(room.trigger("message", 2));
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers(rejoined());
  const refusal = { type: "error", code: "ROOM_NOT_FOUND", message: "no", roomId: "chat", event: "message" };
  for (const { id } of fake.socket.taken()) fake.socket.says({ ...refusal, id });
  await assert.rejects(repeated, { code: "OUTCOME_UNKNOWN", roomId: "chat", event: "message" });
  assert.equal(await first, "ROOM_NOT_FOUND", "the server saw this trigger only once and refused it");
});

test("after two lost connections the client still knows which trigger was sent", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = codeOf(room.trigger("message", 1));
  fake.socket.taken();
  fake.socket.closes(1006);
  const unsent = codeOf(room.trigger("message", 2));
  await fake.tick(500);
  await fake.accept();
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined());
  for (const { id } of fake.socket.taken()) fake.socket.says({ type: "error", id, code: "ROOM_NOT_FOUND", message: "no" });
  assert.deepEqual([await sent, await unsent], ["OUTCOME_UNKNOWN", "ROOM_NOT_FOUND"]);
});

test("a repeated request other than a trigger rejects with the server's error", async (t) => {
  const fake = await Fake.connected(t);
  const joining = codeOf(fake.client.join("chat"));
  fake.socket.taken();
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "ROOM_NOT_FOUND", message: "gone" });
  assert.equal(await joining, "ROOM_NOT_FOUND");
});

test("a repeated trigger that the server finds invalid rejects with that error", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = codeOf(room.trigger("message", 1));
  fake.socket.taken();
  await fake.reconnect();
  fake.socket.answers(rejoined());
  fake.socket.answers({ type: "error", code: "VALIDATION_FAILED", message: "no" });
  assert.equal(await triggered, "VALIDATION_FAILED");
});

test("a repeated trigger that is now too long rejects as unknown, since it may have been executed", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const repeated = codeOf(room.trigger("message", "e".repeat(1_000)));
  fake.socket.taken();
  await fake.reconnect({ connected: { maxMessageBytes: 500 } });
  fake.socket.answers(rejoined());
  assert.equal(await repeated, "OUTCOME_UNKNOWN");
  assert.equal(await codeOf(room.trigger("message", "e".repeat(1_000))), "LIMIT_EXCEEDED");
});

test("a trigger in flight when the client is removed from the room waits for its reply", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const [done, refused] = [room.trigger("message", "bye"), codeOf(room.trigger("message", "late"))];
  const [first, second] = fake.socket.taken();
  // A handler of this very event removed the client.
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.says({ type: "ok", id: first.id, seq: 11 });
  fake.socket.says({ type: "error", id: second.id, code: "NOT_IN_ROOM", message: "no" });
  assert.deepEqual(await done, { seq: 11 });
  assert.equal(await refused, "NOT_IN_ROOM");
});

test("a trigger in flight when the client is removed from the room is lost with the connection", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = codeOf(room.trigger("message", "bye"));
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.closes(1006);
  assert.equal(await triggered, "OUTCOME_UNKNOWN");
});

test("a trigger sent before a lost connection rejects as unknown even if the client leaves the room", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = codeOf(room.trigger("message", 1));
  fake.socket.taken();
  fake.socket.closes(1006);
  const waiting = codeOf(room.trigger("message", 2));
  await room.leave();
  assert.deepEqual([await sent, await waiting], ["OUTCOME_UNKNOWN", "NOT_IN_ROOM"]);
});

test("a volatile trigger is sent now or never, and has no key", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const lost = codeOf(room.trigger("typing", {}, { volatile: true }));
  assert.equal(fake.socket.taken()[0].key, undefined);
  fake.socket.closes(1006);
  assert.equal(await lost, "OUTCOME_UNKNOWN");
  assert.equal(await codeOf(room.trigger("typing", {}, { volatile: true })), "DISCONNECTED");
  await fake.tick(500);
  await fake.accept();
  assert.equal(await codeOf(room.trigger("typing", {}, { volatile: true })), "DISCONNECTED");
  fake.socket.answers(rejoined());
  assert.deepEqual(fake.socket.taken(), []);
});

test("requests that are safe to repeat are repeated, and others reject", async (t) => {
  const fake = await Fake.connected(t);
  const joining = fake.client.join("chat");
  const listing = fake.client.listRooms();
  const creating = codeOf(fake.client.createRoom("table-7"));
  const deleting = codeOf(fake.client.deleteRoom("table-7"));
  fake.socket.taken();
  await fake.reconnect();
  assert.deepEqual([await creating, await deleting], ["DISCONNECTED", "DISCONNECTED"]);
  const [join, list] = fake.socket.taken();
  assert.deepEqual([join.type, list.type], ["join", "listRooms"]);
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  fake.socket.says({ type: "rooms", id: list.id, rooms: [], more: false });
  assert.equal((await joining).id, "chat");
  assert.deepEqual(await listing, []);
});

test("a request times out with or without a connection", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 5_000 });
  const unanswered = codeOf(room.trigger("message", 1));
  await fake.tick(5_000);
  assert.equal(await unanswered, "TIMEOUT");
  fake.socket.closes(1006);
  const unsent = codeOf(room.trigger("message", 2));
  await settled();
  fake.clock.tick(5_000);
  assert.equal(await unsent, "DISCONNECTED");
});

test("a trigger times out before the server can forget its key", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1e9 });
  const unanswered = codeOf(room.trigger("message", 1));
  for (let ms = 0; ms < 60_000; ms += 20_000) {
    fake.socket.says({ type: "pong" });
    await fake.tick(20_000);
  }
  assert.equal(await unanswered, "TIMEOUT");
});

test("the number of pending requests is limited", async (t) => {
  const { fake, room } = await Fake.joined(t, { maxPending: 2 });
  fake.socket.closes(1006);
  const waiting = [room.trigger("message", 1), room.trigger("message", 2)];
  assert.equal(await codeOf(room.trigger("message", 3)), "OVERLOADED");
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers(rejoined()); // the client's own rejoin does not count
  fake.socket.taken().forEach(({ id }) => fake.socket.says({ type: "ok", id }));
  await Promise.all(waiting);
  codeOf(room.trigger("message", 3)); // never gets a reply
  assert.equal(fake.socket.taken().length, 1);
});

test("a message that exceeds the server's limit is not sent", async (t) => {
  const { fake, room } = await Fake.joined(t);
  assert.equal(await codeOf(room.trigger("message", { text: "é".repeat(40_000) })), "LIMIT_EXCEEDED");
  assert.deepEqual(fake.socket.taken(), []);
  codeOf(room.trigger("message", { text: "e".repeat(40_000) })); // never gets a reply
  assert.equal(fake.socket.taken().length, 1);
});

test("data that is not JSON is rejected, and nothing is sent", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await assert.rejects(room.trigger("message", 1n), TypeError);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a final close rejects pending requests, and the rooms are rejoined when the client connects again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = codeOf(room.trigger("message", 1));
  fake.socket.closes(4503);
  assert.equal(await triggered, "OUTCOME_UNKNOWN");
  assert.equal(await codeOf(room.trigger("message", 2)), "DISCONNECTED");
  const opening = fake.client.connect();
  await fake.accept();
  await opening;
  assert.deepEqual(fake.socket.answers(rejoined()).since, { epoch: "e", seq: 10 });
  assert.equal(room.state, "joined");
});

test("rejoining a hundred rooms with the most pending requests stays within the server's rate limit", async (t) => {
  const fake = await Fake.connected(t);
  const rooms = [];
  for (let index = 0; index < 100; index += 1) {
    const joining = fake.client.join(`room-${index}`);
    fake.socket.answers({ type: "joined", ...JOINED, roomId: `room-${index}` });
    rooms.push(await joining);
  }
  let overloaded = false;
  for (let asked = 0; !overloaded; asked += 1) {
    rooms[asked % 100].trigger("message", { text: "hello" }).catch(({ code }) => (overloaded ||= code === "OVERLOADED"));
    await settled();
  }
  fake.socket.taken();
  const frames = ["connect"];
  await fake.reconnect();
  for (let sent = fake.socket.taken(); sent.length > 0; sent = fake.socket.taken()) {
    for (const { type, id, roomId } of sent) {
      frames.push(type);
      if (type === "join") fake.socket.says({ type: "joined", ...JOINED, roomId, id, recovered: true });
    }
  }
  assert.ok(frames.includes("trigger"));
  assert.ok(frames.length <= 200, `${frames.length} frames`);
});

test("a trigger that was never sent has not been carried out when the user changes", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const sent = room.trigger("message", 1).catch((error) => error);
  fake.socket.closes(1006);
  const waiting = room.trigger("message", 2).catch((error) => error);
  await fake.tick(500);
  await fake.accept({ userId: "grace" });
  assert.match((await sent).message, /the user has changed: the event may or may not have been delivered/);
  const error = await waiting;
  assert.deepEqual([error.code, error.message], ["DISCONNECTED", "the user has changed"]);
});
