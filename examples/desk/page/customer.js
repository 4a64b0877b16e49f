// @ts-check
// The page of customers: opens a ticket, and shows it. The texts of others enter the document only as text, never as HTML.
import { connect } from "./connection.js";
import { Conversation, compose, showComposer } from "./conversation.js";
import { $, fieldError } from "./elements.js";
import { Storage, post } from "./session.js";

const ORG = new URLSearchParams(location.search).get("org") ?? "acme";
const storage = new Storage(`desk-customer-${ORG}`);
/** @type {Conversation | null} */
let conversation = null;

function start() {
  const { session } = storage;
  $("welcome").hidden = Boolean(session);
  $("app").hidden = !session;
  if (session) return enter(session);
  fieldError("subject", storage.reason());
  $("name").focus();
}

/** @param {import("./session.js").Session} session */
function enter(session) {
  const { user, org, ticket, subject, name } = session;
  $("title").textContent = subject;
  $("number").textContent = `Ticket ${ticket}, ${name}`;
  const client = connect(session, {
    ended: (reason) => storage.end(reason),
    changed: () => {
      conversation.enter();
      show();
    },
  });
  conversation = new Conversation(client, `ticket-${org}-${ticket}`, { me: user, nameOf }, {
    changed: () => show(),
    isRead: () => true,
  });
  conversation.show(true);
  compose(() => conversation);
  $("text").focus();
}

// Agents have names. The other people in a ticket are the customer.
function nameOf(user) {
  return user.match(/^[^/]*\/agent\/(.*)$/)?.[1] ?? "You";
}

function show() {
  if (!conversation) return;
  showComposer(conversation, nameOf);
  $("closed").hidden = !conversation.closed;
}

$("new-ticket").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, subject] = [$("name").value.trim(), $("subject").value.trim()];
  if (!name || !subject) return fieldError("subject", "Enter your name and what the ticket is about.");
  try {
    const { token } = await post("tickets", { org: ORG, name, subject });
    storage.keep(token, { name, subject });
    start();
  } catch (error) {
    fieldError("subject", error.message);
  }
});

$("another").addEventListener("click", () => {
  const isOver = conversation.closed || confirm("Open another ticket? You will not see this one any more.");
  if (isOver) storage.end();
});
addEventListener("beforeunload", (event) => conversation?.outbox.size && event.preventDefault());

start();
