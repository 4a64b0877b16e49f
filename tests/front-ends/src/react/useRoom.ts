import { useEffect, useState } from "react";
import type { EventMessage, JoinedRoom } from "@dialogue-rs/client";
import { client } from "../dialogue";
import type { Message, Rooms } from "../rooms";

export type RoomId = keyof Rooms & string;
export type Pending = { id: string; text: string; error?: string };

/** Joins a room while the component is mounted. */
export function useRoom(roomId: RoomId) {
  const [room, setRoom] = useState<JoinedRoom<Rooms[RoomId]>>();
  const [messages, setMessages] = useState<EventMessage<Message>[]>([]);
  const [pending, setPending] = useState<Pending[]>([]);
  const [error, setError] = useState<string>();
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let mounted = true;
    const joining = client.join(roomId).then((room) => {
      if (!mounted) return room;
      // Also after a gap: then these are the events to start again from.
      room.onHistory(({ events }) => setMessages(events.filter((message) => message.event === "message")));
      room.on("message", (message) => setMessages((messages) => [...messages, message]));
      room.onLeft(({ reason = "disconnected" }) => {
        if (!mounted) return;
        setRoom(undefined);
        setError(`You are no longer in this room (${reason}).`);
      });
      setRoom(room);
      return room;
    });
    joining.catch((error: Error) => mounted && setError(error.message));
    return () => {
      mounted = false;
      joining.then((room) => room.leave()).catch(() => {}); // not joined, or already left
      setRoom(undefined);
      setMessages([]);
      setPending([]);
      setError(undefined);
    };
  }, [roomId, attempt]);

  async function send(text: string) {
    const id = Math.random().toString(36).slice(2);
    setPending((pending) => [...pending, { id, text }]);
    try {
      await room?.trigger("message", { text }, { meta: { id } });
      setPending((pending) => pending.filter((sent) => sent.id !== id));
    } catch (error) {
      const failed = { id, text, error: (error as Error).message };
      setPending((pending) => pending.map((sent) => (sent.id === id ? failed : sent)));
    }
  }

  // A message arrives before its trigger resolves. From then on, it is shown once.
  const arrived = new Set(messages.map(({ meta }) => meta?.["id"]));
  return {
    joined: room !== undefined,
    messages,
    pending: pending.filter(({ id }) => !arrived.has(id)),
    error,
    send,
    retry: () => {
      client.connect().catch(() => {}); // no effect while it is connected
      setAttempt((attempt) => attempt + 1);
    },
  };
}
