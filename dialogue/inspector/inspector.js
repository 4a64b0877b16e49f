// Assembles the page: passes the feed to every part of it, and handles keyboard shortcuts.
import { byId, number, setText } from "./dom.js";
import { EventsPane } from "./events.js";
import { Plot, Series } from "./plot.js";
import { RoomPane } from "./room.js";
import { RoomsPane } from "./rooms.js";
import { follow } from "./server.js";

const deliveries = new Series();
let second = 0;

const plots = ["events", "deliveries"].map((name) => {
  const plot = new Plot(72, 20);
  byId(`spark-${name}`).append(plot.element);
  return plot;
});

const events = new EventsPane({ triggerAgain: (item) => room.triggerAgain(item) });
const rooms = new RoomsPane({
  chosen: ({ id }, opened) => {
    if (id !== shown) choose(id);
    if (opened) showPane(id === null ? "events" : "room");
  },
  failed: (error) => showState("lost", error.message),
});
const room = new RoomPane({
  lastMinute: (id) => rooms.lastMinute(id),
  deliveries: () => deliveries.until(second),
  busiest: (count) => rooms.busiest(count),
  choose,
  moved: remember,
});

/** The room that is shown, or `null` for all rooms. */
let shown = null;

/** Shows a room in every part of the page, or all rooms for `null`. */
async function choose(id, tab) {
  shown = id;
  rooms.list.selectKey(id ?? "");
  events.showRoom(id, id === null ? "All rooms" : (rooms.row(id)?.name ?? id));
  setText(document.querySelector(".switch [data-pane=room]"), id === null ? "Server" : "Room");
  const drawn = id === null ? room.showServer() : room.show(id, tab);
  remember();
  await drawn;
}

/** Stores the shown room and tab in the address, so that a reload shows them again. */
function remember() {
  const address = new URLSearchParams(shown === null ? {} : { room: shown, tab: room.tab });
  history.replaceState(null, "", shown === null ? location.pathname + location.search : `#${address}`);
}

function showState(state, text) {
  byId("state").dataset.state = state;
  setText(byId("state"), text);
}

/** Chooses the one pane that a narrow screen shows. */
function showPane(pane) {
  document.body.dataset.pane = pane;
  for (const button of document.querySelectorAll(".switch button")) {
    if (button.dataset.pane === pane) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

const keys = {
  "/": () => focusOn("rooms", "rooms-search"),
  f: () => focusOn("events", "events-search"),
  1: () => focusOn("rooms", "rooms"),
  2: () => focusOn("events", "events"),
  3: () => {
    showPane("room");
    byId("room-pane").querySelector("[role=tab][aria-selected=true], button")?.focus();
  },
  t: () => {
    if (shown === null) return;
    showPane("room");
    room.open("trigger");
  },
  p: () => events.pause(),
  c: () => events.clear(),
  "?": () => byId("help").showModal(),
};

function focusOn(pane, id) {
  showPane(pane);
  byId(id).focus();
  byId(id).select?.();
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || byId("help").open || event.ctrlKey || event.metaKey || event.altKey) return;
  const { target } = event;
  const writing = target.matches("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape") {
    event.preventDefault();
    if (writing) leave(target);
    else if (!events.close() && shown !== null) choose(null);
  } else if (!writing && keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

/** Leaves a field. A search field is emptied, and its list receives the focus. */
function leave(field) {
  const list = { "rooms-search": "rooms", "events-search": "events" }[field.id];
  if (!list) return field.blur();
  if (field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  }
  byId(list).focus();
}

byId("help-button").addEventListener("click", () => byId("help").showModal());
for (const button of document.querySelectorAll(".switch button")) {
  button.addEventListener("click", () => showPane(button.dataset.pane));
}

setText(byId("host"), location.host);
document.title = `Inspector · ${location.host}`;
showPane("events");

const remembered = new URLSearchParams(location.hash.slice(1));
const ready = rooms.reload();
if (remembered.has("room")) ready.then(() => choose(remembered.get("room"), remembered.get("tab") ?? undefined));

follow({
  list: (notices) => {
    events.add(notices);
    rooms.add(notices);
    room.add(notices);
    if (!notices.some(({ kind }) => kind === "dropped")) return;
    rooms.refresh();
    room.refresh();
  },
  rates: (rates) => {
    second = Math.floor(rates.at / 1000);
    deliveries.note(second, rates.deliveries);
    rooms.rates(rates);
    setText(byId("stat-rooms"), number(rates.roomCount));
    setText(byId("stat-clients"), number(rates.clients));
    setText(byId("stat-events"), number(rates.events));
    setText(byId("stat-deliveries"), number(rates.deliveries));
    plots[0].draw(rooms.lastMinute(null));
    plots[1].draw(deliveries.until(second));
    room.tick();
  },
  state: (state, text) => {
    const back = state === "live" && byId("state").dataset.state === "lost";
    showState(state, text);
    if (!back) return;
    rooms.reload();
    room.refresh();
  },
});
