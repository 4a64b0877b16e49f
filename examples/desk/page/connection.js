// @ts-check
// The connection: its client, its state, and the banner that says why there is none.
import { DialogueClient, DialogueError } from "./dialogue/client.js";
import { $ } from "./elements.js";
import { CLOSED, LOST, STATES, readable } from "./words.js";

/**
 * Connects with the session's token. `ended` is called with the reason when the server does not accept the token any more,
 * and `changed` after each change of the connection.
 *
 * @param {import("./session.js").Session} session
 * @param {{ ended: (reason: string) => void, changed: () => void }} hooks
 */
export function connect({ token }, { ended, changed }) {
  const client = new DialogueClient({ auth: { token } });
  let lost = ""; // why there is no connection; empty before the first attempt has failed
  let wasConnected = false;
  let retryAt = 0;

  function show() {
    const { state } = client;
    $("state").textContent = STATES[state];
    document.body.dataset.state = state;
    let [text, action] = ["", ""];
    if (state === "waiting") {
      const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
      [text, action] = [`${lost} Trying again in ${seconds} s.`, "Try now"];
    } else if (state === "closed" && lost) [text, action] = [lost, "Connect again"];
    else if (state === "connecting" && lost) text = `${lost} Trying again now…`;
    $("banner").hidden = !text;
    $("banner-text").textContent = text;
    $("retry").textContent = action;
    $("retry").hidden = !action;
  }

  client.onStateChange(({ state, delay = 0, code = 0, error }) => {
    if (error?.code === "UNAUTHENTICATED") return ended(readable(error));
    if (state === "waiting") {
      retryAt = Date.now() + delay;
      lost = wasConnected ? LOST.otherwise : LOST.never;
    }
    if (state === "closed") lost = CLOSED[code] ?? CLOSED.otherwise;
    if (state === "connected") [wasConnected, lost] = [true, ""];
    show();
    changed();
  });
  client.onError((error) => {
    if (!(error instanceof DialogueError)) throw error;
    console.warn(error); // the banner says that there is no connection, and each room what it could not do
  });
  setInterval(() => client.state === "waiting" && show(), 1_000);
  const attempt = () => client.connect().catch(() => {}); // `onStateChange` reports the result
  $("retry").addEventListener("click", attempt);
  queueMicrotask(attempt); // when the page has the client
  return client;
}
