import { computed, ref, shallowRef, toValue, watchPostEffect, type MaybeRefOrGetter } from "vue";
import type { EventMessage, JoinedRoom } from "@dialogue-rs/client";
import { client } from "../dialogue";
import type { Message, Rooms } from "../rooms";

export type RoomId = keyof Rooms & string;
export type Pending = { id: string; text: string; error?: string };

/** Joins a room while the component is mounted. */
export function useRoom(roomId: MaybeRefOrGetter<RoomId>) {
  const room = shallowRef<JoinedRoom<Rooms[RoomId]>>();
  const messages = ref<EventMessage<Message>[]>([]);
  const pending = ref<Pending[]>([]);
  const error = ref<string>();
  const attempt = ref(0);

  // A post effect does not run on a server.
  watchPostEffect((onCleanup) => {
    void attempt.value;
    let mounted = true;
    const joining = client.join(toValue(roomId)).then((joined) => {
      if (!mounted) return joined;
      // Also after a gap: then these are the events to start again from.
      joined.onHistory(({ events }) => (messages.value = events.filter((message) => message.event === "message")));
      joined.on("message", (message) => messages.value.push(message));
      joined.onLeft(({ reason = "disconnected" }) => {
        if (!mounted) return;
        room.value = undefined;
        error.value = `You are no longer in this room (${reason}).`;
      });
      room.value = joined;
      return joined;
    });
    joining.catch((failure: Error) => mounted && (error.value = failure.message));
    onCleanup(() => {
      mounted = false;
      joining.then((joined) => joined.leave()).catch(() => {}); // not joined, or already left
      room.value = undefined;
      messages.value = [];
      pending.value = [];
      error.value = undefined;
    });
  });

  async function send(text: string) {
    const id = Math.random().toString(36).slice(2);
    pending.value.push({ id, text });
    try {
      await room.value?.trigger("message", { text }, { meta: { id } });
      pending.value = pending.value.filter((sent) => sent.id !== id);
    } catch (error) {
      const failed = { id, text, error: (error as Error).message };
      pending.value = pending.value.map((sent) => (sent.id === id ? failed : sent));
    }
  }

  return {
    joined: computed(() => room.value !== undefined),
    messages,
    // A message arrives before its trigger resolves. From then on, it is shown once.
    pending: computed(() => {
      const arrived = new Set(messages.value.map(({ meta }) => meta?.["id"]));
      return pending.value.filter(({ id }) => !arrived.has(id));
    }),
    error,
    send,
    retry: () => {
      client.connect().catch(() => {}); // no effect while it is connected
      attempt.value += 1;
    },
  };
}
