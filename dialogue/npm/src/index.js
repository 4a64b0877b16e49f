// Dialogue's client for browsers and Node: one module without dependencies, served by the server itself. `client.d.ts`
// documents each public member. docs/protocol.md in the repository documents the wire protocol.
//
// From the outside in: `DialogueClient` and `JoinedRoom` are the public API and hold no state. `Session` lasts from
// `connect` to `disconnect`, over any number of connections. `Membership` is one room: its position and its handlers.
// `Requests` holds the requests that wait for an answer. `Connection` is one WebSocket. Each frame is handled
// completely in the call that delivers it, so no frame is queued. `maxPending` limits how many requests wait. Only
// `HandlerQueue` calls handlers, and only when the change that they report is complete, so a handler may call anything.

export { DialogueError } from "./error.js";
export { DialogueClient } from "./handle/client.js";
