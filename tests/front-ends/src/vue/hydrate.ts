import { createSSRApp } from "vue";
import { client } from "../dialogue";
import Chat from "./Chat.vue";

client.connect().catch(() => {}); // the server refuses the user: `useConnection` shows why
createSSRApp(Chat, { roomId: "chat" }).mount("#root");
