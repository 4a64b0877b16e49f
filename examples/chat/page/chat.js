// @ts-check
// The page: it shows people what happens in Dialogue's rooms, and turns their actions into requests. The texts of other
// people enter the document only as text, never as HTML.
import { DialogueClient, DialogueError } from "./dialogue/client.js";
import { $, copyOf, fieldError, paintAvatar, showBadge } from "./elements.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";
import { CLOSED, LOST, REASONS, STATES, displayName, people, readable } from "./words.js";

const LOBBY = "chat";
const TYPING_REPEAT_MS = 3_000; // how often "is typing" is sent while keys are pressed
const TYPING_LASTS_MS = 6_000; // how long it counts, in case "stopped typing" is lost
const LISTED_ROOMS = 1_000; // more than anyone looks through
const UNAVAILABLE = 4003; // close code: the server cannot sign the client in now
const LONGEST_SLUG = 128 - "topic-".length; // an id has at most 128 bytes; a letter of most scripts takes nine of them

const rooms = new Map(); // id → room, see `roomOf`
const counts = new Map(); // id → how many people are in the room; the server sends each change
const joins = new Map(); // id → the promise of a join that is not answered yet
const isNarrow = matchMedia("(max-width: 44rem)"); // the list of rooms and the room are separate screens, as in chat.css
let me = sessionStorage.getItem("name"); // per session, so that two tabs can have two names
let current = null;
/** @type {DialogueClient | null} */
let client = null;
let lost = ""; // why there is no connection; empty before the first attempt has failed
let wasConnected = false;
let retryAt = 0; // when the client makes its next attempt

// ---- Signing in -----------------------------------------------------------------------------------------------------

function enter() {
  $("welcome").hidden = Boolean(me);
  $("app").hidden = !me;
  if (!me) {
    fieldError("name", sessionStorage.getItem("refusal") ?? "");
    sessionStorage.removeItem("refusal");
    $("name").focus();
    return;
  }
  $("my-name").textContent = me;
  paintAvatar($("my-avatar"), me);
  client = new DialogueClient({ auth: { userId: me } });
  client.onStateChange(showState);
  client.onRoomCreated(created);
  client.onRoomDeleted(deleted);
  client.onDirect(countPeople);
  client.onError((error) => {
    if (!(error instanceof DialogueError)) throw error;
    // The banner says that there is no connection. The console has the cause.
    if (!client.connected) return console.warn(error);
    note(current, readable(error), "error");
  });
  select(roomOf(LOBBY, { name: "Chat" }));
  connect();
}

/** Connects, or tries again at once. `onStateChange` reports the result. */
function connect() {
  client.connect().catch((error) => {
    if (client.state === "closed") showState({ state: "closed", code: error.closeCode, error });
  });
}

// A reload discards everything that belongs to the old name.
function signOut(refusal = "") {
  sessionStorage.removeItem("name");
  sessionStorage.setItem("refusal", refusal);
  location.reload();
}

$("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  fieldError("name", name ? "" : "Enter a name, so that others know who is talking.");
  if (!name) return;
  sessionStorage.setItem("name", (me = name));
  // On a phone, the address without a room is the list, so that the way back leads there.
  if (!location.hash) location.hash = LOBBY;
  enter();
});
$("sign-out").addEventListener("click", () => signOut());
addEventListener("beforeunload", (event) => unsent() > 0 && event.preventDefault());

// ---- Events from the server -----------------------------------------------------------------------------------------

/**
 * Shows the events of a room from now on.
 *
 * @param {DialogueClient["rooms"][number]} joined
 */
function attend(joined) {
  const room = roomOf(joined.id, { name: joined.name, joined, problem: "" });
  joined.onHistory(({ events, gap }) => {
    // In the same epoch, the history repeats the lines on the page. After a restart, the server has forgotten them, and
    // they exist only on the page.
    const replace = !gap || joined.epoch === room.epoch;
    room.epoch = joined.epoch;
    if (replace) room.log.clear();
    if (gap) {
      room.gaps += 1;
      note(room, "You are back. Messages sent in the meantime may be missing here.");
    }
    room.log.isBusy = true;
    for (const message of events) showMessage(room, message, { live: !replace });
    room.log.isBusy = false;
  });
  joined.on("message", (message) => showMessage(room, message, { live: true }));
  joined.on("typing", ({ from, data }) => {
    if (from === me) return;
    stopTyping(room, from);
    if (data.isTyping) room.typists.set(from, setTimeout(() => stopTyping(room, from), TYPING_LASTS_MS));
    renderTyping();
  });
  joined.on("user-joined", ({ data }) => comeOrGo(room, data.username, "joined"));
  joined.on("user-left", ({ data }) => comeOrGo(room, data.username, "left"));
  joined.onRecovered(() => resume(room));
  joined.onLeft(({ reason }) => room.joined === joined && left(room, reason));
  resume(room);
}

