// Rooms: what their handlers are told, and how they come through a lost connection. The server is played by the test.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, codeOf, message, settled } from "./support/fake.js";

/** Notes all that a room tells. */
function listen(room) {
  const told = [];
  room.onAny(({ seq }) => told.push(seq));
  room.onHistory(({ events, gap }) => told.push({ history: events.map(({ seq }) => seq), gap }));
  room.onRecovered((recovery) => told.push(recovery));
  room.onLeft((left) => told.push(left));
  return told;
}

const rejoined = (rest) => ({ type: "joined", roomId: "chat", ...JOINED, recovered: true, ...rest });

test("joining gives a room that knows itself", async (t) => {
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
  assert.equal(await fake.client.join("chat"), room, "once more asks the server nothing");
  assert.deepEqual(fake.socket.taken(), []);
});

test("a join that is refused rejects with what the server said", async (t) => {
  const fake = await Fake.connected(t);
  const joining = fake.client.join("chat");
  fake.socket.answers({ type: "error", code: "ROOM_FULL", message: "full", roomId: "chat" });
  await assert.rejects(joining, { name: "DialogueError", code: "ROOM_FULL", message: "full", roomId: "chat" });
  assert.equal(fake.client.getRoom("chat"), undefined);
});

test("what comes with the join and right behind it waits for the handlers", async (t) => {
  const fake = await Fake.connected(t);
  const joining = fake.client.join("chat").then(async (room) => {
    await null; // the application's own layers
    return listen(room);
  });
  const early = [];
  fake.client.onHistory(({ roomId, events }) => early.push(roomId, events.length));
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, events: [message(9), message(10)] });
  fake.socket.says({ type: "event", ...message(11) });
  const told = await joining;
  assert.deepEqual(told, []);
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual(told, [{ history: [9, 10], gap: false }, 11, 12]);
  assert.deepEqual(early, ["chat", 2]);
});

test("what a socket hands on while the history is told comes behind what came before", async (t) => {
  const fake = await Fake.connected(t);
  const told = [];
  fake.client.onJoined((room) => {
    room.onHistory(() => fake.socket.says({ type: "event", ...message(12) }));
    room.onAny(({ seq }) => told.push(seq));
  });
  fake.client.join("chat");
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
  fake.socket.says({ type: "event", ...message(11) });
  await settled();
  await fake.tick(1);
  assert.deepEqual(told, [11, 12]);
});

test("the history is told also when nothing follows it", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { events: [message(10)] });
  const told = listen(room);
  await fake.tick(1);
  assert.deepEqual(told, [{ history: [10], gap: false }]);
});

test("handlers hear what they are for until they are ended", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = [];
  const stop = room.on("message", ({ data, type }) => told.push(data.text, type));
  room.on("typing", ({ from }) => told.push(from));
  fake.socket.says({ type: "event", ...message(11) });
  const { seq, ...typing } = message(0);
  fake.socket.says({ type: "event", ...typing, event: "typing" });
  stop();
  fake.socket.says({ type: "event", ...message(12) });
  fake.socket.says({ type: "event", ...message(13), roomId: "elsewhere" });
  assert.deepEqual(told, ["line 11", undefined, "grace"]);
  assert.equal(room.seq, 12);
});

test("joins again where it was, and tells each missed event once", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = listen(room);
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
  assert.deepEqual(told, [{ history: [], gap: false }, 11, 12, 14, { recovered: true }, 15]);
  assert.equal(room.state, "joined");
});

test("numbers that were not for this client are a position, too", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.answers(rejoined({ seq: 14, events: [message(12)] }));
  assert.equal(room.seq, 14);
});

test("a gap is told, with where to begin again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = listen(room);
  await fake.reconnect();
  fake.socket.answers(rejoined({ recovered: false, epoch: "f", seq: 2, events: [message(1), message(2)] }));
  fake.socket.says({ type: "event", ...message(3) });
  assert.deepEqual(told, [{ history: [], gap: false }, { history: [1, 2], gap: true }, { recovered: false }, 3]);
  assert.deepEqual([room.epoch, room.seq], ["f", 3]);
  await fake.reconnect({ delay: 1_000 });
  assert.deepEqual(fake.socket.taken()[0].since, { epoch: "f", seq: 3 });
});

