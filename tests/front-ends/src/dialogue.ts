import { DialogueClient } from "@dialogue-rs/client";
import type { Rooms } from "./rooms";

/** The application's only client. It does nothing until `connect`, so a server may import this module, too. */
export const client = new DialogueClient<Rooms>({
  auth: () => ({ userId: localStorage.getItem("user") }), // a real application sends its token here
});

client.onError((error) => console.warn(error)); // such as the reason why an attempt to connect failed
