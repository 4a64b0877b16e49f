// The page's requests to the server, and the server's feed.

const BASE = new URL(".", import.meta.url);

/** The failure of a request: the server refused it or could not be reached. */
export class Failure extends Error {
  constructor(message, { code, violations = [] } = {}) {
    super(message);
    this.code = code;
    this.violations = violations;
  }
}

async function answer(request) {
  const response = await request.catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server cannot be reached.");
  });
  const body = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (response.ok && body) return body;
  throw new Failure(body?.message ?? `The server answered with status ${response.status}.`, body ?? {});
}

function address(path, parameters = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  return url;
}

// The `~` keeps the ids `.` and `..` from being steps of the path.
const roomPath = (room) => `rooms/~${encodeURIComponent(room)}`;

export const askRooms = (filter, after, signal) => answer(fetch(address("rooms", { filter, after }), { signal }));
export const askRoom = (room) => answer(fetch(address(roomPath(room))));
export const askHistory = (room, event, before, signal) =>
  answer(fetch(address(`${roomPath(room)}/history`, { event, before }), { signal }));

export function trigger(room, event) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(event) };
  return answer(fetch(address(`${roomPath(room)}/trigger`), request));
}

/** The longest pause before the page opens the feed again, in milliseconds. */
const MAX_PAUSE = 10_000;

/**
 * Reads the feed for as long as the page is open. Calls `list` with notices, `rates` once a second, and `state` with
 * `live`, `lost` or `refused` and a sentence. An EventSource would not say why it was refused, and would keep reading
 * however slow the page is, so this function reads the feed itself.
 */
export async function follow({ list, rates, state }) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch(address("feed"));
      if (!response.ok) {
        const body = await response.json().catch(() => null);
        // A guard that fails has not refused: the code says so.
        const refused = response.status === 403 && body?.code !== "UNAVAILABLE";
        state(refused ? "refused" : "lost", body?.message ?? `The server answered with status ${response.status}.`);
        if (refused) return;
      } else {
        attempt = 0;
        state("live", "Live");
        await read(response.body, { list, rates });
        state("lost", "The server closed the feed.");
      }
    } catch {
      state("lost", "The server cannot be reached.");
    }
    const pause = Math.min(MAX_PAUSE, 500 * 2 ** Math.min(attempt, 5));
    await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
  }
}

async function read(body, { list, rates }) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const kind = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "list";
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (data === undefined) continue;
      if (kind === "list") list(JSON.parse(data));
      else if (kind === "rates") rates(JSON.parse(data));
    }
  }
}