/** The client is in the room: for the first time, or again. */
function resume(room) {
  renderRooms();
  renderBanner();
  room.outbox.send();
}

function left(room, reason) {
  room.joined = null;
  room.outbox.left();
  const why = REASONS[reason] ?? REASONS.otherwise;
  if (room.id === LOBBY) room.problem = reason ? `Reason: ${why}.` : "";
  else if (room === current) location.hash = LOBBY;
  if (reason && reason !== "roomDeleted") note(rooms.get(LOBBY), `You are no longer in “${room.name}”: ${why}.`);
  if (reason === "ROOM_NOT_FOUND") forget(room);
  renderRooms();
  renderBanner();
}

/** @param {any} direct */
function countPeople({ event, data }) {
  if (event !== "people") return;
  for (const { roomId, people } of data.rooms) counts.set(roomId, people);
  renderRooms();
}

/** @param {import("./dialogue/client.js").RoomInfo} created */
function created({ id, name, createdById }) {
  unlisted.delete(id);
  listedSince.add(id);
  const room = roomOf(id, { name, createdById });
  note(rooms.get(LOBBY), `${displayName(createdById ?? "The server", me)} started the topic “${room.name}”.`);
  renderRooms();
}

function deleted({ roomId }) {
  unlisted.add(roomId);
  listedSince.delete(roomId);
  const room = rooms.get(roomId);
  if (!room) return;
  note(rooms.get(LOBBY), `The topic “${room.name}” was deleted.`);
  forget(room);
}

function comeOrGo(room, username, verb) {
  note(room, `${displayName(username, me)} ${verb}`);
  stopTyping(room, username);
}

// ---- The connection -------------------------------------------------------------------------------------------------

/** @param {import("./dialogue/client.js").StateChange} change */
function showState({ state, delay = 0, code = 0, error }) {
  if (error?.code === "UNAUTHENTICATED") return signOut(readable(error));
  $("state").textContent = STATES[state];
  document.body.dataset.state = state;
  if (state === "waiting") {
    retryAt = Date.now() + delay;
    if (code === UNAVAILABLE) lost = LOST.unavailable;
    else if (wasConnected) lost = LOST.otherwise;
    else lost ||= LOST.never;
  }
  if (state === "closed") lost = CLOSED[code] ?? (wasConnected || !error ? CLOSED.otherwise : readable(error));
  if (state === "connected") {
    [wasConnected, lost] = [true, ""];
    counts.clear(); // the server sends them again
    openFromAddress();
    refreshRooms();
  }
  for (const room of rooms.values()) room.outbox.send();
  renderRooms();
  renderBanner();
}

/** Says above the room why the person cannot talk in it now, and what happens next. */
function renderBanner() {
  const { state } = client;
  let [text, action] = ["", ""];
  if (state === "waiting") {
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    [text, action] = [`${lost} Trying again in ${seconds} s.`, "Try now"];
  } else if (state === "closed") [text, action] = [lost, "Connect again"];
  else if (state === "connecting" && lost) text = `${lost} Trying again now…`;
  else if (state === "connected" && current.problem && !current.joined) {
    [text, action] = [`You are not in “${current.name}”. ${current.problem}`, "Try again"];
  }
  $("banner").hidden = !text;
  $("banner-text").textContent = text;
  $("retry").textContent = action;
  $("retry").hidden = !action;
  const waiting = lost && state !== "closed" ? unsent() : 0;
  $("unsent").textContent = waiting ? `${waiting === 1 ? "Your message" : `${waiting} messages`} will be sent then.` : "";
}
setInterval(() => client?.state === "waiting" && renderBanner(), 1_000);

$("retry").addEventListener("click", () => (client.connected ? openFromAddress() : connect()));
addEventListener("online", () => client?.state === "waiting" && connect());

/** How many messages wait to be sent, in all rooms. */
function unsent() {
  return [...rooms.values()].reduce((sum, room) => sum + room.outbox.waiting, 0);
}

// ---- Rooms ----------------------------------------------------------------------------------------------------------

