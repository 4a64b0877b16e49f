// Clients and rooms behind proxies, as frameworks with reactive state wrap whatever a program puts into it. The test
// plays the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { reactive, readonly, ref } from "@vue/reactivity";
import { Fake, JOINED, codeOf, message, settled } from "./support/fake.js";

/** Wraps an object, and each object that is read from it. Functions stay as they are. */
function deep(target) {
  const wrap = (value) => (typeof value === "object" && value !== null ? deep(value) : value);
  return new Proxy(target, { get: (target, name, receiver) => wrap(Reflect.get(target, name, receiver)) });
}

/** A copy with the same prototype and the object's own properties, as some stores make. */
const copied = (target) => Object.create(Object.getPrototypeOf(target), Object.getOwnPropertyDescriptors(target));

const WRAPPERS = {
  "a deep proxy": deep,
  "a proxy of a proxy": (target) => deep(deep(target)),
  "a frozen object": (target) => Object.freeze(target),
  "a copy": copied,
  "Vue's ref": (target) => ref(target).value,
  "Vue's reactive": (target) => reactive({ target }).target,
  "Vue's readonly": (target) => readonly(reactive({ target })).target,
};

for (const [name, wrap] of Object.entries(WRAPPERS)) {
  test(`a client works behind ${name}`, async (t) => {
    const fake = new Fake(t, { auth: { token: "t" } });
    const client = wrap(fake.client);
    const calls = [];
    for (const on of ["onConnect", "onDisconnect", "onStateChange", "onError", "onJoined", "onRoomCreated"]) {
      client[on](() => calls.push(on));
    }
    for (const on of ["onRoomDeleted", "onHistory", "onDirect"]) client[on](() => calls.push(on))();
    const opening = client.connect();
    await fake.accept();
    await opening;
    assert.deepEqual([client.userId, client.clientId, client.fingerprint], ["ada", "c1", "f"]);
    assert.deepEqual([client.connected, client.state, client.rooms.length], [true, "connected", 0]);
    const joining = client.join("chat");
    fake.socket.answers({ type: "joined", roomId: "chat", ...JOINED });
    await joining;
    assert.equal(client.getRoom("chat").id, "chat");
    assert.equal(client.rooms[0].name, "Chat");
    const listing = client.listRooms();
    fake.socket.answers({ type: "rooms", rooms: [], more: false });
    await listing;
    const creating = client.createRoom("table-7");
    fake.socket.answers({ type: "roomCreated", room: { id: "table-7" } });
    await creating;
    const deleting = client.deleteRoom("table-7");
    fake.socket.answers({ type: "roomDeleted", roomId: "table-7" });
    await deleting;
    client.wake?.();
    client.disconnect();
    assert.deepEqual(calls, [
      "onStateChange", "onStateChange", "onConnect", "onJoined", "onRoomCreated", "onStateChange", "onDisconnect",
    ]);
  });

  test(`a room works behind ${name}`, async (t) => {
    const { fake, room: raw } = await Fake.joined(t);
    const room = wrap(raw);
    const { id, name, state, epoch, seq } = room;
    assert.deepEqual([id, name, state, epoch, seq], ["chat", "Chat", "joined", "e", 10]);
    assert.deepEqual([...room.subscriptions], ["message"]);
    const calls = [];
    room.onHistory(({ events }) => calls.push(events.length));
    room.onAny(({ data }) => calls.push(data.text));
    room.onRecovered(({ recovered }) => calls.push(recovered));
    room.onLeft(({ reason }) => calls.push(reason));
    room.on("message", () => assert.fail("it was removed"))();
    for (const [ask, type] of [
      [() => room.trigger("message", { text: "hi" }), "trigger"],
      [() => room.subscribe("typing"), "subscribe"],
      [() => room.unsubscribe("typing"), "unsubscribe"],
      [() => room.subscribeAll(), "subscribeAll"],
    ]) {
      const asking = ask();
      assert.equal(fake.socket.answers({ type: "ok" }).type, type);
      await asking;
    }
    const paging = room.getHistory("message");
    fake.socket.answers({ type: "history", events: [], more: false });
    await paging;
    fake.socket.says({ type: "event", ...message(11) });
    const leaving = room.leave();
    fake.socket.answers({ type: "left", roomId: "chat" });
    await leaving;
    assert.deepEqual(calls, [0, "line 11", undefined]);
    assert.equal(await codeOf(room.trigger("message")), "NOT_IN_ROOM");
  });
}

test("a handle that is passed to a handler works behind a proxy", async (t) => {
  const fake = await Fake.connected(t);
  const state = reactive({ rooms: [] });
  fake.client.onJoined((room) => state.rooms.push(room));
  fake.socket.says({ type: "joined", roomId: "chat", ...JOINED });
  const triggering = state.rooms[0].trigger("message", {});
  fake.socket.answers({ type: "ok", seq: 11 });
  assert.deepEqual(await triggering, { seq: 11 });
});

test("a reactive program does not look into the client", async (t) => {
  const { fake, room } = await Fake.joined(t);
  await settled();
  for (const handle of [fake.client, room]) {
    assert.deepEqual([Object.keys(handle), JSON.stringify(handle)], [[], "{}"]);
  }
});
