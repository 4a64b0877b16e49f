// Rooms: what their handlers receive, and how rooms survive a lost connection. The test plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, codeOf, message, settled } from "./support/fake.js";

/** Records every call of a room's handlers. */
function listen(room) {
  const calls = [];
  room.onAny(({ seq }) => calls.push(seq));
  room.onHistory(({ events, gap }) => calls.push({ history: events.map(({ seq }) => seq), gap }));
  room.onRecovered((recovery) => calls.push(recovery));
  room.onLeft((left) => calls.push(left));
  return calls;
}

const rejoined = (rest) => ({ type: "joined", roomId: "chat", ...JOINED, recovered: true, ...rest });

test("joining returns a room with its details", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const { id, name, subscriptions, epoch, seq, state } = room;
  assert.deepEqual({ id, name, subscriptions, epoch, seq, state }, {
    id: "chat",
    name: "Chat",
    subscriptions: ["message"],
    epoch: "e",
    seq: 10,
    state: "joined",
  });
  assert.equal(fake.client.getRoom("chat"), room);
  assert.deepEqual(fake.client.rooms, [room]);
});

test("a refused join rejects with the server's error", async (t) => {
  const fake = await Fake.connected(t);
  const joining = fake.client.join("chat");
  fake.socket.answers({ type: "error", code: "ROOM_FULL", message: "full", roomId: "chat" });
  await assert.rejects(joining, { name: "DialogueError", code: "ROOM_FULL", message: "full", roomId: "chat" });
  assert.equal(fake.client.getRoom("chat"), undefined);
});

test("events that arrive with the join and right after it wait for the handlers", async (t) => {
  const fake = await Fake.connected(t);
  const joining = fake.client.join("chat").then(async (room) => {
    await null; // as the application's own layers do
    return listen(room);
  });
  const early = [];
  fake.client.onHistory(({ roomId, events }) => early.push(roomId, events.length));
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, events: [message(9), message(10)] });
  fake.socket.says({ type: "event", ...message(11) });
  const calls = await joining;
  assert.deepEqual(calls, []);
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual(calls, [{ history: [9, 10], gap: false }, 11, 12]);
  assert.deepEqual(early, ["chat", 2]);
});

test("an event that a socket delivers during onHistory comes after the earlier events", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onJoined((room) => {
    room.onHistory(() => fake.socket.says({ type: "event", ...message(12) }));
    room.onAny(({ seq }) => calls.push(seq));
  });
  fake.client.join("chat");
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
  fake.socket.says({ type: "event", ...message(11) });
  await settled();
  await fake.tick(1);
  assert.deepEqual(calls, [11, 12]);
});

test("onHistory also runs when no event follows", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { events: [message(10)] });
  const calls = listen(room);
  await fake.tick(1);
  assert.deepEqual(calls, [{ history: [10], gap: false }]);
});

test("handlers receive their events until they are removed", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = [];
  const stop = room.on("message", ({ data, type }) => calls.push(data.text, type));
  room.on("typing", ({ from }) => calls.push(from));
  fake.socket.says({ type: "event", ...message(11) });
  const { seq, ...typing } = message(0);
  fake.socket.says({ type: "event", ...typing, event: "typing" });
  stop();
  fake.socket.says({ type: "event", ...message(12) });
  fake.socket.says({ type: "event", ...message(13), roomId: "elsewhere" });
  assert.deepEqual(calls, ["line 11", undefined, "grace"]);
  assert.equal(room.seq, 12);
});

test("rejoins at its position, and delivers each missed event once", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  fake.socket.says({ type: "event", ...message(11) });
  fake.socket.closes(1006);
  assert.equal(room.state, "rejoining");
  await fake.tick(500);
  await fake.accept();
  const join = fake.socket.answers(rejoined({ seq: 14, events: [message(11), message(12), message(14)] }));
  const { roomId, since, subscriptions } = join;
  assert.deepEqual({ roomId, since, subscriptions }, {
    roomId: "chat",
    since: { epoch: "e", seq: 11 },
    subscriptions: ["message"],
  });
  fake.socket.says({ type: "event", ...message(14) });
  fake.socket.says({ type: "event", ...message(15) });
  assert.deepEqual(calls, [{ history: [], gap: false }, 11, 12, 14, { recovered: true }, 15]);
  assert.equal(room.state, "joined");
});

test("seqs of events that were not for this client also advance the position", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.answers(rejoined({ seq: 14, events: [message(12)] }));
  assert.equal(room.seq, 14);
});

test("a gap is reported with the events to start again from", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  await fake.reconnect();
  fake.socket.answers(rejoined({ recovered: false, epoch: "f", seq: 2, events: [message(1), message(2)] }));
  fake.socket.says({ type: "event", ...message(3) });
  assert.deepEqual(calls, [{ history: [], gap: false }, { history: [1, 2], gap: true }, { recovered: false }, 3]);
  assert.deepEqual([room.epoch, room.seq], ["f", 3]);
  await fake.reconnect({ delay: 1_000 });
  assert.deepEqual(fake.socket.taken()[0].since, { epoch: "f", seq: 3 });
});

test("replies to triggers and subscriptions also advance the position", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", {});
  fake.socket.answers({ type: "ok", seq: 12 });
  assert.deepEqual(await triggered, { seq: 12 });
  const subscribed = room.subscribe("typing");
  fake.socket.answers({ type: "ok", seq: 13 });
  await subscribed;
  assert.equal(room.seq, 13);
});