/** The room with this id, which is added if it is new. `news` updates its fields. */
function roomOf(id, news) {
  if (!rooms.has(id)) {
    const item = copyOf("room-template");
    const [link] = item.children;
    link.href = `#${id}`;
    $("rooms").append(item);
    const room = {
      id,
      name: id,
      createdById: undefined,
      joined: null, // while the client is in the room
      problem: "", // why it could not join
      epoch: undefined, // of the lines on the page
      gaps: 0, // how often messages may have been missed
      link,
      typists: new Map(),
      unread: 0,
      draft: "",
      log: /** @type {any} */ (null),
      outbox: /** @type {any} */ (null),
    };
    room.outbox = new Outbox(room, {
      isConnected: () => client.connected,
      sent: (message) => showMessage(room, { ...message, from: me, timestamp: Date.now() }, { live: true }),
      refused: (text, error) => giveBack(room, text, error),
      changed: renderBanner,
    });
    room.log = new Log(room.outbox.element);
    rooms.set(id, room);
  }
  return Object.assign(rooms.get(id), news);
}

function forget(room) {
  for (const text of room.outbox.texts) note(rooms.get(LOBBY), `Not sent to “${room.name}”: ${text}`, "error");
  room.log.remove();
  room.link.parentElement.remove();
  rooms.delete(room.id);
  if (room === current) {
    select(rooms.get(LOBBY)); // at once, so that nothing is written to a room that is gone
    location.hash = LOBBY;
  }
  renderRooms();
}

// The address names the room, so that links, reloads and the back button work. It may name a room that does not exist.
/** @returns {any} */
const idInAddress = () => location.hash.slice(1) || LOBBY;

async function openFromAddress() {
  const id = idInAddress();
  if (rooms.has(id) && id !== current.id && !isListing()) select(rooms.get(id));
  else renderScreen();
  try {
    await join(LOBBY);
  } catch (error) {
    const lobby = rooms.get(LOBBY);
    lobby.problem = error.code === "DISCONNECTED" ? "" : readable(error); // the next connection tries again
    if (error.retryAfter !== undefined) setTimeout(openFromAddress, error.retryAfter);
    return renderBanner();
  }
  try {
    await join(id);
    if (id === idInAddress() && id !== current.id && !isListing()) select(rooms.get(id));
  } catch (error) {
    note(rooms.get(LOBBY), `Could not open “${rooms.get(id)?.name ?? id}”. ${readable(error)}`, "error");
    if (error.code !== "DISCONNECTED" && id === idInAddress()) location.hash = LOBBY;
  }
}
addEventListener("hashchange", () => client && openFromAddress());

/** Joins a room, unless the client is in it or has asked for it. */
async function join(id) {
  if (rooms.get(id)?.joined) return;
  if (!joins.has(id)) joins.set(id, client.join(id).then(attend).finally(() => joins.delete(id)));
  await joins.get(id);
}

function select(room) {
  sayTyping(false);
  if (current) {
    current.draft = $("text").value;
    current.log.isShown = false;
  }
  current = room;
  room.log.isShown = true;
  $("text").value = room.draft;
  fieldError("text", "");
  renderScreen();
  renderTyping();
  renderBanner();
  room.log.toEnd();
  if (!isNarrow.matches) $("text").focus(); // on a phone, a keyboard would cover the messages
}

/** Whether the screen shows the list of rooms and no room, as on a phone without a room in its address. */
const isListing = () => isNarrow.matches && !location.hash.slice(1);

function renderScreen() {
  document.body.classList.toggle("listing", isListing());
  if (current && isRead(current)) current.unread = 0;
  if (current) renderRooms();
}
isNarrow.addEventListener("change", renderScreen);
document.addEventListener("visibilitychange", renderScreen);

/** Whether the person sees what happens in the room. */
function isRead(room) {
  return room === current && !document.hidden && !isListing();
}

const listedSince = new Set(); // rooms that were created while a list was on its way
const unlisted = new Set(); // rooms that were deleted in that time

/** After each connect. In between, the server reports each change. */
async function refreshRooms() {
  listedSince.clear();
  unlisted.clear();
  const listed = await client.listRooms({ limit: LISTED_ROOMS }).catch(() => null);
  if (!listed) return; // the next connection asks again
  for (const { id, name, createdById } of listed) if (!unlisted.has(id)) roomOf(id, { name, createdById });
  const ids = new Set([LOBBY, ...listedSince, ...listed.map(({ id }) => id)]);
  for (const room of [...rooms.values()]) {
    if (ids.has(room.id) || room.joined?.state === "joined") continue;
    const { joined } = room;
    // The client would try to rejoin for minutes. Nobody but its creator brings a topic back after a restart.
    if (joined) left(room, "ROOM_NOT_FOUND");
    else forget(room);
    joined?.leave().catch(() => {});
  }
  renderRooms();
}