test("the answers of triggers and subscriptions are a position, too", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const triggered = room.trigger("message", {});
  fake.socket.answers({ type: "ok", seq: 12 });
  assert.deepEqual(await triggered, { seq: 12 });
  const subscribed = room.subscribe("typing");
  fake.socket.answers({ type: "ok", seq: 13 });
  await subscribed;
  assert.equal(room.seq, 13);
});

test("subscriptions are kept through a lost connection", async (t) => {
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

test("what the wildcard does not stand for any more is not heard after a lost connection either", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*", "message", "typing"] });
  const told = listen(room);
  await fake.tick(1);
  told.length = 0;
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  assert.deepEqual(room.subscriptions, ["*", "typing"]);
  await fake.reconnect();
  const missed = [message(11), { ...message(12), event: "news" }];
  const wildcard = { seq: 12, subscriptions: ["*", "message", "typing"] };
  // Which names are behind the wildcard is not known: the room may be one for any event.
  assert.deepEqual(fake.socket.answers(rejoined({ ...wildcard, events: missed })).subscriptions, ["*"]);
  const [{ type, event }] = fake.socket.taken();
  assert.deepEqual([type, event], ["unsubscribe", "message"]);
  assert.deepEqual(told, [12, { recovered: true }]);
  assert.deepEqual(room.subscriptions, ["*", "typing"]);
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined({ ...wildcard, seq: 20, recovered: false, events: [message(19), { ...message(20), event: "news" }] }));
  assert.deepEqual(told.slice(2), [{ history: [20], gap: true }, { recovered: false }]);
});

test("what is subscribed to again is heard though it comes before the answer", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const told = listen(room);
  await fake.tick(1);
  told.length = 0;
  for (const again of [() => room.subscribe("message"), () => room.subscribeAll()]) {
    const unsubscribing = room.unsubscribe("message");
    fake.socket.answers({ type: "ok" });
    await unsubscribing;
    const subscribing = again();
    fake.socket.says({ type: "event", ...message(room.seq + 1) });
    fake.socket.answers({ type: "ok", seq: room.seq - 1 });
    await subscribing;
  }
  assert.deepEqual(told, [11, 12]);
});

test("what could not be subscribed to again stays away", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  for (const again of [() => room.subscribe("message"), () => room.subscribeAll()]) {
    const subscribing = again();
    fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slow down" });
    assert.equal(await codeOf(subscribing), "RATE_LIMITED");
  }
  await fake.reconnect();
  fake.socket.answers(rejoined({ subscriptions: ["*"] }));
  assert.deepEqual(fake.socket.taken().map(({ type, event }) => [type, event]), [["unsubscribe", "message"]]);
});

test("what is subscribed to again is behind the wildcard again", async (t) => {
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
  const told = listen(room);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual(told.at(-1), 11);
});

for (const [how, change, answers, heard] of [
  ["subscribed to again at once", (room) => [room.unsubscribe("message"), room.subscribe("message")], ["ok", "ok"], [11]],
  ["behind the wildcard again at once", (room) => [room.unsubscribe("message"), room.subscribeAll()], ["ok", "ok"], [11]],
  [
    "behind the wildcard again, though it could not be subscribed to itself",
    (room) => [room.unsubscribe("message"), room.subscribe("message"), room.subscribeAll()],
    ["ok", "error", "ok"],
    [11],
  ],
  [
    "behind the wildcard of a new join, though it could not be subscribed to itself",
    (room, client) => [client.join("chat", { subscriptions: ["*"] }), room.subscribe("message")],
    ["joined", "error"],
    [11],
  ],
  ["not subscribed to in the end", (room) => [room.subscribe("message"), room.unsubscribe("message")], ["ok", "ok"], []],
]) {
  test(`what is ${how} is ${heard.length > 0 ? "heard" : "not heard"}`, async (t) => {
    const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
    const unsubscribing = room.unsubscribe("message");
    fake.socket.answers({ type: "ok" });
    await unsubscribing;
    const told = listen(room);
    await fake.tick(1);
    told.length = 0;
    const changing = change(room, fake.client);
    // In one go, as some sockets have them.
    fake.socket.taken().forEach(({ id }, index) => {
      const joined = { roomId: "chat", ...JOINED, subscriptions: ["*"] };
      fake.socket.says({ type: answers[index], id, ...(answers[index] === "joined" ? joined : { code: "RATE_LIMITED" }) });
    });
    await Promise.allSettled(changing);
    fake.socket.says({ type: "event", ...message(11) });
    assert.deepEqual(told, heard);
  });
}

