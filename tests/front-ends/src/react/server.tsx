import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { Chat } from "./Chat";

/** The page's content. Effects do not run on a server, so this joins no room. */
export const render = () =>
  renderToString(
    <StrictMode>
      <Chat roomId="chat" />
    </StrictMode>,
  );