test("subscriptions survive a lost connection", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const ask = async (request) => {
    const { type, event } = fake.socket.answers({ type: "ok" });
    await request;
    return [type, event];
  };
  assert.deepEqual(await ask(room.subscribe("typing")), ["subscribe", "typing"]);
  assert.deepEqual(room.subscriptions, ["message", "typing"]);
  assert.deepEqual(await ask(room.subscribeAll()), ["subscribeAll", undefined]);
  assert.deepEqual(room.subscriptions, ["*", "message", "typing"]);
  await fake.reconnect();
  assert.deepEqual(fake.socket.answers(rejoined({ subscriptions: ["*", "message", "typing"] })).subscriptions, ["*"]);
});

test("an event excluded from the wildcard stays excluded after a lost connection", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*", "message", "typing"] });
  const calls = listen(room);
  await fake.tick(1);
  calls.length = 0;
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  assert.deepEqual(room.subscriptions, ["*", "typing"]);
  await fake.reconnect();
  const missed = [message(11), { ...message(12), event: "news" }];
  const wildcard = { seq: 12, subscriptions: ["*", "message", "typing"] };
  // The client cannot know which names the wildcard covers: the room may accept any event.
  assert.deepEqual(fake.socket.answers(rejoined({ ...wildcard, events: missed })).subscriptions, ["*"]);
  const [{ type, event }] = fake.socket.taken();
  assert.deepEqual([type, event], ["unsubscribe", "message"]);
  assert.deepEqual(calls, [12, { recovered: true }]);
  assert.deepEqual(room.subscriptions, ["*", "typing"]);
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined({ ...wildcard, seq: 20, recovered: false, events: [message(19), { ...message(20), event: "news" }] }));
  assert.deepEqual(calls.slice(2), [{ history: [20], gap: true }, { recovered: false }]);
});

test("an event of a new subscription is delivered even if it arrives before the reply", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const calls = listen(room);
  await fake.tick(1);
  calls.length = 0;
  for (const again of [() => room.subscribe("message"), () => room.subscribeAll()]) {
    const unsubscribing = room.unsubscribe("message");
    fake.socket.answers({ type: "ok" });
    await unsubscribing;
    const subscribing = again();
    fake.socket.says({ type: "event", ...message(room.seq + 1) });
    fake.socket.answers({ type: "ok", seq: room.seq - 1 });
    await subscribing;
  }
  assert.deepEqual(calls, [11, 12]);
});

test("a failed subscription leaves the event excluded", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  for (const again of [() => room.subscribe("message"), () => room.subscribeAll()]) {
    const subscribing = again();
    fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "slow down" });
    assert.equal(await codeOf(subscribing), "UNAVAILABLE");
  }
  await fake.reconnect();
  fake.socket.answers(rejoined({ subscriptions: ["*"] }));
  assert.deepEqual(fake.socket.taken().map(({ type, event }) => [type, event]), [["unsubscribe", "message"]]);
});

test("a new subscription includes the event in the wildcard again", async (t) => {
  for (const again of [(room) => room.subscribe("message"), (room) => room.subscribeAll()]) {
    await t.test(async (t) => {
      const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
      for (const change of [(room) => room.unsubscribe("message"), again]) {
        const changing = change(room);
        fake.socket.answers({ type: "ok" });
        await changing;
      }
      await fake.reconnect();
      assert.deepEqual(fake.socket.answers(rejoined({ subscriptions: ["*"] })).subscriptions, ["*"]);
      assert.deepEqual(fake.socket.taken(), []);
    });
  }
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  fake.socket.answers(rejoined({ subscriptions: ["*"], recovered: undefined }));
  await joining;
  const calls = listen(room);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual(calls.at(-1), 11);
});

for (const [how, change, answers, expected] of [
  ["subscribed to again at once", (room) => [room.unsubscribe("message"), room.subscribe("message")], ["ok", "ok"], [11]],
  ["included in the wildcard again at once", (room) => [room.unsubscribe("message"), room.subscribeAll()], ["ok", "ok"], [11]],
  [
    "included in the wildcard again after its own subscription failed",
    (room) => [room.unsubscribe("message"), room.subscribe("message"), room.subscribeAll()],
    ["ok", "error", "ok"],
    [11],
  ],
  [
    "included in the wildcard of a new join although its own subscription failed",
    (room, client) => [client.join("chat", { subscriptions: ["*"] }), room.subscribe("message")],
    ["joined", "error"],
    [11],
  ],
  ["unsubscribed from in the end", (room) => [room.subscribe("message"), room.unsubscribe("message")], ["ok", "ok"], []],
]) {
  test(`an event ${how} is ${expected.length > 0 ? "delivered" : "not delivered"}`, async (t) => {
    const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
    const unsubscribing = room.unsubscribe("message");
    fake.socket.answers({ type: "ok" });
    await unsubscribing;
    const calls = listen(room);
    await fake.tick(1);
    calls.length = 0;
    const changing = change(room, fake.client);
    // Deliver all replies at once, as some sockets do.
    fake.socket.taken().forEach(({ id }, index) => {
      const joined = { roomId: "chat", ...JOINED, subscriptions: ["*"] };
      fake.socket.says({ type: answers[index], id, ...(answers[index] === "joined" ? joined : { code: "UNAVAILABLE" }) });
    });
    await Promise.allSettled(changing);
    fake.socket.says({ type: "event", ...message(11) });
    assert.deepEqual(calls, expected);
  });
}

