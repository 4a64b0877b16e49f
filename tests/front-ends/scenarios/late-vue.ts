// A component keeps the client and the room in deeply reactive state, and attaches its handlers later.
import { createApp, h, onUnmounted, reactive, ref } from "vue";
import { DialogueClient } from "@dialogue-rs/client";
import type { Rooms } from "../src/rooms";
import { later, listen, type Room } from "./late";

createApp({
  setup() {
    const client = ref(new DialogueClient<Rooms>({ auth: { userId: "Ada" } }));
    const state = reactive<{ room: Room | null; lines: string[] }>({ room: null, lines: [] });
    async function start() {
      await client.value.connect();
      state.room = await client.value.join("chat");
      await later();
      listen(state.room as Room, (lines) => (state.lines = lines));
      await state.room.trigger("message", { text: `from ${client.value.userId} in ${state.room.name}` });
    }
    start();
    onUnmounted(() => client.value.disconnect());
    return () => h("ul", state.lines.map((line) => h("li", { key: line }, line)));
  },
}).mount("#root");
