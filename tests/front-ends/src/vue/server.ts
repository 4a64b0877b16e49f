import { createSSRApp } from "vue";
import { renderToString } from "vue/server-renderer";
import Chat from "./Chat.vue";

/** The page's content. Neither `onMounted` nor a post effect runs on a server, so this joins no room. */
export const render = () => renderToString(createSSRApp(Chat, { roomId: "chat" }));
