import { onMounted, onUnmounted, shallowRef } from "vue";
import type { StateChange } from "@dialogue-rs/client";
import { client } from "../dialogue";

const AT_FIRST: StateChange = { state: "closed" };

let latest = AT_FIRST;
client.onStateChange((change) => (latest = change));

/** The state of the connection. Until the component is mounted, it is the state on a server, as hydration requires. */
export function useConnection() {
  const connection = shallowRef(AT_FIRST);
  let stop = () => {};
  onMounted(() => {
    connection.value = latest;
    stop = client.onStateChange((change) => (connection.value = change));
  });
  onUnmounted(() => stop());
  return connection;
}
