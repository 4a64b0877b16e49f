import { StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { client } from "../dialogue";
import { Chat } from "./Chat";

client.connect().catch(() => {}); // the server refuses the user: `useConnection` shows why
hydrateRoot(
  document.getElementById("root")!,
  <StrictMode>
    <Chat roomId="chat" />
  </StrictMode>,
);
