// Puts the page together: what the feed tells goes to every part, and keys go where they belong.
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

const events = new EventsPane({ again: (item) => room.again(item) });
const rooms = new RoomsPane({
  chosen: ({ id }, opened) => {
    if (id !== shown) choose(id);
    if (opened) turnTo(id === null ? "events" : "room");
  },
  failed: (error) => say("lost", error.message),
});
const room = new RoomPane({
  minute: (id) => rooms.minute(id),
  deliveries: () => deliveries.until(second),
  busiest: (count) => rooms.busiest(count),
  choose,
  moved: remember,
});

/** The room that is shown; `null` for all. */
let shown = null;

/** Shows a room everywhere, or all for `null`. */
async function choose(id, tab) {
  shown = id;
  rooms.list.selectKey(id ?? "");
  events.showRoom(id, id === null ? "All rooms" : (rooms.row(id)?.name ?? id));
  setText(document.querySelector(".switch [data-pane=room]"), id === null ? "Server" : "Room");
  const drawn = id === null ? room.showServer() : room.show(id, tab);
  remember();
  await drawn;
}

/** Keeps what is shown in the address, so that a reload shows it again. */
function remember() {
  const address = new URLSearchParams(shown === null ? {} : { room: shown, tab: room.tab });
  history.replaceState(null, "", shown === null ? location.pathname + location.search : `#${address}`);
}

function say(state, text) {
  byId("state").dataset.state = state;
  setText(byId("state"), text);
}

/** On a narrow screen, shows one pane. */
function turnTo(pane) {
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
    turnTo("room");
    byId("room-pane").querySelector("[role=tab][aria-selected=true], button")?.focus();
  },
  t: () => {
    if (shown === null) return;
    turnTo("room");
    room.open("trigger");
  },
  p: () => events.pause(),
  c: () => events.clear(),
  "?": () => byId("help").showModal(),
};

function focusOn(pane, id) {
  turnTo(pane);
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

/** Leaves a field: a search is emptied, then its list has the focus. */
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
  button.addEventListener("click", () => turnTo(button.dataset.pane));
}

setText(byId("host"), location.host);
document.title = `Inspector · ${location.host}`;
turnTo("events");

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
    plots[0].draw(rooms.minute(null));
    plots[1].draw(deliveries.until(second));
    room.tick();
  },
  state: (state, text) => {
    const back = state === "live" && byId("state").dataset.state === "lost";
    say(state, text);
    if (!back) return;
    rooms.reload();
    room.refresh();
  },
});
