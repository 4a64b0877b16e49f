// @ts-check
// The page: it shows people what happens in Dialogue's rooms, and turns their actions into requests. The texts of other
// people enter the document only as text, never as HTML.
import { DialogueClient, DialogueError } from "/dialogue/client.js";
import { $, copyOf, element, fieldError, paintAvatar, showBadge } from "./elements.js";
import { CLOSED, REASONS, STATES, people, readable } from "./words.js";

const LOBBY = "chat";
const KEPT_LINES = 500; // in each room's log; older lines are removed
const FOLLOWS_WITHIN_MS = 180_000; // a message this soon after another by the same person needs no name
const TYPING_REPEAT_MS = 3_000; // how often "is typing" is sent while keys are pressed
const TYPING_LASTS_MS = 6_000; // how long it counts, in case "stopped typing" is lost
const ROOM_SIZES_EVERY_MS = 15_000; // the server does not push the sizes of rooms that we are not in
const ROOMS_REST_MS = 2_000; // between two lists: a list of many rooms takes many requests, and the server limits them
const LISTED_ROOMS = 1_000; // more than anyone looks through
const LONGEST_SLUG = 128 - "topic-".length; // an id has at most 128 bytes; a letter of most scripts takes nine of them

const rooms = new Map(); // id → { id, name, size, createdById, joined, epoch, log, link, typists, unread, draft }
let me = sessionStorage.getItem("name"); // per session, so that two tabs can have two names
let current = null;
/** @type {DialogueClient | null} */
let client = null;
let unsent = 0; // messages that are on their way or wait for the connection

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
  client.onJoined(attend);
  client.onRoomCreated(created);
  client.onRoomDeleted(deleted);
  client.onError((error) => {
    if (!(error instanceof DialogueError)) throw error;
    note(current, readable(error), "error");
  });
  select(roomOf(LOBBY, { name: "Chat" }));
  connect();
}

/** Connects, or tries again at once. `onStateChange` reports the result. */
function connect() {
  client.connect().catch(() => {});
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
  enter();
});
$("sign-out").addEventListener("click", () => signOut());

// ---- Events from the server -----------------------------------------------------------------------------------------

/**
 * Shows the events of a room from now on.
 *
 * @param {DialogueClient["rooms"][number]} joined
 */
