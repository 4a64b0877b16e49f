// With `exactOptionalPropertyTypes`, an option that a program may not have must accept `undefined`, such as an address from
// the environment.
import { DialogueClient, DialogueError, type ClientOptions } from "@dialogue-rs/client";
import type { Rooms } from "../src/rooms";

type Optional<T> = { [K in keyof T]-?: T[K] | undefined };

export async function withOptions(options: Optional<ClientOptions>, text: string | undefined, count: number | undefined) {
  const client = new DialogueClient<Rooms>(options);
  const flag = text === "yes" ? true : undefined;
  const meta = text === undefined ? undefined : { text };
  const subscriptions = flag && (["message", "*"] as const);
  const room = await client.join("chat", { subscriptions });
  await room.trigger("message", { text: "hello" }, { key: text, meta, volatile: flag });
  await room.getHistory("message", { before: 7, limit: count });
  await room.getHistory("message", { start: count, end: count });
  await client.listRooms({ limit: count });
  await client.createRoom("topic-tea", { name: text, description: text, maxSize: count });
  return new DialogueError({ code: "NONE", message: "nothing", retryAfter: count, roomId: text, event: text });
}
