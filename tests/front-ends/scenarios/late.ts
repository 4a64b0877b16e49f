// The parts of a component that renders later than it joins: the handlers are attached long after the join.
import type { JoinedRoom } from "@dialogue-rs/client";
import type { Rooms } from "../src/rooms";

export type Room = JoinedRoom<Rooms["chat"]>;

/** Longer than any frame on this machine takes. */
export const later = () => new Promise((resolve) => setTimeout(resolve, 100));

/** Calls `show` with the text of each message, and returns a function that stops this. */
export function listen(room: Room, show: (lines: string[]) => void) {
  let lines: string[] = [];
  const add = (messages: { from: string; data: { text: string } }[]) => {
    lines = [...lines, ...messages.map(({ from, data }) => `${from}: ${data.text}`)];
    show(lines);
  };
  const stops = [
    room.onHistory(({ events }) => add(events.filter((message) => message.event === "message"))),
    room.on("message", (message) => add([message])),
  ];
  return () => stops.forEach((stop) => stop());
}