function attend(joined) {
  const room = roomOf(joined.id, { name: joined.name, joined });
  joined.onHistory(({ events, gap }) => {
    // In the same epoch, the history repeats the lines on the page. After a restart, the server has forgotten them, and
    // they exist only on the page.
    const replace = !gap || joined.epoch === room.epoch;
    room.epoch = joined.epoch;
    if (replace) room.log.replaceChildren();
    if (gap) note(room, "You are back. Messages sent in the meantime may be missing here.");
    room.log.ariaBusy = "true"; // so that a screen reader does not read the history line by line
    for (const message of events) showMessage(room, message, { live: !replace });
    room.log.ariaBusy = null;
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
  joined.onRecovered(refreshRooms);
  joined.onLeft(({ reason }) => left(room, reason));
  refreshRooms();
}

function left(room, reason) {
  room.joined = null;
  if (room === current) location.hash = LOBBY;
  if (reason === "ROOM_NOT_FOUND") forget(room);
  if (reason && reason !== "roomDeleted") {
    note(rooms.get(LOBBY), `You are no longer in “${room.name}”: ${REASONS[reason] ?? reason}.`);
  }
  refreshRooms();
}

function created(news) {
  const room = roomOf(news.id, news);
  note(rooms.get(LOBBY), `${displayName(news.createdById ?? "The server")} started the topic “${room.name}”.`);
  renderRooms();
}

function deleted({ roomId }) {
  const room = rooms.get(roomId);
  if (!room) return;
  forget(room);
  note(rooms.get(LOBBY), `The topic “${room.name}” was deleted.`);
}

function comeOrGo(room, username, verb) {
  note(room, `${displayName(username)} ${verb}`);
  stopTyping(room, username);
  refreshRooms();
}

function showState({ state, delay, code, error }) {
  if (error?.code === "UNAUTHENTICATED") return signOut(readable(error));
  $("state").textContent = STATES[state];
  document.body.dataset.state = state;
  $("banner").hidden = state === "connected" || state === "connecting";
  $("retry").hidden = state !== "waiting";
  if (state === "waiting") {
    $("banner-text").textContent = `The connection is lost. Next attempt in ${Math.ceil(delay / 1000)} s.`;
  }
  if (state === "closed") $("banner-text").textContent = CLOSED[code] ?? CLOSED.otherwise;
  if (state === "connected") openFromAddress();
  renderUnsent();
}

function renderUnsent() {
  const waiting = unsent > 0 && client.state === "waiting";
  $("unsent").textContent = waiting ? `${unsent === 1 ? "Your message" : `${unsent} messages`} will be sent then.` : "";
}

// ---- Rooms ----------------------------------------------------------------------------------------------------------

/** The room with this id, which is added if it is new. `news` updates its fields. */
function roomOf(id, news) {
  if (!rooms.has(id)) {
    const log = element("div", "log");
    log.role = "log";
    log.hidden = true;
    const item = copyOf("room-template");
    const [link] = item.children;
    link.href = `#${id}`;
    $("logs").append(log);
    $("rooms").append(item);
    rooms.set(id, { id, name: id, size: 0, joined: null, log, link, typists: new Map(), unread: 0, draft: "" });
  }
  return Object.assign(rooms.get(id), news);
}

function forget(room) {
  room.log.remove();
  room.link.parentElement.remove();
  rooms.delete(room.id);
  if (room === current) location.hash = LOBBY;
  renderRooms();
}

// The address names the room, so that links, reloads and the back button work. It may name a room that does not exist.
/** @returns {any} */
const idInAddress = () => location.hash.slice(1) || LOBBY;

async function openFromAddress() {
  const id = idInAddress();
  try {
    for (const wanted of new Set([LOBBY, id])) if (!rooms.get(wanted)?.joined) await client.join(wanted);
    if (id === idInAddress() && id !== current.id) select(rooms.get(id));
  } catch (error) {
    note(rooms.get(LOBBY), `Could not open “${rooms.get(id)?.name ?? id}”. ${readable(error)}`, "error");
    if (error.code !== "DISCONNECTED") location.hash = LOBBY;
  }
}
addEventListener("hashchange", openFromAddress);

function select(room) {
  sayTyping(false);
  if (current) {
    current.draft = $("text").value;
    current.log.hidden = true;
  }
  current = room;
  room.log.hidden = false;
  room.unread = 0;
  $("text").value = room.draft;
  fieldError("text", "");
  showSidebar(false);
  renderRooms();
  renderTyping();
  $("logs").scrollTop = $("logs").scrollHeight;
  $("text").focus();
}

let refreshing = false;
let outdated = false;

// Changes that happen at about the same time share one list. Changes during a list cause one more list.
async function refreshRooms() {
  outdated = true;
  if (refreshing) return;
  refreshing = true;
  while (outdated) {
    await pause(100);
    outdated = false;
    const listed = await client.listRooms({ limit: LISTED_ROOMS }).catch(() => null);
    if (listed) showRooms(listed); // otherwise the next connection refreshes the list
    await pause(ROOMS_REST_MS);
  }
  refreshing = false;
}

function showRooms(listed) {
  const ids = new Set([LOBBY, ...listed.map((room) => room.id)]);
  for (const room of listed) roomOf(room.id, room);
  for (const room of [...rooms.values()]) if (!ids.has(room.id) && !room.joined) forget(room);
  renderRooms();
}
setInterval(() => client && !document.hidden && refreshRooms(), ROOM_SIZES_EVERY_MS);

function renderRooms() {
  let unread = 0;
  for (const room of rooms.values()) {
    const [name, count, size] = room.link.children;
    room.log.ariaLabel = room.name;
    room.link.className = room.joined ? "joined" : "";
    room.link.ariaCurrent = room === current ? "page" : null;
    name.textContent = room.name;
    showBadge(count, room.unread);
    size.textContent = room.size;
    size.title = people(room.size);
    unread += room.unread;
  }
  showBadge($("unread-total"), unread);
  document.title = `${unread ? `(${unread}) ` : ""}${current.name} · Dialogue`;
  $("room-name").textContent = current.name;
  $("room-size").textContent = people(current.size);
  $("text").placeholder = `Write to ${current.name}`;
  $("leave").hidden = current.id === LOBBY;
  $("delete").hidden = current.id === LOBBY || current.createdById !== me;
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

function showMessage(room, { from, data, timestamp }, { live }) {
  const line = copyOf("message-template");
  const [avatar, byline, text] = line.children;
  const [author, time] = byline.children;
  const before = room.log.lastElementChild;
  const follows = before?.dataset.from === from && timestamp - before.dataset.timestamp < FOLLOWS_WITHIN_MS;
  line.classList.toggle("mine", from === me);
  line.classList.toggle("follows", follows);
  Object.assign(line.dataset, { from, timestamp });
  const date = new Date(timestamp);
  const dateStyle = date.toDateString() === new Date().toDateString() ? undefined : "medium";
  line.title = date.toLocaleString();
  time.dateTime = date.toISOString();
  time.textContent = date.toLocaleString([], { timeStyle: "short", dateStyle });
  author.textContent = displayName(from);
  text.textContent = data.text;
  paintAvatar(avatar, from);
  append(room, line, from === me);
  stopTyping(room, from);
  if (live && from !== me && (room !== current || document.hidden)) {
    room.unread += 1;
    renderRooms();
  }
}

/** Adds a line to the log that is not a message. */
function note(room, text, kind = "") {
  append(room, element("p", `note ${kind}`, text), false);
}

// Scrolls to the new line unless the reader has scrolled back.
function append(room, line, follow) {
  const view = $("logs");
  const atEnd = follow || view.scrollHeight - view.scrollTop - view.clientHeight < 80;
  room.log.append(line);
  while (room.log.childElementCount > KEPT_LINES) room.log.firstElementChild.remove();
  if (room === current && atEnd) view.scrollTop = view.scrollHeight;
}

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [room, text] = [current, $("text").value.trim()];
  if (!text) return;
  sayTyping(false);
  $("text").value = "";
  fieldError("text", "");
  unsent += 1;
  renderUnsent();
  try {
    if (!room.joined) throw new DialogueError({ code: "NOT_IN_ROOM", message: "not in the room" });
    await room.joined.trigger("message", { text });
  } catch (error) {
    // The text isn't lost: it goes back into the field or the room's draft.
    if (room !== current) {
      room.draft = text;
      note(room, readable(error), "error");
    } else {
      $("text").value = [text, $("text").value].filter(Boolean).join("\n");
      fieldError("text", readable(error));
    }
  } finally {
    unsent -= 1;
    renderUnsent();
  }
});
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

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function displayName(user) {
  return user === me ? "You" : user;
}

function showSidebar(shown) {
  $("sidebar").classList.toggle("open", shown);
  $("show-rooms").ariaExpanded = String(shown);
}
$("rooms").addEventListener("click", () => showSidebar(false));
$("show-rooms").addEventListener("click", () => showSidebar(!$("sidebar").classList.contains("open")));
$("retry").addEventListener("click", connect);
addEventListener("online", () => client?.state === "waiting" && connect());
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !current) return;
  current.unread = 0;
  renderRooms();
});

enter();
