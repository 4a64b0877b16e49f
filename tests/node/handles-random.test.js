// Random joins and leaves against a server that answers late, fails, and loses connections. Whatever happens, the client
// is in the room if and only if a handle is left, and each handle receives what follows its own history.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fake, JOINED, message, settled } from "./support/fake.js";

const SEEDS = Number(process.env.SEEDS ?? 60);
const STEPS = 120;
const HISTORY = 5;

/** Numbers between 0 and 1 that follow from a seed. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The server's side of the room. It carries out the client's frames in order, some of them late. */
class Server {
  isMember = false;
  seq = 0;
  waiting = [];

  constructor(fake, random) {
    Object.assign(this, { fake, random });
  }

  get events() {
    return Array.from({ length: Math.min(this.seq, HISTORY) }, (_, index) => message(this.seq - Math.min(this.seq, HISTORY) + index + 1));
  }

  publish() {
    this.seq += 1;
    if (this.isMember) this.fake.socket.says({ type: "event", ...message(this.seq) });
  }

  /** Carries out some of the frames that have arrived. With `failing`, some fail. */
  run(failing, count = Infinity) {
    this.waiting.push(...this.fake.socket.taken());
    for (const { type, id, since } of this.waiting.splice(0, count)) {
      if (type === "ping") this.fake.socket.says({ type: "pong" });
      else if (failing && this.random() < 0.2) {
        this.fake.socket.says({ type: "error", id, code: "INTERNAL", message: "no" });
      } else if (type === "join") this.join(id, since);
      else if (!this.isMember) this.fake.socket.says({ type: "error", id, code: "NOT_IN_ROOM", message: "no" });
      else {
        this.isMember = false;
        this.fake.socket.says({ type: "left", id, roomId: "chat" });
      }
    }
  }

  join(id, since) {
    this.isMember = true;
    const recovered = since && since.epoch === "e" && this.seq - since.seq <= HISTORY;
    const events = recovered ? this.events.filter(({ seq }) => seq > since.seq) : this.events;
    const joined = { type: "joined", id, roomId: "chat", ...JOINED, seq: this.seq, events };
    this.fake.socket.says(since ? { ...joined, recovered: Boolean(recovered) } : joined);
  }

  remove() {
    if (!this.isMember) return;
    this.isMember = false;
    this.fake.socket.says({ type: "left", roomId: "chat", reason: "removed" });
  }
}

/** A handle, and the numbers of the events that it has received since its history. */
class Part {
  last;
  hasLeft = false;

  constructor(room) {
    this.room = room;
    room.onHistory(({ events, gap }) => {
      assert.equal(gap, this.last !== undefined, "the history is first, and then only gaps");
      this.follows(events);
      this.last = events.at(-1)?.seq ?? this.last ?? 0;
    });
    room.onAny((event) => {
      assert.ok(!this.hasLeft, "nothing follows the end");
      assert.equal(event.seq, this.last + 1);
      this.last = event.seq;
    });
    room.onLeft(() => {
      assert.ok(!this.hasLeft, "a handle ends once");
      this.hasLeft = true;
    });
  }

  follows(events) {
    for (const [index, { seq }] of events.entries()) assert.equal(seq, events[0].seq + index);
  }
}

async function live(t, seed) {
  const next = random(seed);
  const fake = await Fake.connected(t, { random: 0.5, timeout: 2_000 });
  const server = new Server(fake, next);
  const parts = [];
  const join = () => {
    const enter = (room) => void (next() < 0.2 ? room.leave() : parts.push(new Part(room)));
    fake.client.join("chat").then(enter, () => {});
  };
  const pick = () => parts[Math.floor(next() * parts.length)];
  const steps = [
    join,
    join,
    () => void pick()?.room.leave(),
    () => void pick()?.room.leave(),
    () => server.publish(),
    () => server.publish(),
    () => server.run(true, 1),
    () => server.run(true),
    () => fake.tick(Math.floor(next() * 800)),
    () => next() < 0.3 && server.remove(),
    async () => {
      if (next() > 0.3) return;
      Object.assign(server, { isMember: false, waiting: [] });
      await fake.reconnect({ delay: 30_000 });
    },
  ];
  for (let step = 0; step < STEPS; step += 1) {
    // A silent server would be given up.
    fake.socket.says({ type: "pong" });
    await steps[Math.floor(next() * steps.length)]();
    if (next() < 0.7) await settled();
  }
  for (let round = 0; round < 40; round += 1) {
    server.run(false);
    await settled();
    await fake.tick(500);
  }
  server.publish();
  await fake.tick(1);
  const held = parts.filter(({ room }) => room.state !== "left");
  assert.equal(server.isMember, held.length > 0, "the client is in the room if and only if a handle is left");
  assert.deepEqual(fake.client.rooms, held.length > 0 ? [fake.client.getRoom("chat")] : []);
  for (const part of held) assert.deepEqual([part.last, part.hasLeft, part.room.state], [server.seq, false, "joined"]);
  for (const part of parts) if (!held.includes(part)) assert.ok(part.hasLeft);
  assert.deepEqual(fake.errors, []);
  fake.client.disconnect();
  assert.equal(fake.timers.size, 0);
}

for (let seed = 1; seed <= SEEDS; seed += 1) test(`random joins and leaves with seed ${seed}`, (t) => live(t, seed));
