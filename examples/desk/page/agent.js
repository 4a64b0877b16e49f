// @ts-check
// The page of agents: the list of tickets, and the ticket that the address names. The texts of others enter the document
// only as text, never as HTML.
import { connect } from "./connection.js";
import { Conversation, compose, showComposer } from "./conversation.js";
import { $, copyOf, fieldError, showTime } from "./elements.js";
import { Storage, post } from "./session.js";
import { readable } from "./words.js";

const WATCHED = 50; // the newest open tickets are joined, so that the list shows what is new in them; a client may join 100
const PAGE = 100; // entries of the list, each time that the agent asks for older tickets

const storage = new Storage("desk-agent");
const tickets = new Map(); // number → ticket, see `ticketOf`
const closed = new Set(); // the numbers of closed tickets, also of those that are not in the list yet
/** @type {import("./session.js").Session} */
let session;
/** @type {import("./dialogue/client.js").DialogueClient} */
let client;
let desk; // the room with the list
let isJoining = false;
let oldest = Infinity; // the number of the oldest entry on the page
let current = null; // the ticket that is shown

// ---- Signing in -----------------------------------------------------------------------------------------------------

function start() {
  $("welcome").hidden = Boolean(storage.session);
  $("app").hidden = !storage.session;
  if (storage.session) return enter(storage.session);
  fieldError("name", storage.reason());
  $("name").focus();
}

function enter(/** @type {import("./session.js").Session} */ signedIn) {
  session = signedIn;
  $("my-name").textContent = session.name;
  $("my-org").textContent = session.org;
  client = connect(session, { ended: (reason) => storage.end(reason), changed });
  compose(() => current?.conversation);
  openFromAddress();
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  if (!name) return fieldError("name", "Enter a name, so that customers know who is talking.");
  try {
    storage.keep((await post("demo/agent", { org: $("org").value, name })).token);
    start();
  } catch (error) {
    fieldError("name", error.message);
  }
});
$("sign-out").addEventListener("click", () => storage.end());
addEventListener("beforeunload", (event) => {
  if ([...tickets.values()].some(({ conversation }) => conversation?.outbox.size)) event.preventDefault();
});

/** The connection has changed. */
function changed() {
  if (client.connected) joinDesk();
  for (const { conversation } of tickets.values()) conversation?.enter();
  show();
}

// ---- The list of tickets --------------------------------------------------------------------------------------------

async function joinDesk() {
  if (desk || isJoining) return;
  isJoining = true;
  try {
    const room = await client.join(/** @type {const} */ (`desk-${session.org}`));
    room.onHistory(({ events, gap }) => {
      for (const entry of events) enlist(entry);
      // After a gap, entries between the old ones and these may be missing: continue from these.
      if (gap) oldest = events[0]?.seq ?? oldest;
      $("older").hidden = !(oldest > 1 && oldest < Infinity);
      watch();
    });
    room.on("entry", (entry) => {
      enlist(entry);
      watch();
    });
    room.onErased(({ seq, message }) => {
      if (message) return enlist(message);
      if (tickets.has(seq)) Object.assign(tickets.get(seq), ERASED);
      show();
    });
    room.onLeft(() => (desk = null));
    desk = room;
    $("list-problem").textContent = "";
  } catch (error) {
    if (error.code !== "DISCONNECTED") $("list-problem").textContent = readable(error);
    if (error.retryAfter !== undefined) setTimeout(joinDesk, error.retryAfter);
  }
  isJoining = false;
}

const ERASED = { name: "Erased", subject: "This customer was erased" };

/**
 * Adds an entry of the list. The number of an entry about a new ticket is the number of the ticket.
 *
 * @param {any} entry
 */
function enlist({ seq, data, from, timestamp, erased }) {
  oldest = Math.min(oldest, seq);
  if (data?.kind === "closed") {
    closed.add(data.ticket);
    return show();
  }
  const { name, subject } = erased ? ERASED : data;
  Object.assign(ticketOf(seq), { name, subject, user: from, timestamp });
  show();
}

