// Shows any number of the recipe's components, as the test says.
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { client } from "../src/dialogue";
import { Chat } from "../src/react/Chat";
import type { Panel } from "./panel";

client.connect();
const root = createRoot(document.getElementById("root")!);

/** Counts how often React runs an effect: twice in strict mode. */
function Effects() {
  useEffect(() => void (document.body.dataset["effects"] = `${Number(document.body.dataset["effects"] ?? 0) + 1}`), []);
  return null;
}

window.show = (panels: Panel[]) =>
  root.render(
    <StrictMode>
      <Effects />
      {panels.map(({ key, roomId }) => (
        <div key={key} data-panel={key}>
          <Chat roomId={roomId} />
        </div>
      ))}
    </StrictMode>,
  );