test("new subscriptions for a joined room do not cause a gap", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  const join = fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["*"], events: [message(10)] });
  const again = listen(await joining);
  assert.deepEqual([join.subscriptions, join.since], [["*"], undefined]);
  await fake.tick(1);
  assert.deepEqual([calls, again], [[{ history: [], gap: false }], [{ history: [10], gap: false }]]);
  assert.deepEqual(room.subscriptions, ["*"]);
});

test("a room that the server adds the client to, removes it from, and deletes", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onJoined((room) => calls.push(...[room.id, listen(room)]));
  fake.client.onRoomDeleted((room) => calls.push(room));
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, events: [message(10)] });
  fake.socket.says({ type: "left", roomId: "chat", reason: "roomDeleted" });
  fake.socket.says({ type: "roomDeleted", roomId: "chat" });
  await fake.tick(1);
  assert.deepEqual(calls, ["chat", [{ history: [10], gap: false }, { reason: "roomDeleted" }], { roomId: "chat" }]);
  assert.equal(fake.client.getRoom("chat"), undefined);
});

test("leaving ends the room, and the next join starts from scratch", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  const leaving = room.leave();
  room.leave();
  const joining = fake.client.join("chat");
  const [leave, join] = fake.socket.taken();
  assert.deepEqual([leave.type, join.type, join.since], ["leave", "join", undefined]);
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  await leaving;
  assert.deepEqual(calls.at(-1), { reason: undefined });
  assert.equal(await codeOf(room.trigger("message", {})), "NOT_IN_ROOM");
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  assert.notEqual(await joining, room);
});

test("requests pending for a room that is left are not sent to the room joined after it", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  const waiting = codeOf(room.trigger("message", "waiting"));
  await fake.tick(500);
  await fake.accept();
  const leaving = room.leave();
  const joining = fake.client.join("chat");
  const late = [codeOf(room.trigger("message", "late")), codeOf(room.trigger("message", "late", { volatile: true }))];
  const [rejoin, leave, join] = fake.socket.taken();
  fake.socket.says(rejoined({ id: rejoin.id }));
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  await leaving;
  assert.deepEqual(await Promise.all([waiting, ...late]), ["NOT_IN_ROOM", "NOT_IN_ROOM", "NOT_IN_ROOM"]);
  assert.equal((await joining).state, "joined");
  assert.deepEqual(fake.socket.taken(), []);
});

test("requests pending for a room are rejected even if leaving it fails", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  const waiting = codeOf(room.trigger("message", "waiting"));
  await fake.tick(500);
  await fake.accept();
  room.leave();
  const [rejoin, leave] = fake.socket.taken();
  fake.socket.says(rejoined({ id: rejoin.id }));
  fake.socket.says({ type: "error", id: leave.id, code: "INTERNAL", message: "no" });
  assert.equal(await waiting, "NOT_IN_ROOM");
  assert.deepEqual(fake.socket.taken(), []);
});

test("a room that the server removes the client from during a leave is left once", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = [];
  room.onLeft((left) => calls.push(left));
  const leaving = room.leave();
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.answers({ type: "error", code: "NOT_IN_ROOM", message: "no" });
  await leaving;
  await fake.tick(1);
  assert.deepEqual(calls, [{ reason: undefined }]);
});

test("a room left during a lost connection is not rejoined", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  await room.leave();
  await fake.tick(500);
  await fake.accept();
  assert.deepEqual(fake.socket.taken(), []);
});

test("a leave without a reply before the connection was lost still leaves the room", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const leaving = room.leave();
  await fake.reconnect();
  await leaving;
  assert.deepEqual(fake.socket.taken(), []);
  assert.equal(room.state, "left");
});

test("a room that cannot be rejoined is left, with the reason", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "JOIN_DENIED", message: "no" });
  await settled();
  assert.deepEqual(calls.at(-1), { reason: "JOIN_DENIED" });
  assert.deepEqual(fake.client.rooms, []);
});

test("a rejoin without a reply before another lost connection is repeated on the next one", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.taken();
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
});

test("a rejoin that exceeds the rate limit is retried after retryAfter", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 3_000 });
  await settled();
  await fake.tick(2_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
});

test("a rejoin is retried while the server cannot decide, with waits that double up to 30 s", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  for (const delay of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]) {
    fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no" });
    await settled();
    await fake.tick(delay - 1);
    assert.deepEqual(fake.socket.taken().filter(({ type }) => type === "join"), []);
    fake.socket.says({ type: "pong" });
    await fake.tick(1);
  }
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
});

test("a server that asks for a short wait each time is asked less and less often", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect({ connected: { pingInterval: 1e6 } });
  for (const delay of [1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no", retryAfter: 1_000 });
    await settled();
    await fake.tick(delay - 1);
    assert.deepEqual(fake.socket.taken(), []);
    await fake.tick(1);
  }
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
});

test("a client that waits to rejoin does so at once when the server joins it", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", 1);
  fake.socket.taken();
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no", retryAfter: 20_000 });
  await settled();
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, subscriptions: [] });
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
  fake.socket.answers({ type: "ok", seq: 11 });
  assert.deepEqual(await triggered, { seq: 11 });
});