test("other subscriptions for a room that one is in are no gap", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = listen(room);
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  const join = fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["*"], events: [message(10)] });
  assert.equal(await joining, room);
  assert.deepEqual([join.subscriptions, join.since], [["*"], undefined]);
  await fake.tick(1);
  assert.deepEqual(told, [{ history: [], gap: false }]);
  assert.deepEqual(room.subscriptions, ["*"]);
});

test("a room that the server took one into, out of, and deleted", async (t) => {
  const fake = await Fake.connected(t);
  const told = [];
  fake.client.onJoined((room) => told.push(...[room.id, listen(room)]));
  fake.client.onRoomDeleted((room) => told.push(room));
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, events: [message(10)] });
  fake.socket.says({ type: "left", roomId: "chat", reason: "roomDeleted" });
  fake.socket.says({ type: "roomDeleted", roomId: "chat" });
  await fake.tick(1);
  assert.deepEqual(told, ["chat", [{ history: [10], gap: false }, { reason: "roomDeleted" }], { roomId: "chat" }]);
  assert.equal(fake.client.getRoom("chat"), undefined);
});

test("leaving ends the room, and the next join begins anew", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = listen(room);
  const leaving = room.leave();
  room.leave();
  const joining = fake.client.join("chat");
  const [leave, join] = fake.socket.taken();
  assert.deepEqual([leave.type, join.type, join.since], ["leave", "join", undefined]);
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  await leaving;
  assert.deepEqual(told.at(-1), { reason: undefined });
  assert.equal(await codeOf(room.trigger("message", {})), "NOT_IN_ROOM");
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  assert.notEqual(await joining, room);
});

test("what waits for a room that is left is not done in the one that is joined after it", async (t) => {
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

test("what waits for a room that could not be left is done in it", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  room.trigger("message", "waiting").catch(() => {});
  await fake.tick(500);
  await fake.accept();
  const leaving = codeOf(room.leave());
  const [rejoin, leave] = fake.socket.taken();
  fake.socket.says(rejoined({ id: rejoin.id }));
  fake.socket.says({ type: "error", id: leave.id, code: "RATE_LIMITED", message: "slower" });
  assert.equal(await leaving, "RATE_LIMITED");
  assert.deepEqual(fake.socket.taken().map(({ data }) => data), ["waiting"]);
});

test("a room that was ended while one left it is left once", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = [];
  room.onLeft((left) => told.push(left));
  const leaving = room.leave();
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.answers({ type: "error", code: "NOT_IN_ROOM", message: "no" });
  await leaving;
  await fake.tick(1);
  assert.deepEqual(told, [{ reason: "removed" }]);
});

test("a room that is left while the connection is lost is not joined again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  await room.leave();
  await fake.tick(500);
  await fake.accept();
  assert.deepEqual(fake.socket.taken(), []);
});

test("a room whose leaving was not answered before the loss is left all the same", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const leaving = room.leave();
  await fake.reconnect();
  await leaving;
  assert.deepEqual(fake.socket.taken(), []);
  assert.equal(room.state, "left");
});

test("a room that cannot be joined again is left, with the reason", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = listen(room);
  await fake.reconnect();
  fake.socket.answers({ type: "error", code: "JOIN_DENIED", message: "no" });
  await settled();
  assert.deepEqual(told.at(-1), { reason: "JOIN_DENIED" });
  assert.deepEqual(fake.client.rooms, []);
});

test("a room whose join was not answered before another loss is joined on the next connection", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  fake.socket.taken();
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
});

test("a room whose join comes too fast is joined a little later", async (t) => {
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

test("a room that stays unavailable is given up after some attempts", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  for (let attempt = 0; attempt <= 8; attempt += 1) {
    fake.socket.says({ type: "pong" });
    fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no", retryAfter: 1 });
    await settled();
    await fake.tick(1);
  }
  assert.equal(room.state, "left");
});

test("an answer to a join that was given up is left again", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  const joining = codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await joining, "TIMEOUT");
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
  assert.equal(fake.client.getRoom("chat"), undefined);
});

