// Handles: each `join` gives one, and the room is left with the last of them. The test plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, codeOf, message, settled } from "./support/fake.js";

/** Records the events that a handle receives, and its end. */
function listen(room) {
  const calls = [];
  room.onAny(({ seq }) => calls.push(seq));
  room.onLeft(({ reason }) => calls.push(reason ?? "left"));
  return calls;
}

/** A component as programs write it: joins when it is mounted, and leaves when it is unmounted, however early. */
function mount(client, calls, options) {
  let isMounted = true;
  let room;
  client.join("chat", options).then((joined) => {
    room = joined;
    if (!isMounted) return joined.leave();
    joined.on("message", ({ seq }) => calls.push(seq));
    return undefined;
  });
  return () => {
    isMounted = false;
    room?.leave();
  };
}

const joined = (rest) => ({ type: "joined", roomId: "chat", ...JOINED, ...rest });
const typesOf = (frames) => frames.map(({ type }) => type);

/** Joins the room once more, and answers the join. */
async function again(fake, options, answer) {
  const joining = fake.client.join("chat", options);
  fake.socket.answers(joined(answer));
  return joining;
}

test("a component that is mounted, unmounted and mounted again at once is in the room", async (t) => {
  const fake = await Fake.connected(t);
  const [first, second] = [[], []];
  mount(fake.client, first)();
  mount(fake.client, second);
  fake.socket.answers(joined());
  await settled();
  await fake.tick(1);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual([first, second, fake.socket.taken()], [[], [11], []]);
});

test("a component that is mounted again after its join is in the room", async (t) => {
  const fake = await Fake.connected(t);
  const [first, second] = [[], []];
  const unmount = mount(fake.client, first);
  fake.socket.answers(joined());
  await settled();
  unmount();
  mount(fake.client, second);
  const [leave, join, ...others] = fake.socket.taken();
  assert.deepEqual([leave.type, join.type, others], ["leave", "join", []]);
  fake.socket.says({ type: "event", ...message(11) });
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says(joined({ id: join.id, seq: 11 }));
  await settled();
  await fake.tick(1);
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual([first, second, fake.socket.taken()], [[], [12], []]);
});

test("the other of two components keeps the room when one is unmounted", async (t) => {
  const fake = await Fake.connected(t);
  const [first, second] = [[], []];
  const unmount = mount(fake.client, first);
  fake.socket.answers(joined());
  await settled();
  const unmountSecond = mount(fake.client, second);
  fake.socket.answers(joined());
  await settled();
  await fake.tick(1);
  fake.socket.says({ type: "event", ...message(11) });
  unmount();
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual([first, second, fake.socket.taken()], [[11], [11, 12], []]);
  unmountSecond();
  assert.deepEqual(typesOf(fake.socket.taken()), ["leave"]);
});

test("an effect without a cleanup that runs twice has two handles with one event each", async (t) => {
  const fake = await Fake.connected(t);
  const [first, second] = [[], []];
  mount(fake.client, first);
  mount(fake.client, second);
  fake.socket.answers(joined());
  await settled();
  await fake.tick(1);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual([first, second], [[11], [11]]);
});

test("getRoom and rooms give the oldest handle that has not left", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const second = await again(fake);
  const third = await again(fake);
  assert.equal(new Set([room, second, third]).size, 3);
  assert.deepEqual([fake.client.getRoom("chat"), fake.client.rooms], [room, [room]]);
  room.leave();
  assert.deepEqual([fake.client.getRoom("chat"), fake.client.rooms], [second, [second]]);
  third.leave();
  second.leave();
  assert.deepEqual([fake.client.getRoom("chat"), fake.client.rooms], [undefined, []]);
});

test("a handle that has left is of no further use, even before the server has answered", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  room.on("message", ({ seq }) => calls.push(seq));
  await fake.tick(1);
  const leaving = room.leave();
  assert.equal(room.state, "left");
  const [leave] = fake.socket.taken();
  fake.socket.says({ type: "event", ...message(11) });
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  await leaving;
  for (const request of [room.trigger("message", {}), room.subscribe("typing"), room.getHistory("message")]) {
    assert.equal(await codeOf(request), "NOT_IN_ROOM");
  }
  await room.leave();
  assert.deepEqual([calls, fake.socket.taken()], [["left"], []]);
});

test("one of two handles that has left is of no further use", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const second = await again(fake);
  const calls = listen(second);
  await second.leave();
  assert.deepEqual([second.state, room.state], ["left", "joined"]);
  assert.equal(await codeOf(second.trigger("message", {})), "NOT_IN_ROOM");
  fake.socket.says({ type: "event", ...message(11) });
  await fake.tick(1);
  assert.deepEqual([calls, fake.socket.taken()], [["left"], []]);
});

