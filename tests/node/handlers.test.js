// Handlers that call back into the client. Each handler may undo the change that it is called for. The test plays the
// server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONNECTED, Fake, JOINED, message, settled } from "./support/fake.js";

/** Every kind of handler, registered on the client or on a room that the client has joined. */
const OF_THE_CLIENT = [
  "onConnect",
  "onDisconnect",
  "onStateChange",
  "onError",
  "onJoined",
  "onHistory",
  "onDirect",
  "onRoomCreated",
  "onRoomDeleted",
];
const OF_A_ROOM = ["onAny", "onHistory", "onRecovered", "onLeft", "on"];

/** Registers a handler of this kind, and after it one that records its calls in `calls`. */
function handle(fake, kind, handler) {
  const calls = [];
  const listen = (emitter, kinds, prefix) => {
    for (const each of kinds) {
      const on = (handler) => (each === "on" ? emitter.on("message", handler) : emitter[each](handler));
      if (prefix + each === kind) on(handler);
      on((argument) => calls.push(argument?.state ?? prefix + each));
    }
  };
  listen(fake.client, OF_THE_CLIENT, "client.");
  fake.client.onJoined((room) => listen(room, OF_A_ROOM, "room."));
  return calls;
}

/** Runs a client through every change, step by step: three connections with the room `chat`. Stops when `isEnough()`. */
async function live(fake, isEnough = () => false) {
  const says = (frame) => fake.socket?.says(frame);
  const opens = () => fake.socket?.onopen?.();
  const joinsClient = (event) => [
    () => says({ type: "joined", roomId: "chat", ...JOINED, seq: event.seq, events: [event] }),
    () => fake.tick(1),
  ];
  const reconnects = (recovered) => [
    () => fake.socket?.closes(1006),
    () => fake.tick(2_000),
    opens,
    () => says({ ...CONNECTED, id: 0 }),
    () => {
      const { id } = fake.socket?.taken().find(({ type }) => type === "join") ?? {};
      says({ type: "joined", id, roomId: "chat", ...JOINED, recovered, seq: 14, events: [message(13), message(14)] });
    },
  ];
  const steps = [
    () => void fake.client.connect().catch(() => {}),
    opens,
    () => says({ ...CONNECTED, id: 0 }),
    ...joinsClient(message(10)),
    ...joinsClient(message(11)),
    () => says({ type: "event", ...message(12) }),
    () => says({ type: "direct", event: "news", data: 1 }),
    () => says({ type: "roomCreated", room: { id: "table-7" } }),
    () => says({ type: "roomDeleted", roomId: "table-7" }),
    () => says({ type: "error", code: "INTERNAL", message: "pushed" }),
    ...reconnects(true),
    ...reconnects(false),
    () => says({ type: "left", roomId: "chat", reason: "removed" }),
  ];
  for (const step of steps) {
    await step();
    await settled();
    if (isEnough()) return;
  }
}

for (const kind of [...OF_THE_CLIENT.map((on) => `client.${on}`), ...OF_A_ROOM.map((on) => `room.${on}`)]) {
  test(`nothing happens after \`disconnect\` in ${kind}`, async (t) => {
    let auths = 0;
    const fake = new Fake(t, { auth: () => (auths += 1) });
    let called = 0;
    const calls = handle(fake, kind, () => {
      called += 1;
      fake.client.disconnect();
    });
    await live(fake);
    assert.ok(called > 0);
    assert.equal(fake.timers.size, 0);
    const before = [auths, fake.sockets.length];
    await fake.tick(200_000);
    assert.equal(fake.client.state, "closed");
    assert.deepEqual([auths, fake.sockets.length], before);
    assert.ok(fake.sockets.every(({ isClosed }) => isClosed));
    const later = calls.slice(calls.lastIndexOf("closed") + 1);
    assert.deepEqual(later.filter((kind) => !["client.onDisconnect", "room.onLeft"].includes(kind)), []);
  });

  test(`a connection that ${kind} reopens is the only one`, async (t) => {
    const fake = new Fake(t, { auth: "token" });
    let hasReconnected = false;
    let opening;
    const calls = handle(fake, kind, () => {
      if (hasReconnected) return;
      hasReconnected = true;
      fake.client.disconnect();
      opening = fake.client.connect();
      assert.equal(fake.client.state, "connecting");
    });
    await live(fake, () => hasReconnected);
    await fake.accept();
    await opening;
    assert.deepEqual([fake.client.state, calls.filter((kind) => kind in STATES).at(-1)], ["connected", "connected"]);
  });
}

const STATES = { closed: 1, connecting: 1, connected: 1, waiting: 1 };