test("more exceptions than fit into a join are restored with `unsubscribe`", async (t) => {
  const names = Array.from({ length: 900 }, (_, index) => `${"e".repeat(60)}${index}`); // 57,600 bytes
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  for (const name of names) {
    const unsubscribing = room.unsubscribe(name);
    fake.socket.answers({ type: "ok" });
    await unsubscribing;
    fake.now += 100;
  }
  fake.socket.closes(1006);
  await fake.tick(500);
  await fake.accept();
  const { except } = fake.socket.answers(rejoined({ subscriptions: ["*"], except: names.slice(0, 450) }));
  assert.ok(except.length > 450 && except.length < 520, `${except.length}`);
  assert.deepEqual(fake.socket.taken().map(({ event }) => event), names.slice(450, 450 + 158));
});

test("a new connection starts the five minutes for a missing room again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const missing = { type: "error", code: "ROOM_NOT_FOUND", message: "no", retryAfter: 30_000 };
  await fake.reconnect({ connected: { pingInterval: 1e6 } });
  fake.socket.answers(missing);
  await settled();
  fake.now += 400_000;
  await fake.reconnect({ connected: { pingInterval: 1e6 } });
  fake.socket.answers(missing);
  await settled();
  assert.equal(room.state, "rejoining");
  for (let waited = 30_000; waited < 300_000; waited += 30_000) {
    await fake.tick(30_000);
    fake.socket.answers(missing);
    await settled();
  }
  await fake.tick(30_000);
  fake.socket.answers(missing);
  await settled();
  assert.equal(room.state, "left");
});

test("a rejoined room is missed for five minutes again the next time", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "ROOM_FULL", message: "no" });
  await settled();
  await fake.tick(500);
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
  fake.now += 300_000;
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "ROOM_FULL", message: "no" });
  await settled();
  assert.equal(room.state, "rejoining");
});

test("the creation of a room that the client does not rejoin sends nothing", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.says({ type: "roomCreated", room: { id: "chat", name: "Chat", size: 1 } });
  fake.socket.says({ type: "roomCreated", room: { id: "hall", name: "Hall", size: 1 } });
  await fake.tick(1_000);
  assert.deepEqual([room.state, fake.socket.taken()], ["joined", []]);
});

test("disconnecting while a rejoin waits leaves no timer", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no" });
  await settled();
  fake.client.disconnect();
  assert.deepEqual([room.state, fake.timers.size], ["left", 0]);
});

test("subscribing on a closed client keeps the exceptions from the wildcard", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("typing");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  fake.socket.closes(4503);
  assert.equal(await codeOf(room.subscribe("typing")), "DISCONNECTED");
  assert.equal(await codeOf(room.subscribeAll()), "DISCONNECTED");
  const opening = fake.client.connect();
  await fake.accept();
  await opening;
  fake.socket.answers(rejoined({ subscriptions: ["*"] }));
  const [unsubscribe] = fake.socket.taken();
  assert.deepEqual([unsubscribe?.type, unsubscribe?.event], ["unsubscribe", "typing"]);
});

test("a room whose join is confirmed after its timeout is left again", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  const joining = codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await joining, "TIMEOUT");
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
  assert.equal(fake.client.getRoom("chat"), undefined);
});

/** A client that has reconnected, and whose rejoin has timed out. */
async function lateRejoin(t, joined) {
  const { fake, room } = await Fake.joined(t, { timeout: 3_000 }, joined);
  const calls = listen(room);
  await fake.tick(1);
  calls.length = 0;
  await fake.reconnect();
  const [first] = fake.socket.taken();
  await fake.tick(3_000);
  return { fake, room, calls, first };
}

test("a late reply to a rejoin counts, and missed events are delivered once", async (t) => {
  const { fake, room, calls, first } = await lateRejoin(t);
  const triggered = room.trigger("message", {});
  await fake.tick(500);
  const [second] = fake.socket.taken();
  assert.deepEqual(second.since, { epoch: "e", seq: 10 });
  fake.socket.says(rejoined({ id: first.id, seq: 12, events: [message(11), message(12)] }));
  assert.equal(room.state, "joined");
  fake.socket.answers({ type: "ok", seq: 13 });
  fake.socket.says({ type: "event", ...message(14) });
  // The server has already sent every event after 10.
  fake.socket.says(rejoined({ id: second.id, seq: 14 }));
  assert.deepEqual(await triggered, { seq: 13 });
  assert.deepEqual(calls, [11, 12, { recovered: true }, 14]);
  assert.deepEqual([room.seq, fake.socket.taken()], [14, []]);
});

test("a rejoin that is answered before its retry is not retried", async (t) => {
  const { fake, calls, first } = await lateRejoin(t);
  fake.socket.says(rejoined({ id: first.id, recovered: false, seq: 12, events: [message(12)] }));
  await fake.tick(500);
  assert.deepEqual(calls, [{ history: [12], gap: true }, { recovered: false }]);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a rejoined room stays whatever the reply to the second attempt is", async (t) => {
  const { fake, room, first } = await lateRejoin(t);
  await fake.tick(500);
  fake.socket.says(rejoined({ id: first.id }));
  fake.socket.answers({ type: "error", code: "LIMIT_EXCEEDED", message: "no" });
  await fake.tick(10_000);
  assert.deepEqual([room.state, fake.socket.taken()], ["joined", []]);
});

