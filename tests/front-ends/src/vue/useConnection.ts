import { readonly, shallowRef } from "vue";
import type { StateChange } from "@dialogue-rs/client";
import { client } from "../dialogue";

const connection = shallowRef<StateChange>({ state: "closed" });
client.onStateChange((change) => (connection.value = change));

/** The state of the connection. */
export const useConnection = () => readonly(connection);
