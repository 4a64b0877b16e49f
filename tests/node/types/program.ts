// A program that uses the package, as `types.test.js` compiles it under several options. Each line under
// `@ts-expect-error` must be an error.
import { DialogueClient, DialogueError, type ClientOptions, type JoinedRoom } from "@dialogue-rs/client";

interface Settings {
  address?: string;
  limit?: number;
}

export async function optional({ address, limit }: Settings) {
  // A value that may be undefined can be passed on to any option.
  const options: ClientOptions = { url: address, auth: undefined, WebSocket: undefined, timeout: limit, maxPending: limit };
  const client = new DialogueClient(options);
  await client.connect({ retry: limit === undefined ? undefined : false });
  const subscriptions = limit === undefined ? undefined : ["message"];
  const room: JoinedRoom = await client.join("chat", { subscriptions });
  const key = limit?.toString();
  await room.trigger("message", { text: "hi" }, { meta: undefined, key, volatile: undefined });
  await room.trigger("message", undefined, limit === undefined ? undefined : { volatile: true });
  await room.getHistory("message", { before: 7, limit });
  await room.getHistory("message", { start: limit, end: limit });
  await client.listRooms({ limit });
  await client.createRoom("table-7", { name: key, description: undefined, maxSize: limit });
  client.onStateChange(({ delay, code, error }) => [delay?.toFixed(), code?.toFixed(), error?.message]);
  const { retryAfter, closeCode, roomId } = new DialogueError({ code: "X", message: "x", retryAfter: limit, roomId: key });
  const known: { retryAfter: number | undefined; closeCode: number | undefined } = { retryAfter, closeCode };
  return [known, roomId?.length];
}

export function addresses(url: { readonly href: string }) {
  new DialogueClient({ url });
  // @ts-expect-error a number is no address
  new DialogueClient({ url: 7 });
}