test("onJoined and the client's onHistory are called once, when the client enters the room", async (t) => {
  const fake = await Fake.connected(t);
  const calls = [];
  fake.client.onJoined((room) => calls.push(room));
  fake.client.onHistory(({ room, events }) => calls.push(room, events.length));
  const joining = [fake.client.join("chat"), fake.client.join("chat")];
  fake.socket.answers(joined({ events: [message(10)] }));
  const [first, second] = await Promise.all(joining);
  await fake.tick(1);
  await again(fake, undefined, { events: [message(10)] });
  await fake.tick(1);
  assert.notEqual(first, second);
  assert.deepEqual(calls, [first, first, 1]);
});

test("a room is left when the join fails for which it was kept", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const joining = codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await room.leave();
  assert.deepEqual(fake.socket.taken(), []);
  await fake.tick(1_000);
  assert.equal(await joining, "TIMEOUT");
  const [leave, ...others] = fake.socket.taken();
  assert.deepEqual([leave.type, others], ["leave", []]);
  fake.socket.says(joined({ id }));
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  await settled();
  assert.deepEqual([fake.socket.taken(), fake.client.rooms], [[], []]);
});

test("a late answer to a join gives no handle, and takes none", async (t) => {
  const { fake, room } = await Fake.joined(t, { timeout: 1_000 });
  const calls = listen(room);
  const joining = codeOf(fake.client.join("chat"));
  const [{ id }] = fake.socket.taken();
  await fake.tick(1_000);
  assert.equal(await joining, "TIMEOUT");
  fake.socket.says(joined({ id, seq: 11, events: [message(11)] }));
  assert.deepEqual([calls, fake.client.rooms, fake.socket.taken()], [[], [room], []]);
  room.leave();
  assert.deepEqual(typesOf(fake.socket.taken()), ["leave"]);
});

test("a join that waits for the rejoin is a first join if the server removes the client", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const calls = listen(room);
  await fake.reconnect();
  fake.socket.taken();
  const joining = fake.client.join("chat");
  assert.deepEqual(fake.socket.taken(), []);
  fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  await settled();
  const { since, subscriptions } = fake.socket.answers(joined());
  assert.deepEqual([since, subscriptions, (await joining).state, calls], [undefined, undefined, "joined", ["removed"]]);
});

test("a leave that fails is repeated, and the handle has left anyway", async (t) => {
  const { fake, room } = await Fake.joined(t);
  let hasLeft = false;
  room.leave().then(() => (hasLeft = true));
  fake.socket.answers({ type: "error", code: "INTERNAL", message: "no", retryAfter: 3_000 });
  await settled();
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual([room.state, fake.client.rooms, fake.socket.taken()], ["left", [], []]);
  await fake.tick(3_000);
  assert.equal(hasLeft, false);
  assert.equal(fake.socket.answers({ type: "left", roomId: "chat" }).type, "leave");
  await settled();
  assert.equal(hasLeft, true);
  await fake.tick(60_000);
  assert.deepEqual(fake.socket.taken().filter(({ type }) => type !== "ping"), []);
});

test("a join after a leave that failed keeps the room", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const leaving = room.leave();
  const joining = fake.client.join("chat");
  const [leave, join] = fake.socket.taken();
  fake.socket.says({ type: "error", id: leave.id, code: "INTERNAL", message: "no", retryAfter: 10 });
  fake.socket.says(joined({ id: join.id }));
  await leaving;
  const calls = listen(await joining);
  await fake.tick(5_000);
  fake.socket.says({ type: "event", ...message(11) });
  assert.deepEqual([calls, fake.socket.taken()], [[11], []]);
});

for (const [how, ends] of [
  ["joins the room again", (fake) => void fake.join()],
  ["loses the connection", (fake) => fake.socket.closes(1006)],
  ["disconnects", (fake) => fake.client.disconnect()],
]) {
  test(`a leave that is being repeated ends when the client ${how}`, async (t) => {
    const { fake, room } = await Fake.joined(t);
    let hasLeft = false;
    room.leave().then(() => (hasLeft = true));
    fake.socket.answers({ type: "error", code: "INTERNAL", message: "no", retryAfter: 3_000 });
    await settled();
    ends(fake);
    await settled();
    assert.equal(hasLeft, true);
    const sent = fake.client.connected ? fake.socket.taken() : [];
    await fake.tick(3_000);
    assert.deepEqual([sent, fake.sockets.flatMap((socket) => typesOf(socket.taken()))], [[], []]);
  });
}

test("disconnect ends every handle, and every join that is unanswered", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const second = await again(fake);
  const calls = [listen(room), listen(second)];
  const joining = [fake.client.join("chat"), fake.client.join("chat", { subscriptions: ["*"] })].map(codeOf);
  fake.client.disconnect();
  assert.deepEqual(calls, [["left"], ["left"]]);
  assert.deepEqual(await Promise.all(joining), ["DISCONNECTED", "DISCONNECTED"]);
  assert.deepEqual([room.state, second.state, fake.client.rooms], ["left", "left", []]);
  await second.leave();
});