/** A client that has come back, and whose way back into the room has taken longer than it waits for. */
async function lateRejoin(t, joined) {
  const { fake, room } = await Fake.joined(t, { timeout: 3_000 }, joined);
  await fake.tick(1);
  const told = listen(room);
  await fake.reconnect();
  const [first] = fake.socket.taken();
  await fake.tick(3_000);
  return { fake, room, told, first };
}

test("a way back that is answered too late is taken, and what was missed is told once", async (t) => {
  const { fake, room, told, first } = await lateRejoin(t);
  const triggered = room.trigger("message", {});
  await fake.tick(500);
  const [second] = fake.socket.taken();
  assert.deepEqual(second.since, { epoch: "e", seq: 10 });
  fake.socket.says(rejoined({ id: first.id, seq: 12, events: [message(11), message(12)] }));
  assert.equal(room.state, "joined");
  fake.socket.answers({ type: "ok", seq: 13 });
  fake.socket.says({ type: "event", ...message(14) });
  // All that came after 10 is on its way already.
  fake.socket.says(rejoined({ id: second.id, seq: 14 }));
  assert.deepEqual(await triggered, { seq: 13 });
  assert.deepEqual(told, [11, 12, { recovered: true }, 14]);
  assert.deepEqual([room.seq, fake.socket.taken()], [14, []]);
});

test("a way back that is answered before it is tried again is not tried again", async (t) => {
  const { fake, told, first } = await lateRejoin(t);
  fake.socket.says(rejoined({ id: first.id, recovered: false, seq: 12, events: [message(12)] }));
  await fake.tick(500);
  assert.deepEqual(told, [{ history: [12], gap: true }, { recovered: false }]);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a room that one is back in stays, whatever becomes of the second attempt", async (t) => {
  const { fake, room, first } = await lateRejoin(t);
  await fake.tick(500);
  fake.socket.says(rejoined({ id: first.id }));
  fake.socket.answers({ type: "error", code: "LIMIT_EXCEEDED", message: "no" });
  await fake.tick(10_000);
  assert.deepEqual([room.state, fake.socket.taken()], ["joined", []]);
});

test("the wildcard is narrowed once by a way back that is answered late", async (t) => {
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

test("a room that the server took one out of is not entered by a way back that was still under way", async (t) => {
  const { fake, room, told, first } = await lateRejoin(t);
  await fake.tick(500);
  const [second] = fake.socket.taken();
  fake.socket.says(rejoined({ id: first.id }));
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.says(rejoined({ id: second.id, recovered: false }));
  assert.deepEqual(told, [{ recovered: true }, { reason: "removed" }]);
  assert.deepEqual([room.state, fake.client.rooms], ["left", []]);
  assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
});

test("a room that the server takes one into again, being in it, tells nothing", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = listen(room);
  await fake.tick(1);
  told.length = 0;
  for (const recovered of [true, false]) {
    await fake.reconnect({ delay: 1_000 });
    fake.socket.answers(rejoined({ recovered, seq: 11, events: recovered ? [] : [message(11)] }));
    fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["*"], seq: 11, events: [message(11)] });
    assert.deepEqual(room.subscriptions, ["*"]);
  }
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual(told, [{ recovered: true }, { history: [11], gap: true }, { recovered: false }, 12]);
  assert.deepEqual(fake.socket.taken(), []);
});

/** A client that the server has taken into the room by itself, before its way back is answered. */
async function takenIn(t, joined) {
  const { fake, room } = await Fake.joined(t);
  await fake.tick(1);
  const told = listen(room);
  await fake.reconnect();
  const [rejoin] = fake.socket.taken();
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, ...joined });
  return { fake, room, told, rejoin };
}

for (const subscriptions of [["message"], ["message", "typing"], ["*"]]) {
  test(`a room that the server takes one back into, subscribed to ${subscriptions}, is told of once`, async (t) => {
    const events = [message(11), message(12)];
    const { fake, room, told, rejoin } = await takenIn(t, { subscriptions, seq: 12, events });
    fake.socket.says({ type: "event", ...message(13) });
    fake.socket.says(rejoined({ id: rejoin.id, recovered: false, seq: 13, events: [...events, message(13)] }));
    fake.socket.says({ type: "event", ...message(14) });
    const gap = [{ history: [11, 12], gap: true }, { recovered: false }];
    assert.deepEqual(told, [...gap, 13, 14]);
    assert.deepEqual([room.state, room.seq, room.subscriptions], ["joined", 14, ["message"]]);
  });
}

