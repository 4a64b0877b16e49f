import { render as renderComponent } from "svelte/server";
import Chat from "./Chat.svelte";

/** The page's content. Effects do not run on a server, so this joins no room. */
export const render = () => renderComponent(Chat, { props: { roomId: "chat" } }).body;
