// What the page asks the server, and the feed of what happens there.

const BASE = new URL(".", import.meta.url);

/** What the server, or the way to it, had against a request. */
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
  throw new Failure(body?.message ?? `The server answered ${response.status}.`, body ?? {});
}

function address(path, parameters = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  return url;
}

// The ids `.` and `..` would be steps of the path, were there not a `~` before them.
const roomPath = (room) => `rooms/~${encodeURIComponent(room)}`;

export const askRooms = (filter, after, signal) => answer(fetch(address("rooms", { filter, after }), { signal }));
export const askRoom = (room) => answer(fetch(address(roomPath(room))));
export const askHistory = (room, event, before, signal) =>
  answer(fetch(address(`${roomPath(room)}/history`, { event, before }), { signal }));

export function trigger(room, event) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(event) };
  return answer(fetch(address(`${roomPath(room)}/trigger`), request));
}

/** The longest pause before the feed is opened again, in milliseconds. */
const MAX_PAUSE = 10_000;

/**
 * Reads the feed for as long as the page is open: calls `list` with what happened, `rates` once a second, and `state` with
 * `live`, `lost` or `refused` and a sentence. Read by hand rather than by an EventSource, which does not tell why it was
 * refused and reads on however slow the page is.
 */
export async function follow({ list, rates, state }) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch(address("feed"));
      if (!response.ok) {
        const body = await response.json().catch(() => null);
        const refused = response.status === 403;
        state(refused ? "refused" : "lost", body?.message ?? `The server answered ${response.status}.`);
        if (refused) return;
      } else {
        attempt = 0;
        state("live", "Live");
        await read(response.body, { list, rates });
        state("lost", "The server has ended the feed.");
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
