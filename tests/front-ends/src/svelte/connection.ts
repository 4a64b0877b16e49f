import { readable } from "svelte/store";
import type { StateChange } from "@dialogue-rs/client";
import { client } from "../dialogue";

let latest: StateChange = { state: "closed" };
client.onStateChange((change) => (latest = change));

/** The state of the connection. */
export const connection = readable<StateChange>(latest, (set) => {
  set(latest);
  return client.onStateChange(set);
});