test("a late reply to a rejoin excludes events from the wildcard only once", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 3_000 }, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  await fake.reconnect();
  const [first] = fake.socket.taken();
  await fake.tick(3_000);
  await fake.tick(500);
  const [second] = fake.socket.taken();
  fake.socket.says(rejoined({ id: first.id, subscriptions: ["*"] }));
  assert.deepEqual(fake.socket.taken().map(({ type, event }) => [type, event]), [["unsubscribe", "message"]]);
  fake.socket.says(rejoined({ id: second.id, subscriptions: ["*"] }));
  assert.deepEqual(fake.socket.taken(), []);
});

test("a pending rejoin does not re-enter a room that the server removed the client from", async (t) => {
  const { fake, room, calls, first } = await lateRejoin(t);
  await fake.tick(500);
  const [second] = fake.socket.taken();
  fake.socket.says(rejoined({ id: first.id }));
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.says(rejoined({ id: second.id, recovered: false }));
  assert.deepEqual(calls, [{ recovered: true }, { reason: "removed" }]);
  assert.deepEqual([room.state, fake.client.rooms], ["left", []]);
  assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
});

test("a second join by the server into a joined room is not reported", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  await fake.tick(1);
  calls.length = 0;
  for (const recovered of [true, false]) {
    await fake.reconnect({ delay: 1_000 });
    fake.socket.answers(rejoined({ recovered, seq: 11, events: recovered ? [] : [message(11)] }));
    fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["*"], seq: 11, events: [message(11)] });
    assert.deepEqual(room.subscriptions, ["*"]);
  }
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual(calls, [{ recovered: true }, { history: [11], gap: true }, { recovered: false }, 12]);
  assert.deepEqual(fake.socket.taken(), []);
});

/** A client that the server has joined to the room on its own, before the reply to the client's rejoin. */
async function joinedByServer(t, joined) {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  await fake.tick(1);
  calls.length = 0;
  await fake.reconnect();
  const [rejoin] = fake.socket.taken();
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, ...joined });
  return { fake, room, calls, rejoin };
}

for (const subscriptions of [["message"], ["message", "typing"], ["*"]]) {
  test(`a room that the server rejoins, subscribed to ${subscriptions}, is reported once`, async (t) => {
    const events = [message(11), message(12)];
    const { fake, room, calls, rejoin } = await joinedByServer(t, { subscriptions, seq: 12, events });
    fake.socket.says({ type: "event", ...message(13) });
    fake.socket.says(rejoined({ id: rejoin.id, recovered: false, seq: 13, events: [...events, message(13)] }));
    fake.socket.says({ type: "event", ...message(14) });
    const gap = [{ history: [11, 12], gap: true }, { recovered: false }];
    assert.deepEqual(calls, [...gap, 13, 14]);
    assert.deepEqual([room.state, room.seq, room.subscriptions], ["joined", 14, ["message"]]);
  });
}

test("the server's own join advances the position if it covers all subscriptions of the client", async (t) => {
  const { fake } = await joinedByServer(t, { subscriptions: ["message", "typing"], seq: 12, events: [message(12)] });
  await fake.reconnect({ delay: 1_000 });
  assert.deepEqual(fake.socket.taken()[0].since, { epoch: "e", seq: 12 });
});

test("another epoch is a gap even if the server claims a recovery", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  await fake.tick(1);
  calls.length = 0;
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, epoch: "f", seq: 1, events: [message(1)] });
  await fake.reconnect();
  fake.socket.answers(rejoined({ epoch: "g", seq: 2, events: [message(2)] }));
  const gap = (seq) => [{ history: [seq], gap: true }, { recovered: false }];
  assert.deepEqual(calls, [...gap(1), ...gap(2)]);
});

test("a room without new events is fully recovered even if the server joins the client to it", async (t) => {
  const { fake, calls, rejoin } = await joinedByServer(t, { seq: 10, events: [message(10)] });
  fake.socket.says(rejoined({ id: rejoin.id, seq: 10 }));
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual(calls, [{ recovered: true }, 11]);
});

test("a rejoin that covers more events than the server's join reports another gap", async (t) => {
  const { fake, room, calls, rejoin } = await joinedByServer(t, { subscriptions: ["typing"], seq: 12 });
  fake.socket.says(rejoined({ id: rejoin.id, recovered: false, seq: 12, events: [message(11), message(12)] }));
  fake.socket.says({ type: "event", ...message(13) });
  const first = [{ history: [], gap: true }, { recovered: false }];
  assert.deepEqual(calls, [...first, { history: [11, 12], gap: true }, { recovered: false }, 13]);
  assert.deepEqual(room.subscriptions, ["message"]);
});

test("a rejoin keeps the earlier subscriptions even if the server joined with others", async (t) => {
  const joined = { subscriptions: ["typing"] };
  const { fake, room, rejoin } = await joinedByServer(t, joined);
  assert.deepEqual([room.state, room.subscriptions], ["rejoining", ["message"]]);
  fake.socket.says({ type: "error", id: rejoin.id, code: "UNAVAILABLE", message: "slower", retryAfter: 3_000 });
  await settled();
  await fake.tick(3_000);
  assert.deepEqual(fake.socket.taken()[0].subscriptions, ["message"]);
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, ...joined });
  await fake.reconnect({ delay: 1_000 });
  assert.deepEqual(fake.socket.taken()[0].subscriptions, ["message"]);
});

