import { useSyncExternalStore } from "react";
import type { StateChange } from "@dialogue-rs/client";
import { client } from "../dialogue";

const AT_FIRST: StateChange = { state: "closed" };

let latest = AT_FIRST;
client.onStateChange((change) => (latest = change));

const subscribe = (notify: () => void) => client.onStateChange(notify);

/** The state of the connection. The third argument is the state on a server, and while a page hydrates. */
export function useConnection(): StateChange {
  return useSyncExternalStore(subscribe, () => latest, () => AT_FIRST);
}
