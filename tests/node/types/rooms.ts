// Uses of the types that must compile, and uses that must not: each line under `@ts-expect-error` must be an error.
import { DialogueClient, DialogueError } from "../../../dialogue/npm/client.js";
import type { AnyRooms, ErasedEvent, EventMessage, JoinedRoom, Triggered } from "../../../dialogue/npm/client.js";

interface Message {
  text: string;
}

// Types as a server generates them: a room, a family with a number in its id, and one with any text.
interface Rooms {
  chat: {
    triggers: { message: Message; typing: { isTyping: boolean }; bell: null };
    events: { message: Message; typing: { isTyping: boolean }; bell: null; "user-joined": { username: string } };
  };
  news: { triggers: {}; events: { article: { title: string } } };
  [project: `project-${number}`]: { triggers: { message: Message }; events: { message: Message } };
  [topic: `topic-${string}`]: { triggers: { message: Message }; events: { message: Message } };
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<T extends true>(): T | void {}

export async function known(client: DialogueClient<Rooms>, id: number) {
  const chat = await client.join("chat", { subscriptions: ["message", "*"] });
  chat.on("message", (message) => {
    is<Equal<typeof message, EventMessage<Message, "message">>>();
    message.data.text.trim();
    // @ts-expect-error the payload has no such field
    message.data.txt;
  });
  chat.on("user-joined", ({ data }) => data.username.trim());
  // @ts-expect-error the room has no such event
  chat.on("massage", () => {});
  chat.onAny((message) => {
    if (message.event === "typing") is<Equal<typeof message.data, { isTyping: boolean }>>();
    if (message.event === "message") message.data.text.trim();
    // @ts-expect-error the code has not checked which event it is
    message.data.text;
  });
  chat.onHistory(({ events, gap, room }) => {
    is<Equal<typeof gap, boolean>>();
    for (const event of events) if (event.event === "message") event.data.text.trim();
    room.trigger("bell");
  });

  const triggered = await chat.trigger("message", { text: "hi" }, { key: "k", meta: { a: 1 } });
  is<Equal<typeof triggered, Triggered>>();
  await chat.trigger("bell");
  const { superseded } = await chat.trigger("bell", null, { volatile: true });
  is<Equal<typeof superseded, true | undefined>>();
  // @ts-expect-error only the server triggers it
  await chat.trigger("user-joined", { username: "ada" });
  // @ts-expect-error the payload is another event's
  await chat.trigger("message", { isTyping: true });
  // @ts-expect-error the payload is missing
  await chat.trigger("message");
  // @ts-expect-error a field of the wrong type
  await chat.trigger("message", { text: 7 });
  // @ts-expect-error a field that the event does not have
  await chat.trigger("message", { text: "hi", colour: "red" });
  // @ts-expect-error an unknown option
  await chat.trigger("message", { text: "hi" }, { retry: true });

  const page = await chat.getHistory("message", { before: 7, limit: 20 });
  is<Equal<typeof page.events, (EventMessage<Message, "message"> | ErasedEvent<"message">)[]>>();
  for (const event of page.events) {
    if (event.erased) is<Equal<typeof event, ErasedEvent<"message">>>();
    else is<Equal<typeof event.data, Message>>();
  }
  // @ts-expect-error an erased event has no data
  page.events[0]?.data.text;
  chat.onErased(({ seq, message }) => [seq.toFixed(), message?.from]);
  await chat.getHistory("message", 0, 20);
  // @ts-expect-error paging by seq and by index exclude each other
  await chat.getHistory("message", { before: 7, start: 0 });
  await chat.subscribe("typing");
  // @ts-expect-error the room has no such event
  await chat.subscribe("typng");
  // @ts-expect-error the room has no such event
  await client.join("chat", { subscriptions: ["article"] });

  const seven = await client.join("project-7");
  await seven.trigger("message", { text: "hi" });
  await (await client.join(`project-${id}`)).trigger("message", { text: "hi" });
  await (await client.join("topic-roses")).trigger("message", { text: "hi" });
  // @ts-expect-error the family does not have this event
  await seven.trigger("typing", { isTyping: true });
  // @ts-expect-error the id of a project is a number
  await client.join("project-seven");
  // @ts-expect-error there is no such room
  await client.join("nowhere");
  // @ts-expect-error the type does not say that this is a room
  await client.join(String(id));

  const news = await client.join("news");
  news.on("article", ({ data }) => data.title.trim());
  // @ts-expect-error clients may only listen in this room
  await news.trigger("article", { title: "no" });

  is<Equal<ReturnType<typeof client.getRoom<"chat">>, JoinedRoom<Rooms["chat"]> | undefined>>();
  await client.createRoom("topic-roses", { name: "Roses" });
  // @ts-expect-error there is no such room
  await client.deleteRoom("roses");
  for (const room of client.rooms) room.id.trim();
}

export async function unknown() {
  const client = new DialogueClient({ url: "ws://127.0.0.1/dialogue/ws", auth: async () => ({ token: "t" }) });
  await client.connect();
  await client.connect({ retry: false });
  // @ts-expect-error an unknown option
  await client.connect({ retries: 3 });
  client.wake();
  new DialogueClient({ maxPending: 10, maxPendingBytes: 1_000 });
  const room = await client.join("anywhere");
  room.on("anything", ({ data }) => is<Equal<typeof data, unknown>>());
  room.onAny(({ event, data }) => is<Equal<typeof data, unknown>>() ?? event.trim());
  await room.trigger("anything");
  await room.trigger("anything", { any: "payload" }, { volatile: true });
  await new DialogueClient<AnyRooms>().join(String(7));
  client.onError((error) => {
    if (error instanceof DialogueError) is<Equal<typeof error.url, string | undefined>>();
    if (error instanceof DialogueError) for (const { path, rule } of error.violations) `${path} ${rule}`.trim();
  });
  const stop: () => void = client.onStateChange(({ state, delay }) => `${state} ${delay}`.trim());
  stop();
  // @ts-expect-error there is no such state
  if (client.state === "online") client.disconnect();
}
