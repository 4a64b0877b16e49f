import { hydrate } from "svelte";
import { client } from "../dialogue";
import Chat from "./Chat.svelte";

client.connect().catch(() => {}); // the server refuses the user: `connection` shows why
hydrate(Chat, { target: document.getElementById("root")!, props: { roomId: "chat" } });