function renderRooms() {
  let unread = 0;
  for (const room of rooms.values()) {
    const [name, count, size] = room.link.children;
    room.log.name = room.name;
    room.link.className = room.joined ? "joined" : "";
    room.link.ariaCurrent = room === current ? "page" : null;
    name.textContent = room.name;
    showBadge(count, room.unread);
    size.textContent = client.connected ? (counts.get(room.id) ?? 0) : "";
    size.title = people(counts.get(room.id) ?? 0);
    unread += room.unread;
  }
  showBadge($("unread-total"), unread);
  document.title = `${unread ? `(${unread}) ` : ""}${current.name} · Dialogue`;
  $("room-name").textContent = current.name;
  $("room-size").textContent = present();
  $("text").placeholder = `Write to ${current.name}`;
  $("leave").hidden = current.id === LOBBY || !current.joined;
  $("delete").hidden = current.id === LOBBY || current.createdById !== me;
}

/** How many people are in the current room, as far as this page can know. */
function present() {
  if (!client.connected) return lost ? "Not connected" : "Connecting…";
  if (current.joined?.state !== "joined") return current.problem ? "You are not in this room" : "Joining…";
  return people(counts.get(current.id) ?? 0);
}

$("topic-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("topic").value.trim();
  // Removes accents and replaces everything but letters and digits with hyphens. An id allows few characters, so
  // letters of other scripts are percent-encoded.
  const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").normalize("NFC").toLowerCase();
  const slug = plain.replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  if (!slug) return fieldError("topic", "Enter a title with at least one letter or digit.");
  const id = /** @type {const} */ (`topic-${shortened(slug)}`);
  try {
    await client.createRoom(id, { name });
  } catch (error) {
    // Somebody else has already created it: join them.
    if (error.code !== "ROOM_EXISTS") return fieldError("topic", readable(error));
  }
  $("topic").value = "";
  fieldError("topic", "");
  location.hash = id;
});

/** As much of a slug as fits into an id, percent-encoded. */
function shortened(slug) {
  const letters = [...slug];
  while (encodeURIComponent(letters.join("")).length > LONGEST_SLUG) letters.pop();
  return encodeURIComponent(letters.join(""));
}

$("leave").addEventListener("click", () => attempt(current.joined.leave()));
$("delete").addEventListener("click", () => {
  const { id, name } = current;
  if (!confirm(`Delete “${name}” and all its messages?`)) return;
  attempt(client.deleteRoom(id));
});

// ---- Messages -------------------------------------------------------------------------------------------------------

function showMessage(room, message, { live }) {
  const { from, meta } = message;
  if (from === me) room.outbox.arrived(meta?.line);
  room.log.message(message, me);
  stopTyping(room, from);
  if (live && from !== me && !isRead(room)) {
    room.unread += 1;
    renderRooms();
  }
}

/** Adds a line to a room that is not a message. */
function note(room, text, kind = "") {
  room.log.note(text, kind);
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  sayTyping(false);
  $("text").value = "";
  fieldError("text", "");
  current.outbox.add(text);
  current.log.toEnd();
});

/** Returns a message that the person can correct to the field or to the room's draft. */
function giveBack(room, text, error) {
  if (room === current) {
    $("text").value = [text, $("text").value].filter(Boolean).join("\n");
    fieldError("text", readable(error));
  } else {
    room.draft = [text, room.draft].filter(Boolean).join("\n");
    note(room, readable(error), "error");
  }
}
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});

// ---- Typing ---------------------------------------------------------------------------------------------------------

let saidTyping = 0; // when we last sent that we are typing; 0 after we sent that we are not
let typingTimer;

function sayTyping(isTyping) {
  clearTimeout(typingTimer);
  if (isTyping) typingTimer = setTimeout(() => sayTyping(false), TYPING_REPEAT_MS);
  if (isTyping ? Date.now() - saidTyping < TYPING_REPEAT_MS : !saidTyping) return;
  saidTyping = isTyping ? Date.now() : 0;
  current.joined?.trigger("typing", { isTyping }, { volatile: true }).catch(() => {}); // a lost hint needs no report
}
$("text").addEventListener("input", () => {
  fieldError("text", "");
  sayTyping($("text").value.trim() !== "");
});
$("text").addEventListener("blur", () => client && sayTyping(false));

function stopTyping(room, from) {
  clearTimeout(room.typists.get(from));
  room.typists.delete(from);
  renderTyping();
}

function renderTyping() {
  const names = [...current.typists.keys()];
  const who = names.length > 3 ? "Several people" : new Intl.ListFormat("en").format(names);
  $("typing").textContent = names.length ? `${who} ${names.length > 1 ? "are" : "is"} typing` : "";
}

// ---- Buttons and small functions ------------------------------------------------------------------------------------

function attempt(request) {
  request.catch((error) => note(current, readable(error), "error"));
}

$("back").addEventListener("click", () => {
  location.hash = "";
  current.link.focus();
});

enter();
