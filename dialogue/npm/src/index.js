// Dialogue's client for browsers and Node: one module without dependencies, served by the server itself. `client.d.ts`
// documents each public member. docs/protocol.md in the repository documents the wire protocol.
//
// From the outside in: `DialogueClient` and `JoinedRoom` are the public API and hold no state. `Engine` keeps the
// client connected from `connect` to `disconnect`, over any number of connections; `Link` is one of them. `Session`
// outlasts them: it has the rooms (`JoinedRooms`, a `TrackedRoom` for each, and a `Hold` for each handle of a room) and
// the requests that wait for an answer (`Pending`). `Outbox` and `Pacer` decide what is sent when, and `Wake` when to
// look at the connection at once. Each frame is handled completely in the call that delivers it, so no frame is queued.
// `maxPending` limits how many requests wait. Only `HandlerQueue` calls handlers, and only when the change that they
// report is complete, so a handler may call anything.
//
// A module has the name of the module in the Rust client (dialogue/src/client) that does the same. The Rust client also
// buffers events for each handler; here, handlers are called at once. Only the `Backlog` of a hold keeps events, until
// the program has attached its handlers.

export { DialogueError } from "./error.js";
export { DialogueClient } from "./handle/client.js";
