// Shows any number of the recipe's components, as the test says.
import { createApp, h, shallowRef } from "vue";
import { client } from "../src/dialogue";
import Chat from "../src/vue/Chat.vue";
import type { Panel } from "./panel";

client.connect();
const panels = shallowRef<Panel[]>([]);
window.show = (shown) => (panels.value = shown);

createApp({
  render: () => panels.value.map(({ key, roomId }) => h("div", { key, "data-panel": key }, h(Chat, { roomId }))),
}).mount("#root");