test("what the server's own join has brought is a position, if it subscribes to all that one wants", async (t) => {
  const { fake } = await takenIn(t, { subscriptions: ["message", "typing"], seq: 12, events: [message(12)] });
  await fake.reconnect({ delay: 1_000 });
  assert.deepEqual(fake.socket.taken()[0].since, { epoch: "e", seq: 12 });
});

test("another epoch is a gap, whatever the server says", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.tick(1);
  const told = listen(room);
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, epoch: "f", seq: 1, events: [message(1)] });
  await fake.reconnect();
  fake.socket.answers(rejoined({ epoch: "g", seq: 2, events: [message(2)] }));
  const gap = (seq) => [{ history: [seq], gap: true }, { recovered: false }];
  assert.deepEqual(told, [...gap(1), ...gap(2)]);
});

test("a room in which nothing has happened is whole, also if the server takes one into it", async (t) => {
  const { fake, told, rejoin } = await takenIn(t, { seq: 10, events: [message(10)] });
  fake.socket.says(rejoined({ id: rejoin.id, seq: 10 }));
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual(told, [{ recovered: true }, 11]);
});

test("what the way back hears beyond what the server chose is not passed over", async (t) => {
  const { fake, room, told, rejoin } = await takenIn(t, { subscriptions: ["typing"], seq: 12 });
  fake.socket.says(rejoined({ id: rejoin.id, recovered: false, seq: 12, events: [message(11), message(12)] }));
  fake.socket.says({ type: "event", ...message(13) });
  const first = [{ history: [], gap: true }, { recovered: false }];
  assert.deepEqual(told, [...first, { history: [11, 12], gap: true }, { recovered: false }, 13]);
  assert.deepEqual(room.subscriptions, ["message"]);
});

test("the way back has the subscriptions of before, whatever the server chose meanwhile", async (t) => {
  const joined = { subscriptions: ["typing"] };
  const { fake, room, rejoin } = await takenIn(t, joined);
  assert.deepEqual([room.state, room.subscriptions], ["rejoining", ["message"]]);
  fake.socket.says({ type: "error", id: rejoin.id, code: "RATE_LIMITED", message: "slower", retryAfter: 3_000 });
  await settled();
  await fake.tick(3_000);
  assert.deepEqual(fake.socket.taken()[0].subscriptions, ["message"]);
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, ...joined });
  await fake.reconnect({ delay: 1_000 });
  assert.deepEqual(fake.socket.taken()[0].subscriptions, ["message"]);
});

test("the wildcard that is wanted back is still narrowed, whatever the server chose meanwhile", async (t) => {
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

test("what was not heard while the server's own choice was in force is told as a gap after another loss", async (t) => {
  const narrow = { subscriptions: ["typing"], seq: 12 };
  const { fake, room, told } = await takenIn(t, narrow);
  fake.socket.says({ type: "event", ...message(14), event: "typing" });
  told.length = 0;
  await fake.reconnect({ delay: 1_000 });
  // 13 was a message. There is no number from which on both are missing.
  let [rejoin] = fake.socket.taken();
  assert.deepEqual(rejoin.since, { epoch: "", seq: 14 });
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED, ...narrow, seq: 14 });
  assert.deepEqual(told, [{ history: [], gap: true }, { recovered: false }]);
  fake.socket.says(rejoined({ id: rejoin.id, recovered: false, seq: 14, events: [message(13)] }));
  assert.deepEqual(told.slice(2), [{ history: [13], gap: true }, { recovered: false }]);
  assert.deepEqual([room.epoch, room.seq], ["e", 14]);
  await fake.reconnect({ delay: 2_000 });
  assert.deepEqual(fake.socket.taken()[0].since, { epoch: "e", seq: 14 });
});

test("a room that the server takes one into stays when the way back is refused", async (t) => {
  const joined = { subscriptions: ["typing"] };
  const { fake, room, told, rejoin } = await takenIn(t, joined);
  const waiting = room.trigger("message", {});
  await settled();
  assert.deepEqual(fake.socket.taken(), [], "what was asked for waits for the subscriptions of before");
  fake.socket.says({ type: "error", id: rejoin.id, code: "EVENT_NOT_ALLOWED", message: "no" });
  await settled();
  fake.socket.answers({ type: "ok", seq: 11 });
  assert.deepEqual(await waiting, { seq: 11 });
  assert.deepEqual([room.state, room.subscriptions], ["joined", ["typing"]]);
  assert.deepEqual(told, [{ recovered: true }]);
  // Nobody else is told that less is heard than before.
  assert.deepEqual(fake.errors.map(({ code }) => code), ["EVENT_NOT_ALLOWED"]);
});