test("every handle survives a connection that was closed for good", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const second = await again(fake);
  const calls = [listen(room), listen(second)];
  fake.socket.closes(4500);
  second.leave();
  fake.client.connect();
  await fake.accept();
  fake.socket.answers(joined({ recovered: true, seq: 11, events: [message(11)] }));
  await fake.tick(1);
  assert.deepEqual(calls, [[11], ["left"]]);
});

test("a handler may leave with its own handle while others receive the same event", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const second = await again(fake);
  await fake.tick(1);
  const calls = [listen(room), listen(second)];
  room.on("message", () => room.leave());
  fake.socket.says({ type: "event", ...message(11) });
  fake.socket.says({ type: "event", ...message(12) });
  assert.deepEqual([calls, fake.socket.taken()], [[[11, "left"], [11, 12]], []]);
});

test("a handle that leaves while it is passed to onJoined leaves the room", async (t) => {
  const fake = await Fake.connected(t);
  fake.client.onJoined((room) => room.leave());
  const joining = fake.client.join("chat");
  fake.socket.answers(joined());
  assert.equal((await joining).state, "left");
  assert.deepEqual(typesOf(fake.socket.taken()), ["leave"]);
});

test("the server's own join while the client leaves does not bring a handle", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const entered = [];
  fake.client.onJoined((room) => entered.push(room));
  room.leave();
  const [leave] = fake.socket.taken();
  fake.socket.says(joined());
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  fake.socket.says(joined());
  assert.deepEqual([entered.length, fake.client.rooms], [1, entered]);
});

test("a rejoin that is answered while the client leaves does not bring the room back", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await fake.reconnect();
  const [rejoin] = fake.socket.taken();
  room.leave();
  const [leave] = fake.socket.taken();
  fake.socket.says(joined({ id: rejoin.id, recovered: true, seq: 11, events: [message(11)] }));
  assert.equal(fake.client.getRoom("chat"), undefined);
  fake.socket.says({ type: "left", id: leave.id, roomId: "chat" });
  await settled();
  assert.deepEqual([room.state, fake.socket.taken(), fake.client.rooms], ["left", [], []]);
});

for (const [first, second, isShared] of [
  [undefined, undefined, true],
  [["message"], undefined, true],
  [["message", "typing"], ["typing"], true],
  [["*"], ["message"], true],
  [["*"], ["*"], true],
  [["message"], [], true],
  [undefined, ["message"], false],
  [["message"], ["typing"], false],
  [["message"], ["*"], false],
  [[], ["message"], false],
]) {
  const name = `a join of ${first ?? "the defaults"} ${isShared ? "covers" : "does not cover"} one of ${second ?? "the defaults"}`;
  test(name, async (t) => {
    const fake = await Fake.connected(t);
    const joining = [first, second].map((subscriptions) => fake.client.join("chat", { subscriptions }));
    fake.socket.answers(joined({ subscriptions: first ?? ["message"] }));
    await settled();
    const union = [...new Set([...(first ?? ["message"]), ...(second ?? [])])];
    const expected = isShared ? [] : [union.includes("*") ? ["*"] : union];
    const frames = fake.socket.taken();
    assert.deepEqual(frames.map(({ subscriptions }) => subscriptions), expected);
    for (const { id, subscriptions } of frames) fake.socket.says(joined({ id, subscriptions }));
    const rooms = await Promise.all(joining);
    assert.equal(new Set(rooms).size, 2);
  });
}

test("a join with subscriptions counts those that are being changed", async (t) => {
  const { fake, room } = await Fake.joined(t);
  const subscribing = room.subscribe("typing");
  const joining = fake.client.join("chat", { subscriptions: ["news"] });
  fake.socket.answers({ type: "ok" });
  await subscribing;
  await settled();
  const { subscriptions } = fake.socket.answers(joined({ subscriptions: ["message", "news", "typing"] }));
  assert.deepEqual(subscriptions.sort(), ["message", "news", "typing"]);
  await joining;
});

test("a history of 300 events reaches each of several handles, and nobody sees an event twice", async (t) => {
  const { fake, room } = await Fake.joined(t, {}, { seq: 0 });
  const seen = [];
  const record = (room) => {
    const events = [];
    room.onHistory((history) => events.push(...history.events.map(({ seq }) => seq)));
    room.onAny(({ seq }) => events.push(seq));
    seen.push(events);
  };
  record(room);
  await fake.tick(1);
  const all = Array.from({ length: 300 }, (_, index) => message(index + 1));
  for (const event of all.slice(0, 200)) fake.socket.says({ type: "event", ...event });
  record(await again(fake, undefined, { seq: 200, events: all.slice(0, 200) }));
  for (const event of all.slice(200)) fake.socket.says({ type: "event", ...event });
  record(await again(fake, undefined, { seq: 300, events: all }));
  await fake.tick(1);
  const numbers = all.map(({ seq }) => seq);
  assert.deepEqual(seen, [numbers, numbers, numbers]);
});
