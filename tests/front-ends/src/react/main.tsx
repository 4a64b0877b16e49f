import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { client } from "../dialogue";
import { Chat } from "./Chat";

client.connect().catch(() => {}); // the server refuses the user: `useConnection` shows why
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Chat roomId="chat" />
  </StrictMode>,
);