test("subscriptions that are changed too late are changed all the same", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const joining = codeOf(fake.client.join("chat", { subscriptions: ["*"] }));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await joining, "TIMEOUT");
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED, subscriptions: ["*"] });
  assert.deepEqual([room.subscriptions, fake.socket.taken()], [["*"], []]);
});

test("a late answer to a join that was given up does not throw one out who has tried again", async (t) => {
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
  const told = listen(await joining);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual(told, [{ history: [], gap: false }, 11]);
  // It is no stray any more.
  const changing = codeOf(fake.client.join("chat", { subscriptions: ["nonsense"] }));
  fake.socket.answers({ type: "error", code: "EVENT_NOT_ALLOWED", message: "no" });
  assert.equal(await changing, "EVENT_NOT_ALLOWED");
  assert.deepEqual(fake.socket.taken(), []);
});

for (const [how, fails] of [
  ["refused", (fake) => fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower" })],
  ["given up", (fake) => fake.socket.taken()],
]) {
  test(`when the second attempt is ${how}, the room of the first is left`, async (t) => {
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

test("what is left because nobody waits for it any more is nobody's error", async (t) => {
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

test("a room that could not be left, and nobody waits for, is left a little later", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 3_000 });
  await settled();
  await fake.tick(2_999);
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1);
  assert.equal(fake.socket.answers({ type: "error", code: "UNAVAILABLE", message: "no" }).type, "leave");
  await settled();
  // Who wants to be in it after all is not thrown out.
  const joining = fake.client.join("chat");
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
  await joining;
  await fake.tick(10_000);
  assert.deepEqual(fake.socket.taken(), []);
  fake.client.disconnect();
  assert.equal(fake.timers.size, 0);
});

test("who has come into a room is not thrown out by what could not be left before", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  const joining = fake.client.join("chat");
  const [leave, join] = fake.socket.taken();
  fake.socket.says({ type: "error", id: leave.id, code: "RATE_LIMITED", message: "slower", retryAfter: 10 });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  await joining;
  await fake.tick(10);
  assert.deepEqual(fake.socket.taken(), []);
});

test("a room that could not be left is left by the loss of the connection", async (t) => {
  const fake = await Fake.connected(t, { timeout: 1_000 });
  codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED });
  fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 600 });
  await settled();
  fake.socket.closes(1006);
  assert.equal(fake.timers.size, 1, "that of the next attempt");
  await fake.tick(500);
  await fake.accept();
  const joining = codeOf(fake.client.join("chat"));
  fake.socket.answers({ type: "error", code: "ROOM_FULL", message: "full" });
  assert.equal(await joining, "ROOM_FULL");
  assert.deepEqual(fake.socket.taken(), []);
});

test("joins of the same room that are made together are one, and each is told the history", async (t) => {
  const fake = await Fake.connected(t);
  const listening = [undefined, undefined, {}].map(async (options) => listen(await fake.client.join("chat", options)));
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, events: [message(10)] });
  const tolds = await Promise.all(listening);
  await fake.tick(1);
  for (const told of tolds) assert.deepEqual(told, [{ history: [10], gap: false }]);
});

test("a join that names no subscriptions goes with the one before it, one that names others follows it", async (t) => {
  const fake = await Fake.connected(t);
  const subscribed = { subscriptions: ["message"] };
  const first = fake.client.join("chat", subscribed);
  const same = fake.client.join("chat", { ...subscribed });
  const any = fake.client.join("chat");
  const all = fake.client.join("chat", { subscriptions: ["*"] });
  // Not the first, after which the others are in force.
  const back = fake.client.join("chat", subscribed);
  const requests = fake.socket.taken();
  assert.deepEqual(requests.map(({ subscriptions }) => subscriptions), [["message"], ["*"], ["message"]]);
  for (const { id, subscriptions } of requests) {
    fake.socket.says({ type: "joined", id, roomId: "chat", ...JOINED, subscriptions, events: [message(10)] });
  }
  const rooms = await Promise.all([first, same, any, all, back]);
  assert.equal(new Set(rooms).size, 1);
  assert.deepEqual(rooms[0].subscriptions, ["message"]);
});