/** The ticket with this number, which is added if it is new. */
function ticketOf(number) {
  if (!tickets.has(number)) {
    const item = copyOf("ticket-template");
    const [link] = item.children;
    link.href = `#${number}`;
    const after = [...tickets.values()].filter((other) => other.number < number).sort((a, b) => b.number - a.number)[0];
    $("tickets").insertBefore(item, after?.link.parentElement ?? null); // newest first
    tickets.set(number, {
      number,
      name: "",
      subject: `Ticket ${number}`,
      user: "", // the customer
      timestamp: 0,
      link,
      conversation: /** @type {Conversation | null} */ (null), // while the page watches or shows it
    });
  }
  return tickets.get(number);
}

/** Joins the newest open tickets, so that the list shows what happens in them. */
function watch() {
  const open = [...tickets.values()].filter(({ number }) => !closed.has(number));
  for (const ticket of open.sort((a, b) => b.number - a.number).slice(0, WATCHED)) conversationOf(ticket).enter();
}

function conversationOf(ticket) {
  const nameOf = (user) => user.match(/^[^/]*\/agent\/(.*)$/)?.[1] ?? (ticket.name || "Customer");
  ticket.conversation ??= new Conversation(client, `ticket-${session.org}-${ticket.number}`, { me: session.user, nameOf }, {
    changed: () => show(),
    isRead: () => ticket === current && !document.hidden,
    erase: (seq) => attempt("tickets/erase", { ticket: ticket.number, seq }),
  });
  ticket.nameOf = nameOf;
  return ticket.conversation;
}

$("older").addEventListener("click", async () => {
  $("older").disabled = true;
  try {
    const { events, more } = await desk.getHistory("entry", { before: oldest, limit: PAGE });
    for (const entry of events) enlist(entry);
    $("older").hidden = !more;
    watch();
  } catch (error) {
    $("list-problem").textContent = readable(error);
  }
  $("older").disabled = false;
});

// ---- The ticket that is shown ---------------------------------------------------------------------------------------

function openFromAddress() {
  const number = Number(location.hash.slice(1));
  if (number === current?.number) return;
  if (current) {
    current.conversation.sayTyping(false);
    current.conversation.draft = $("text").value;
    current.conversation.show(false);
    current = null;
  }
  if (!(number > 0)) return show(); // on a phone, the way back to the list
  current = ticketOf(number);
  const conversation = conversationOf(current);
  $("text").value = conversation.draft;
  conversation.enter();
  conversation.show(true);
  show();
}
addEventListener("hashchange", () => client && openFromAddress());
document.addEventListener("visibilitychange", () => show());

function show() {
  if (!client) return;
  if (current && !document.hidden) current.conversation.unread = 0;
  for (const ticket of tickets.values()) {
    const { link, number, name, subject, timestamp, conversation } = ticket;
    const [title, badge, about] = link.children;
    const [customer, time] = about.children;
    title.textContent = subject;
    customer.textContent = name;
    if (timestamp) showTime(time, timestamp);
    badge.hidden = !conversation?.unread;
    badge.textContent = conversation?.unread ?? "";
    badge.ariaLabel = `${badge.textContent} unread`;
    const isClosed = closed.has(number) || conversation?.closed;
    // The customer has the last word: somebody should answer.
    const waits = !isClosed && conversation?.last?.from === ticket.user;
    link.className = isClosed ? "closed" : waits ? "waits" : "";
    link.ariaCurrent = ticket === current ? "page" : null;
  }
  $("empty").hidden = tickets.size > 0;
  $("nothing").hidden = Boolean(current);
  $("ticket").hidden = !current;
  if (!current) return;
  $("title").textContent = current.subject;
  $("number").textContent = `Ticket ${current.number}${current.name && `, ${current.name}`}`;
  $("close").hidden = current.conversation.closed;
  $("erase-customer").hidden = !current.user;
  showComposer(current.conversation, current.nameOf);
}

$("close").addEventListener("click", () => {
  if (confirm("Close this ticket? Nobody can write in it any more.")) attempt("tickets/close", { ticket: current.number });
});
$("erase-customer").addEventListener("click", () => {
  const question = `Erase everything that ${current.name} has written? Nobody can bring it back.`;
  if (confirm(question)) attempt("customers/erase", { user: current.user });
});

async function attempt(path, body) {
  const { conversation } = current;
  try {
    await post(path, body, session.token);
  } catch (error) {
    conversation.lines.note(error.message);
  }
}

start();