test("a rejoin keeps its exclusions from the wildcard whatever subscriptions the server chose", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  await fake.reconnect();
  const [rejoin] = fake.socket.taken();
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["typing"] });
  assert.deepEqual(fake.socket.taken(), []);
  fake.socket.says(rejoined({ id: rejoin.id, subscriptions: ["*"] }));
  assert.deepEqual(fake.socket.taken().map(({ type, event }) => [type, event]), [["unsubscribe", "message"]]);
});

test("events missed under the server's subscriptions are a gap after another lost connection", async (t) => {
  const fewerEvents = { subscriptions: ["typing"], seq: 12 };
  const { fake, room, calls } = await joinedByServer(t, fewerEvents);
  fake.socket.says({ type: "event", ...message(14), event: "typing" });
  calls.length = 0;
  await fake.reconnect({ delay: 1_000 });
  // Event 13 was a message. No position covers both missed events.
  let [rejoin] = fake.socket.taken();
  assert.deepEqual(rejoin.since, { epoch: "", seq: 14 });
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, ...fewerEvents, seq: 14 });
  assert.deepEqual(calls, [{ history: [], gap: true }, { recovered: false }]);
  fake.socket.says(rejoined({ id: rejoin.id, recovered: false, seq: 14, events: [message(13)] }));
  assert.deepEqual(calls.slice(2), [{ history: [13], gap: true }, { recovered: false }]);
  assert.deepEqual([room.epoch, room.seq], ["e", 14]);
  await fake.reconnect({ delay: 2_000 });
  assert.deepEqual(fake.socket.taken()[0].since, { epoch: "e", seq: 14 });
});

test("a room that the server joined for the client stays when the rejoin is refused", async (t) => {
  const joined = { subscriptions: ["typing"] };
  const { fake, room, calls, rejoin } = await joinedByServer(t, joined);
  const waiting = room.trigger("message", {});
  await settled();
  assert.deepEqual(fake.socket.taken(), [], "the request waits for the earlier subscriptions");
  fake.socket.says({ type: "error", id: rejoin.id, code: "EVENT_NOT_ALLOWED", message: "no" });
  await settled();
  fake.socket.answers({ type: "ok", seq: 11 });
  assert.deepEqual(await waiting, { seq: 11 });
  assert.deepEqual([room.state, room.subscriptions], ["joined", ["typing"]]);
  assert.deepEqual(calls, [{ recovered: true }]);
  // Only this error reports that the client now receives fewer events.
  assert.deepEqual(fake.errors.map(({ code }) => code), ["EVENT_NOT_ALLOWED"]);
});

test("a late reply to new subscriptions still changes them", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const joining = codeOf(fake.client.join("chat", { subscriptions: ["*"] }));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await joining, "TIMEOUT");
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED, subscriptions: ["*"] });
  assert.deepEqual([room.subscriptions, fake.socket.taken()], [["*"], []]);
});

test("a late reply to a timed-out join does not end a newer join", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  const given = codeOf(fake.client.join("chat"));
  const [first] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await given, "TIMEOUT");
  const joining = fake.client.join("chat");
  const [second] = fake.socket.taken();
  fake.socket.says({ type: "joined", id: first.id, roomId: "chat", ...JOINED });
  assert.deepEqual(fake.socket.taken(), []);
  fake.socket.says({ type: "joined", id: second.id, roomId: "chat", ...JOINED });
  const calls = listen(await joining);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual(calls, [{ history: [], gap: false }, 11]);
  // The room now belongs to the newer join.
  const changing = codeOf(fake.client.join("chat", { subscriptions: ["nonsense"] }));
  fake.socket.answers({ type: "error", code: "EVENT_NOT_ALLOWED", message: "no" });
  assert.equal(await changing, "EVENT_NOT_ALLOWED");
  assert.deepEqual(fake.socket.taken(), []);
});

for (const [how, fails] of [
  ["is refused", (fake) => fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "slower" })],
  ["times out", (fake) => fake.socket.taken()],
]) {
  test(`when the second attempt ${how}, the room of the first attempt is left`, async (t) => {
    const fake = await Fake.connected(t, { timeout: 1_000 });
    codeOf(fake.client.join("chat"));
    const [first] = fake.socket.taken();
    await fake.tick(1_000);
    const joining = codeOf(fake.client.join("chat"));
    fake.socket.says({ type: "joined", id: first.id, roomId: "chat", ...JOINED });
    fails(fake);
    await fake.tick(1_000);
    await joining;
    assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
    assert.deepEqual(fake.client.rooms, []);
  });
}

test("leaving a room that nobody waits for reports no error", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  const [leave] = fake.socket.taken();
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.says({ type: "error", id: leave.id, code: "NOT_IN_ROOM", message: "no" });
  await settled();
  assert.deepEqual(fake.errors, []);
});

test("leaving a room that nobody waits for is retried after a failure", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "slower", retryAfter: 3_000 });
  await settled();
  await fake.tick(2_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  assert.equal(fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no" }).type, "leave");
  await settled();
  // A new join of the room cancels the retry.
  const joining = fake.client.join("chat");
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
  await joining;
  await fake.tick(10_000);
  assert.deepEqual(fake.socket.taken(), []);
  fake.client.disconnect();
  assert.equal(fake.timers.size, 0);
});