test("a join of a room that one is in does not go with one before which there was something else", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.client.join("chat", { subscriptions: ["message"] });
  room.subscribeAll();
  fake.client.join("chat", { subscriptions: ["message"] });
  const requests = fake.socket.taken();
  assert.deepEqual(requests.map(({ type }) => type), ["join", "subscribeAll", "join"]);
  const subscriptions = ["message"];
  for (const { type, id } of requests) {
    fake.socket.says(type === "join" ? { type: "joined", id, roomId: "chat", ...JOINED, subscriptions } : { type: "ok", id });
  }
  assert.deepEqual(room.subscriptions, ["message"]);
});

test("a join does not go with one that is to be left", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const subscribed = { subscriptions: ["*"] };
  const before = codeOf(fake.client.join("chat", subscribed));
  room.leave();
  const joining = fake.client.join("chat", subscribed);
  const together = fake.client.join("chat", subscribed);
  const requests = fake.socket.taken();
  assert.deepEqual(requests.map(({ type }) => type), ["join", "leave", "join"]);
  const [change, leave, join] = requests;
  fake.socket.says({ type: "joined", id: change.id, roomId: "chat", ...JOINED });
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  assert.equal((await joining).state, "joined");
  assert.equal(await together, await joining);
  before.catch(() => {});
});

test("a join that is under way when one is taken out of the room leads into it again", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED, subscriptions: ["*"] });
  assert.notEqual(await joining, room);
  assert.deepEqual([room.state, fake.client.rooms, fake.socket.taken()], ["left", [await joining], []]);
});

test("a join that is asked for in a handler, right behind the end of the one before, is a new one", async (t) => {
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

test("all that is new is behind the wildcard of a join, also where the leave before it has failed", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { subscriptions: ["*"] });
  const unsubscribing = room.unsubscribe("message");
  fake.socket.answers({ type: "ok" });
  await unsubscribing;
  const leaving = codeOf(room.leave());
  const joining = fake.client.join("chat", { subscriptions: ["*"] });
  const [leave, join] = fake.socket.taken();
  fake.socket.says({ type: "error", id: leave.id, code: "RATE_LIMITED", message: "slower" });
  assert.equal(await leaving, "RATE_LIMITED");
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED, subscriptions: ["*"] });
  const told = listen(await joining);
  fake.socket.says({ type: "event", ...message(11) });
  assert.equal(told.at(-1), 11);
});

for (const [how, ends] of [
  ["disconnects", (fake) => fake.client.disconnect()],
  ["loses the connection again", (fake) => fake.socket.closes(4500)],
  ["leaves", (fake, room) => {
    room.leave();
    fake.socket.answers({ type: "error", code: "NOT_IN_ROOM", message: "no" });
  }],
]) {
  test(`no attempt to come back into a room is left when one ${how}`, async (t) => {
    const { fake, room } = await Fake.joined(t);
    await fake.tick(1);
    await fake.reconnect();
    fake.socket.answers({ type: "error", code: "RATE_LIMITED", message: "slower", retryAfter: 1e12 });
    await settled();
    assert.equal(fake.timers.size, 2, "one for the attempt, which does not come at once, and one for silence");
    await fake.tick(1);
    assert.deepEqual(fake.socket.taken(), []);
    ends(fake, room);
    await settled();
    assert.equal(fake.timers.size, fake.client.connected ? 1 : 0);
  });
}

test("a room that one is coming back into, and that cannot be left, is come back into", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  const leaving = codeOf(room.leave());
  for (const { id } of fake.socket.taken()) fake.socket.says({ type: "error", id, code: "RATE_LIMITED", message: "slower" });
  assert.equal(await leaving, "RATE_LIMITED");
  fake.socket.answers(rejoined());
  assert.equal(room.state, "joined");
});

