import type { EventMessage, JoinedRoom } from "@dialogue-rs/client";
import { client } from "../dialogue";
import type { Message, Rooms } from "../rooms";

export type RoomId = keyof Rooms & string;
export type Pending = { id: string; text: string; error?: string };

/** Joins a room while the component is mounted. */
export function useRoom(roomId: () => RoomId) {
  let room = $state.raw<JoinedRoom<Rooms[RoomId]>>();
  let messages = $state.raw<EventMessage<Message>[]>([]);
  let pending = $state.raw<Pending[]>([]);
  let error = $state.raw<string>();
  let attempt = $state.raw(0);

  $effect(() => {
    void attempt;
    let mounted = true;
    const joining = client.join(roomId()).then((joined) => {
      if (!mounted) return joined;
      // Also after a gap: then these are the events to start again from.
      joined.onHistory(({ events }) => (messages = events.filter((message) => message.event === "message")));
      joined.on("message", (message) => (messages = [...messages, message]));
      joined.onLeft(({ reason = "disconnected" }) => {
        if (!mounted) return;
        room = undefined;
        error = `You are no longer in this room (${reason}).`;
      });
      room = joined;
      return joined;
    });
    joining.catch((failure: Error) => mounted && (error = failure.message));
    return () => {
      mounted = false;
      joining.then((joined) => joined.leave()).catch(() => {}); // not joined, or already left
      room = undefined;
      messages = [];
      pending = [];
      error = undefined;
    };
  });

  // A message arrives before its trigger resolves. From then on, it is shown once.
  const arrived = $derived(new Set(messages.map(({ meta }) => meta?.["id"])));
  const waiting = $derived(pending.filter(({ id }) => !arrived.has(id)));

  return {
    get joined() { return room !== undefined; },
    get messages() { return messages; },
    get pending() { return waiting; },
    get error() { return error; },
    retry() {
      client.connect().catch(() => {}); // no effect while it is connected
      attempt += 1;
    },
    async send(text: string) {
      const id = Math.random().toString(36).slice(2);
      pending = [...pending, { id, text }];
      try {
        await room?.trigger("message", { text }, { meta: { id } });
        pending = pending.filter((sent) => sent.id !== id);
      } catch (error) {
        const failed = { id, text, error: (error as Error).message };
        pending = pending.map((sent) => (sent.id === id ? failed : sent));
      }
    },
  };
}
