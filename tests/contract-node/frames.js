// The frames of a conversation with a real server of the rooms `every`, and the types that the documents give them.
import { json } from "./documents.js";

const { channels, components, operations } = json("every", "asyncapi.json");
const { sent, received } = json("every", "frames.json");

const refused = new Set(received.filter(({ type }) => type === "error").map(({ id }) => id));

/**
 * All frames except the requests that the server refused, as `{ type, value }` with the name of the type that the
 * AsyncAPI document gives them.
 */
export const frames = [
  ...sent.filter(({ id }) => !refused.has(id)).map((value) => ({ type: messageKey(value, sendable()), value })),
  ...received.map((value) => ({ type: messageKey(value), value })),
];

/** The frames of events. */
export const events = received.filter(({ type }) => type === "event");

/** What is left of each event that its room keeps, after it was erased. */
export const erased = events
  .filter(({ seq }) => seq !== undefined)
  .map(({ meta, ...event }) => ({ ...event, data: null, erased: true }));

/** The payloads whose types have names, as `{ type, value }`. */
export const payloads = events
  .map((frame) => ({ type: payloadType(frame), value: frame.data }))
  .filter(({ type }) => type !== undefined);

if (events.length < 30 || payloads.length < 25) {
  throw new Error(`only ${events.length} events and ${payloads.length} payloads arrived`);
}

/** The name of the type of an event's payload, or `undefined` if the payload can be anything. */
export function payloadType(frame) {
  return payload(messageKey(frame)).properties.data.$ref?.split("/").at(-1);
}

/** The keys of the messages that clients send. */
function sendable() {
  const sending = Object.values(operations).filter(({ action }) => action === "send");
  return new Set(sending.flatMap(({ messages }) => messages.map(({ $ref }) => $ref.split("/").at(-1))));
}

/** The key of the message that describes a frame, which is one of `allowed`. A client receives all that it does not send. */
function messageKey(frame, allowed) {
  const room = frame.type === "event" || frame.type === "trigger" ? channel(frame.roomId) : undefined;
  const keys = Object.keys((room ?? components).messages)
    .filter((key) => (allowed ? allowed.has(key) : !sendable().has(key)))
    .filter((key) => one(payload(key).properties.type) === frame.type);
  const named = keys.filter((key) => one(payload(key).properties.event) === frame.event);
  const found = named[0] ?? keys.find((key) => one(payload(key).properties.event) === undefined);
  if (!found) {
    throw new Error(`the document does not describe ${JSON.stringify(frame)}`);
  }
  return found;
}

/** The schema of a message's payload. */
function payload(key) {
  const { payload } = components.messages[key];
  return payload.$ref ? components.schemas[payload.$ref.split("/").at(-1)] : payload;
}

/** The only value that a schema allows, if it allows only one. */
function one(schema) {
  return schema?.const ?? (schema?.enum?.length === 1 ? schema.enum[0] : undefined);
}

/** The channel of a room. */
function channel(room) {
  return Object.values(channels).find(({ address }) => {
    const pattern = (address ?? "").replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^:]+");
    return new RegExp(`^${pattern}$`).test(room);
  });
}

/** The values that a program has read and written with loss, as `{ type, value, written }`. */
export function lossy(values, written) {
  return values
    .map(({ type, value }, at) => ({ type, value, written: written[at] }))
    .filter(({ value, written }) => !same(value, written));
}

/** Whether two values are equal. For most languages, an absent property is the same as `null`. */
function same(one, two) {
  if (one === null || two === null || typeof one !== "object" || typeof two !== "object") {
    return one === two || ((one ?? null) === null && (two ?? null) === null);
  }
  if (Array.isArray(one) !== Array.isArray(two)) {
    return false;
  }
  return [...new Set([...Object.keys(one), ...Object.keys(two)])].every((key) => same(one[key], two[key]));
}