test("what a handler triggers while one comes back is sent behind what was triggered before", async (t) => {
  const { fake, room } = await Fake.joined(t);
  fake.socket.closes(1006);
  room.trigger("message", "before").catch(() => {});
  room.on("message", () => room.trigger("message", "reply").catch(() => {}));
  await fake.tick(500);
  await fake.accept();
  fake.socket.answers(rejoined({ seq: 11, events: [message(11)] }));
  assert.deepEqual(fake.socket.taken().map(({ data }) => data), ["before", "reply"]);
});

test("what one has missed is told no further when a handler disconnects", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.tick(1);
  const told = [];
  room.on("message", ({ seq }) => {
    told.push(seq);
    fake.client.disconnect();
  });
  room.onAny(({ seq }) => told.push(seq));
  room.onRecovered((recovery) => told.push(recovery));
  room.onLeft((left) => told.push(left));
  await fake.reconnect();
  fake.socket.answers(rejoined({ seq: 12, events: [message(11), message(12)] }));
  await settled();
  // The message that the handler was called with is told to all.
  assert.deepEqual(told, [11, 11, { reason: undefined }]);
});

test("a handler is told how far one has come", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const told = [];
  room.onAny(() => told.push(room.seq));
  room.onHistory(() => told.push([room.seq, room.epoch]));
  await fake.reconnect();
  told.length = 0;
  fake.socket.answers(rejoined({ seq: 14, events: [message(11), message(12)] }));
  await fake.reconnect({ delay: 1_000 });
  fake.socket.answers(rejoined({ recovered: false, epoch: "f", seq: 2 }));
  assert.deepEqual(told, [11, 12, [2, "f"]]);
});

test("who disconnects before the history is told is told no history", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { events: [message(10)] });
  const told = listen(room);
  fake.client.onHistory(() => told.push("all"));
  fake.client.disconnect();
  await fake.tick(1);
  assert.deepEqual(told, [{ reason: undefined }]);
});

test("who joins a room again, having given up to leave it, is in it though it is left late", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const leaving = codeOf(room.leave());
  const [leave] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await leaving, "TIMEOUT");
  const joining = fake.client.join("chat");
  const [join] = fake.socket.taken();
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says({ type: "joined", id: join.id, roomId: "chat", ...JOINED });
  assert.equal((await joining).state, "joined");
  assert.equal(fake.client.getRoom("chat"), await joining);
  assert.equal(await fake.client.join("chat"), await joining);
  assert.deepEqual(fake.socket.taken(), []);
});

test("who joins a room again, having given up to leave it, stays in it if it was not left", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const leaving = codeOf(room.leave());
  fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await leaving, "TIMEOUT");
  assert.equal(await fake.join(), room);
  assert.equal(await fake.client.join("chat"), room, "once more asks the server nothing");
  assert.deepEqual(fake.socket.taken(), []);
});

test("lists the rooms page by page, up to a limit", async (t) => {
  const fake = await Fake.connected(t);
  const listing = fake.client.listRooms({ limit: 3 });
  fake.socket.answers({ type: "rooms", rooms: [{ id: "a" }, { id: "b" }], more: true });
  await settled();
  assert.equal(fake.socket.answers({ type: "rooms", rooms: [{ id: "c" }, { id: "d" }], more: true }).after, "b");
  assert.deepEqual((await listing).map(({ id }) => id), ["a", "b", "c"]);
});

test("creates and deletes rooms, and hears of those of others", async (t) => {
  const fake = await Fake.connected(t);
  const told = [];
  fake.client.onRoomCreated(({ id }) => told.push(id));
  fake.client.onRoomDeleted(({ roomId }) => told.push(roomId));
  const creating = fake.client.createRoom("table-7", { name: "Seven", maxSize: 4 });
  const { room } = fake.socket.answers({ type: "roomCreated", room: { id: "table-7", name: "Seven", size: 0 } });
  assert.deepEqual(room, { id: "table-7", name: "Seven", maxSize: 4 });
  assert.deepEqual(await creating, { id: "table-7", name: "Seven", size: 0 });
  const deleting = fake.client.deleteRoom("table-7");
  assert.equal(fake.socket.answers({ type: "roomDeleted", roomId: "table-7" }).roomId, "table-7");
  await deleting;
  fake.socket.says({ type: "roomCreated", room: { id: "table-8" } });
  assert.deepEqual(told, ["table-7", "table-7", "table-8"]);
});

test("what was done is told to who asked for it, also when a handler disconnects", async (t) => {
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

test("pages through history by number or by place", async (t) => {
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