test("an earlier failed leave does not end a new join", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  const joining = fake.client.join("chat");
  const [leave, join] = fake.socket.taken();
  fake.socket.says({ type: "error", id: leave.id, code: "UNAVAILABLE", message: "slower", retryAfter: 10 });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  await joining;
  await fake.tick(10);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a lost connection ends the retries of a failed leave", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "slower", retryAfter: 600 });
  await settled();
  fake.socket.closes(1006);
  assert.equal(fake.timers.size, 1, "the timer of the next attempt");
  await fake.tick(500);
  await fake.accept();
  const joining = codeOf(fake.client.join("chat"));
  fake.socket.answers({ type: "error", code: "ROOM_FULL", message: "full" });
  assert.equal(await joining, "ROOM_FULL");
  assert.deepEqual(fake.socket.taken(), []);
});

test("simultaneous joins of the same room are one request, and each gets the history", async (t) => {
  const fake = await Fake.connected(t);
  const listening = [undefined, undefined, {}].map(async (options) => listen(await fake.client.join("chat", options)));
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, events: [message(10)] });
  const recorded = await Promise.all(listening);
  await fake.tick(1);
  for (const calls of recorded) assert.deepEqual(calls, [{ history: [10], gap: false }]);
});

test("a join that the pending one covers shares it, and one with other subscriptions follows it", async (t) => {
  const fake = await Fake.connected(t);
  const subscribed = { subscriptions: ["message"] };
  const joining = [subscribed, { ...subscribed }, undefined, { subscriptions: ["*"] }, subscribed].map((options) =>
    fake.client.join("chat", options),
  );
  for (const expected of [["message"], ["*"]]) {
    const [{ id, subscriptions }, ...others] = fake.socket.taken();
    assert.deepEqual([subscriptions, others], [expected, []]);
    fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED, subscriptions, events: [message(10)] });
    await settled();
  }
  const rooms = await Promise.all(joining);
  assert.equal(new Set(rooms).size, 5);
  assert.deepEqual([rooms[0].subscriptions, fake.socket.taken()], [["*"], []]);
});

test("a join with subscriptions does not share a pending request if another request was sent after that", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const subscribed = { subscriptions: ["typing"] };
  fake.client.join("chat", subscribed);
  room.unsubscribe("typing");
  codeOf(fake.client.join("chat", subscribed));
  const [join, unsubscribe, ...others] = fake.socket.taken();
  assert.deepEqual([join.type, unsubscribe.type, others], ["join", "unsubscribe", []]);
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED, subscriptions: ["message", "typing"] });
  fake.socket.says({ type: "ok", id: unsubscribe.id });
  await settled();
  assert.deepEqual(room.subscriptions, ["message"]);
  assert.deepEqual(fake.socket.taken().map(({ type, subscriptions }) => [type, subscriptions]), [["join", ["message", "typing"]]]);
});

test("a join does not share a pending request whose room is being left", async (t) => {
  const { fake, room } = await Fake.joined(t);
  room.leave();
  const joining = fake.client.join("chat");
  const together = fake.client.join("chat");
  const [leave, join, ...others] = fake.socket.taken();
  assert.deepEqual([leave.type, join.type, others], ["leave", "join", []]);
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  assert.deepEqual([(await joining).state, (await together).state], ["joined", "joined"]);
});

test("a join in flight when the client is removed from the room joins it again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["*"] });
  assert.notEqual(await joining, room);
  assert.deepEqual([room.state, fake.client.rooms, fake.socket.taken()], ["left", [await joining], []]);
});

test("a join from a handler, right after the earlier membership ended, is a new one", async (t) => {
  const fake = await Fake.connected(t);
  let again;
  fake.client.onJoined((room) => room.onLeft(() => (again ??= fake.client.join("chat"))));
  const joining = fake.client.join("chat");
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
  await joining;
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
  assert.equal((await again).state, "joined");
});

test("a join with a wildcard covers every event even if the leave before it failed", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  room.leave();
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  const [leave, join] = fake.socket.taken();
  fake.socket.says({ type: "error", id: leave.id, code: "INTERNAL", message: "no" });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED, subscriptions: ["*"] });
  const calls = listen(await joining);
  fake.socket.says({ type: "event", ...message(11) });
  assert.equal(calls.at(-1), 11);
});

for (const [how, ends] of [
  ["disconnects", (fake) => fake.client.disconnect()],
  ["loses the connection again", (fake) => fake.socket.closes(4500)],
  ["leaves", (fake, room) => {
    room.leave();
    fake.socket.answers({ type: "error", code: "NOT_IN_ROOM", message: "no" });
  }],
]) {
  test(`no attempt to rejoin a room remains when the client ${how}`, async (t) => {
    const { fake, room } = await Fake.joined(t);
    await fake.tick(1);
    await fake.reconnect();
    fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "slower", retryAfter: 1e12 });
    await settled();
    assert.equal(fake.timers.size, 2, "one for the attempt, which is not immediate, and one for silence");
    await fake.tick(1);
    assert.deepEqual(fake.socket.taken(), []);
    ends(fake, room);
    await settled();
    assert.equal(fake.timers.size, fake.client.connected ? 1 : 0);
  });
}

test("a room is not rejoined after leaving it has failed", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  room.leave();
  for (const { id } of fake.socket.taken()) fake.socket.says({ type: "error", id, code: "INTERNAL", message: "no" });
  await settled();
  await fake.tick(500);
  assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
  await fake.tick(10_000);
  assert.deepEqual([room.state, fake.socket.taken()], ["left", []]);
});

test("an event that a handler triggers during a rejoin is sent after earlier triggers", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  room.trigger("message", "before").catch(() => {});
  room.on("message", () => room.trigger("message", "reply").catch(() => {}));
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers(rejoined({ seq: 11, events: [message(11)] }));
  assert.deepEqual(fake.socket.taken().map(({ data }) => data), ["before", "reply"]);
});

test("no more missed events are delivered after a handler disconnects", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.tick(1);
  const calls = [];
  room.on("message", ({ seq }) => {
    calls.push(seq);
    fake.client.disconnect();
  });
  room.onAny(({ seq }) => calls.push(seq));
  room.onRecovered((recovery) => calls.push(recovery));
  room.onLeft((left) => calls.push(left));
  await fake.reconnect();
  fake.socket.answers(rejoined({ seq: 12, events: [message(11), message(12)] }));
  await settled();
  // Every handler receives the message during which the first handler disconnected.
  assert.deepEqual(calls, [11, 11, { reason: undefined }]);
});

test("a handler sees the position of the event that it receives", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = [];
  room.onAny(() => calls.push(room.seq));
  room.onHistory(() => calls.push([room.seq, room.epoch]));
  await fake.reconnect();
  calls.length = 0;
  fake.socket.answers(rejoined({ seq: 14, events: [message(11), message(12)] }));
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined({ recovered: false, epoch: "f", seq: 2 }));
  assert.deepEqual(calls, [11, 12, [2, "f"]]);
});

test("disconnecting before onHistory runs suppresses it", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { events: [message(10)] });
  const calls = listen(room);
  fake.client.onHistory(() => calls.push("all"));
  fake.client.disconnect();
  await fake.tick(1);
  assert.deepEqual(calls, [{ reason: undefined }]);
});

test("a join after a timed-out leave succeeds even if the leave is confirmed late", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  room.leave();
  const [leave] = fake.socket.taken();
  await fake.tick(1_000);
  const joining = fake.client.join("chat");
  const [join] = fake.socket.taken();
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  assert.equal((await joining).state, "joined");
  assert.equal(fake.client.getRoom("chat"), await joining);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a join after a timed-out leave keeps the room if the leave never happened", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const leaving = room.leave();
  fake.socket.taken();
  await fake.tick(1_000);
  const again = await fake.join();
  await leaving;
  await fake.tick(10_000);
  assert.deepEqual([again.state, fake.client.rooms, fake.socket.taken()], ["joined", [again], []]);
});

test("lists the rooms page by page, up to a limit", async (t) => {
  const fake = await Fake.connected(t);
  const listing = fake.client.listRooms({ limit: 3 });
  fake.socket.answers({ type: "rooms", rooms: [{ id: "a" }, { id: "b" }], more: true });
  await settled();
  assert.equal(fake.socket.answers({ type: "rooms", rooms: [{ id: "c" }, { id: "d" }], more: true }).after, "b");
  assert.deepEqual((await listing).map(({ id }) => id), ["a", "b", "c"]);
});

test("creates and deletes rooms, and is notified of others", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onRoomCreated(({ id }) => calls.push(id));
  fake.client.onRoomDeleted(({ roomId }) => calls.push(roomId));
  const creating = fake.client.createRoom("table-7", { name: "Seven", maxSize: 4 });
  const { room } = fake.socket.answers({ type: "roomCreated", room: { id: "table-7", name: "Seven", size: 0 } });
  assert.deepEqual(room, { id: "table-7", name: "Seven", maxSize: 4 });
  assert.deepEqual(await creating, { id: "table-7", name: "Seven", size: 0 });
  const deleting = fake.client.deleteRoom("table-7");
  assert.equal(fake.socket.answers({ type: "roomDeleted", roomId: "table-7" }).roomId, "table-7");
  await deleting;
  fake.socket.says({ type: "roomCreated", room: { id: "table-8" } });
  assert.deepEqual(calls, ["table-7", "table-7", "table-8"]);
});

test("a completed request resolves even if a handler disconnects", async (t) => {
  for (const [on, ask, answer] of [
    ["onRoomCreated", (client) => client.createRoom("table-7"), { type: "roomCreated", room: { id: "table-7" } }],
    ["onRoomDeleted", (client) => client.deleteRoom("table-7"), { type: "roomDeleted", roomId: "table-7" }],
  ]) {
    await t.test(on, async (t) => {
      const fake = await Fake.connected(t);
      fake.client[on](() => fake.client.disconnect());
      const asking = ask(fake.client);
      fake.socket.answers(answer);
      assert.deepEqual(await asking, answer.room);
    });
  }
});

test("pages through history by seq or by index", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const ask = async (page) => {
    const { start, end, before, limit } = fake.socket.answers({ type: "history", events: [message(4)], more: true });
    assert.deepEqual(await page, { events: [message(4)], more: true });
    return { start, end, before, limit };
  };
  const none = { start: undefined, end: undefined, before: undefined, limit: undefined };
  assert.deepEqual(await ask(room.getHistory("message")), none);
  assert.deepEqual(await ask(room.getHistory("message", { before: 5, limit: 1 })), { ...none, before: 5, limit: 1 });
  assert.deepEqual(await ask(room.getHistory("message", { start: 1 })), { ...none, start: 1 });
  assert.deepEqual(await ask(room.getHistory("message", 1, 2)), { ...none, start: 1, end: 2 });
});
