/**
 * Dialogue's client for browsers and Node: typed rooms over a connection that reconnects automatically.
 *
 * ```js
 * import { DialogueClient } from "/dialogue/client.js";
 *
 * const client = new DialogueClient({ auth: { token } });
 * await client.connect();
 * const room = await client.join("chat");
 * room.on("message", ({ from, data }) => console.log(`${from}: ${data.text}`));
 * await room.trigger("message", { text: "hello" });
 * ```
 */

/** The types of one room: the payloads by event name. */
export interface RoomTypes {
  /** The events that a client may trigger. */
  triggers: Record<string, unknown>;
  /** The events that a client may receive, including those that only the server triggers. */
  events: Record<string, unknown>;
}

// <rooms>
/**
 * The rooms by id. This file does not know the server, so every id is a room that allows any event. In the
 * `client.d.ts` that a server serves, the server's own rooms are here.
 */
export interface Rooms {
  [id: string]: RoomTypes;
}
// </rooms>

/** Rooms without known types, for `DialogueClient<AnyRooms>`: for ids that are known only when the program runs. */
export interface AnyRooms {
  [id: string]: RoomTypes;
}

/** The rooms that `DialogueClient` accepts as a type: each has payloads for the events that it triggers and receives. */
export type RoomSet<R> = { [Id in keyof R]: { triggers: object; events: object } };

/** The credentials that the server signs users in with, such as a token or a name. They are sent as JSON. */
export type Auth = unknown;

/** The part of the standard WebSocket that the client needs. The class of the package `ws` has it, too. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** The options of a client. Durations are in milliseconds. */
export interface ClientOptions {
  /**
   * The address of the server's socket. `http:` and `https:` mean the same as `ws:` and `wss:`, and an address without
   * a path means `/dialogue/ws`. In a browser, the address may be relative to the page. The default is `ws` next to this
   * module if a server has served it, and otherwise `/dialogue/ws` on the page's origin. Outside browsers there is no
   * default: `connect` rejects with `INVALID_URL`. The address is read when the client connects.
   */
  url?: string | { readonly href: string } | undefined;
  /**
   * The credentials that the server signs the user in with, or a function that returns them or a promise of them. The
   * client calls the function for each connection and before a session expires, so that it can return a fresh token. If
   * the function fails, the client reports the failure to `onError` and tries again as after a lost connection. If
   * there are no credentials, let the function throw a `DialogueError` with the code `UNAUTHENTICATED`: then the client
   * closes.
   */
  auth?: Auth | (() => Auth | Promise<Auth>);
  /**
   * The socket's class. Default: the global `WebSocket` when the client connects. Node before 22 has none: pass the class
   * of the package `ws`.
   */
  WebSocket?: (new (url: string) => WebSocketLike) | undefined;
  /**
   * How long a request may take before it is rejected, including the wait for a lost connection. Default: 60,000, which
   * is also the maximum.
   */
  timeout?: number | undefined;
  /**
   * How many requests may wait, to be sent or for their answers. Further requests are rejected with `OVERLOADED`.
   * Default: 10,000.
   */
  maxPending?: number | undefined;
  /**
   * How many bytes of requests may wait. A request that would exceed this is rejected with `OVERLOADED`. Default:
   * 4,194,304 (4 MiB).
   */
  maxPendingBytes?: number | undefined;
}

/** The options of `connect`. */
export interface ConnectOptions {
  /**
   * Whether the client keeps trying if it cannot connect. With `false`, the promise rejects after the first failed
   * attempt, and the client stops. A connection that is lost later is restored anyway. Default: true.
   */
  retry?: boolean | undefined;
}

/**
 * The state of the connection.
 *
 * - `closed`: there is no connection, and the client makes no attempt until `connect` is called;
 * - `connecting`: the client is connecting;
 * - `connected`: the connection is open, and the user is signed in;
 * - `waiting`: the connection is lost, and the client waits for the next attempt.
 */
export type ConnectionState = "closed" | "connecting" | "connected" | "waiting";

/** A change of the connection's state. */
export interface StateChange {
  state: ConnectionState;
  /** In `waiting`: milliseconds until the next attempt. */
  delay?: number | undefined;
  /** In `waiting` and `closed`: the close code, or 1006 if there was none. */
  code?: number | undefined;
  /** In `closed`, unless `disconnect` was called: why the client does not try again. */
  error?: DialogueError | undefined;
}

/** The identity of this client on a connection. */
export interface Connected {
  /** The user, as authenticated by the server. */
  userId: string;
  /** The id of this connection. The next connection has another id. */
  clientId: string;
  /** Whether there was an earlier connection since the first `connect`, or since `disconnect`. */
  again: boolean;
}

/** How a connection ended. */
export interface Disconnected {
  /** The close code: 1006 if there was none, 1000 after `disconnect`. */
  code: number;
  /** The reason that the server gave. It may be empty. */
  reason: string;
  /** Whether the client reconnects automatically. */
  willReconnect: boolean;
}

/** Public information about a room. */
export interface RoomInfo {
  id: string;
  name: string;
  description?: string;
  /** How many clients are in the room. */
  size: number;
  /** The maximum size. Absent if the room has no limit of its own. */
  maxSize?: number;
  /** The user who created it. */
  createdById?: string;
}

/** An event with its envelope. */
export interface EventMessage<Data = unknown, Name extends string = string> {
  event: Name;
  roomId: string;
  data: Data;
  /** The user who triggered it; `"system"` is the server. */
  from: string;
  /** When the server accepted it, in milliseconds since the Unix epoch. Use `seq` for the order, not this. */
  timestamp: number;
  /** The metadata that the sender attached. */
  meta?: Record<string, unknown>;
  /** The event's number in the room. Absent for events that the room does not keep. */
  seq?: number;
  /** Always absent: an event that was erased is an {@link ErasedEvent}. */
  erased?: undefined;
}

/** What is left of an event that was erased: its envelope, without data and metadata. */
export interface ErasedEvent<Name extends string = string> {
  event: Name;
  roomId: string;
  /** The user who triggered it; `"system"` is the server. */
  from: string;
  /** When the server accepted it, in milliseconds since the Unix epoch. */
  timestamp: number;
  /** The event's number in the room. Absent for events that the room does not keep. */
  seq?: number;
  erased: true;
  /** Always absent. */
  data?: undefined;
}

/** The data of an event was erased. */
export interface Erasure<Name extends string = string> {
  roomId: string;
  /** The event's number in the room. */
  seq: number;
  /** What is left of the event, if the client receives it only now. Absent if it may have received the event before. */
  message?: ErasedEvent<Name>;
}

/** Any event of a room: a union that is discriminated by `event`. */
export type AnyEventMessage<T extends { events: object }> = {
  [E in keyof T["events"] & string]: EventMessage<T["events"][E], E>;
}[keyof T["events"] & string];

/** The events of a room to begin with. */
export interface RoomHistory<T extends { triggers: object; events: object } = RoomTypes> {
  room: JoinedRoom<T>;
  roomId: string;
  /** The latest events, oldest first, as many as the room sends to a client that joins. */
  events: AnyEventMessage<T>[];
  /**
   * Whether events may be missing between those received earlier and `events`. Some of `events` may also have been
   * received before. Discard what you had, or tell the user. False after a first join.
   */
  gap: boolean;
}

/** A mistake in an event's payload. */
export interface Violation {
  /** The place of the mistake: a JSON Pointer into the payload. */
  path: string;
  /** The keyword of the schema that is not satisfied. */
  rule: string;
  /** A description for people. */
  message: string;
}

/** The range of a page of history: either the events before a number, or positions, where 0 is the newest event. */
export type HistoryRange =
  | { before: number; limit?: number | undefined; skip?: number | undefined; start?: undefined; end?: undefined }
  | {
      start?: number | undefined;
      end?: number | undefined;
      before?: undefined;
      limit?: undefined;
      skip?: undefined;
    };

/** Past events of one name. */
export interface HistoryPage<Message = EventMessage | ErasedEvent> {
  /** Newest first. An event that was erased is an {@link ErasedEvent} in its place: `erased` tells them apart. */
  events: Message[];
  /** Whether there are older events. */
  more: boolean;
  /** The range of the next older events, if there are any: pass it to `getHistory`, with a `limit` if you like. */
  next?: { before: number; skip?: number };
}

/** The options of a trigger. */
export interface TriggerOptions {
  /** Metadata besides the payload. The server passes it on unchanged. */
  meta?: Record<string, unknown> | undefined;
  /**
   * The idempotency key: 1 to 128 bytes. It lets the server recognise a repeated trigger. It must differ from the user's
   * other keys, but it is not a secret. Default: a new random key. Set your own to repeat a trigger yourself, such as
   * after a reload of the page.
   */
  key?: string | undefined;
  /**
   * Whether the trigger is only useful now, such as "is typing" or the position of a pointer. Then it is rejected without
   * a connection and never sent again. Triggers may come faster than the server permits: of those that wait, only the
   * newest of each room and event is sent, and the others resolve with `superseded`. At the default rate, that is one
   * every 34 ms. Default: false.
   */
  volatile?: boolean | undefined;
}

/** The result of a trigger. */
export interface Triggered {
  /** The event's number in the room, if the room keeps events of this name. */
  seq?: number;
  /** Set for a volatile trigger that was not sent, because a newer one for the same room and event replaced it. */
  superseded?: true;
}

/** Makes a payload optional if it may be null. */
type Payload<Data, Rest extends unknown[]> = null extends Data
  ? [data?: Data | undefined, ...rest: Rest]
  : [data: Data, ...rest: Rest];

/** Removes the handler, so that it is no longer called. */
export type Unsubscribe = () => void;

/**
 * The reason why a request failed: the server answered with an error, or the client received no answer.
 *
 * `code` is one of the protocol's error codes (`VALIDATION_FAILED`, `NOT_IN_ROOM`, `RATE_LIMITED`, …) or one of the
 * client's own:
 *
 * - `DISCONNECTED`: there is no connection, or it was lost before the answer. A trigger with this error was never sent. The
 *   server may have carried out any other request;
 * - `OUTCOME_UNKNOWN`: a trigger was sent, and nothing shows its outcome. The event may or may not have been delivered: do
 *   not trigger it again if it must not happen twice. A trigger with a key, which is the default, has this error only where
 *   repeating it with its key would not be safe: see {@link JoinedRoom.trigger}. A `volatile` one has it whenever the
 *   connection is lost before the answer;
 * - `TIMEOUT`: the answer did not arrive in time. The server may have carried out the request. If a join succeeds too
 *   late, the client leaves the room again, unless the program has asked to join it again;
 * - `OVERLOADED`: `maxPending` requests or `maxPendingBytes` are already waiting, or the request had no turn in time
 *   because the client keeps to the rate that the server accepts. Nothing was sent;
 * - `CLOSED`: the server closed the connection for good. `closeCode` is its close code. It may have carried out a request
 *   that it did not answer, unless it is a trigger;
 * - `CONNECT_FAILED`: an attempt to connect failed. `url` is the address without its query, and `message` says what to do.
 *   `cause` is the server's error, or that of the socket; browsers do not tell it to pages;
 * - `INVALID_URL`: the client cannot connect to the option `url`, or there is none and no page that it is relative to;
 * - `NO_WEBSOCKET`: the environment has no `WebSocket`, and the options have none;
 * - `MISSED`, only in `onError`: a room had no handlers for so long that its oldest events were dropped. `missed` says
 *   how many.
 */
export declare class DialogueError extends Error {
  constructor(error: {
    code: string;
    message: string;
    violations?: Violation[] | undefined;
    data?: unknown;
    retryAfter?: number | undefined;
    roomId?: string | undefined;
    event?: string | undefined;
    closeCode?: number | undefined;
    missed?: number | undefined;
    url?: string | undefined;
    cause?: unknown;
  });
  readonly code: string;
  /** The mistakes in the payload, if `code` is `VALIDATION_FAILED`; otherwise empty. */
  readonly violations: readonly Violation[];
  /** Data that the server's application added to its refusal, for programs. */
  readonly data?: unknown;
  /** How many milliseconds to wait before trying again. */
  readonly retryAfter?: number | undefined;
  /** The room that the request was about. */
  readonly roomId?: string | undefined;
  /** The event that the request was about. */
  readonly event?: string | undefined;
  /** The close code, if the connection was closed. */
  readonly closeCode?: number | undefined;
  /** How many events were dropped, if `code` is `MISSED`. */
  readonly missed?: number | undefined;
  /** The address of the server, if the client could not connect. It has no query and no password, so it may be logged. */
  readonly url?: string | undefined;
}

/**
 * A client of a Dialogue server.
 *
 * The client reconnects automatically, after a random wait that doubles with each attempt, and at once if the network is
 * back, the page is shown again or the machine was asleep; see `wake`. It rejoins every room at its last position there,
 * and tries again while the server cannot decide, or for five minutes while a room is missing or full. Requests that
 * were made meanwhile are sent then; see `JoinedRoom.trigger`.
 *
 * An error that a handler throws goes to `onError` and stops nothing else. Each `on…` returns a function that removes
 * the handler. A handler may call anything, including `disconnect`. Handlers are never called inside one another. If a
 * handler causes a further event, the handlers for that event are called after all handlers for the current one. After
 * `disconnect`, only the `onLeft` handlers of a room are called.
 *
 * `R` is the type of the server's rooms; see {@link Rooms}.
 */
export declare class DialogueClient<R extends RoomSet<R> = Rooms> {
  /**
   * Creates a client. It does nothing until `connect`, so a program may do this anywhere: in a module that a server
   * imports to render pages, too.
   */
  constructor(options?: ClientOptions);

  /** The id of the user, as authenticated by the server. Undefined before the first connection and after `disconnect`. */
  readonly userId: string | undefined;
  /** The id of the connection. Undefined without a connection. */
  readonly clientId: string | undefined;
  /** The fingerprint of the server's declarations. Generated types with another fingerprint are out of date. */
  readonly fingerprint: string | undefined;
  /** Whether `state` is `connected`. */
  readonly connected: boolean;
  readonly state: ConnectionState;
  /** The rooms that the client is in or will rejoin after a lost connection: the oldest handle of each. */
  readonly rooms: JoinedRoom<R[keyof R & string]>[];

  /**
   * Connects and signs in. While the server cannot be reached, or cannot sign the client in, the client keeps trying,
   * and reports each failed attempt to `onError`. In `waiting`, the next attempt is made at once. After the server has
   * closed the connection for good, this call connects again and rejoins the rooms.
   *
   * Rejects with a {@link DialogueError} if the server refuses this client (`UNAUTHENTICATED`, `CLOSED`), if
   * `disconnect` is called (`DISCONNECTED`), or with `retry: false` after the first failed attempt (`CONNECT_FAILED`).
   * Calls at the same time return the same promise; the `retry` of the latest counts.
   */
  connect(options?: ConnectOptions): Promise<void>;

  /**
   * Tells the client that the network may be back, or that the machine may have been asleep. In `waiting`, the next
   * attempt is made at once. A connection is tested, and replaced unless the server answers within 2 s. The client acts
   * on this at most once a second.
   *
   * In browsers, the client does this by itself: when the network is back, when the page is shown again, and when a
   * timer shows that the machine was asleep. Call it where the environment has other signs, such as `AppState` in React
   * Native.
   */
  wake(): void;

  /**
   * Leaves every room and closes the connection. Requests that wait for an answer are rejected with `DISCONNECTED`, and
   * triggers that were sent with `OUTCOME_UNKNOWN`.
   */
  disconnect(): void;

  /**
   * Joins a room. Each call returns a handle of its own, for one part of the program: it has its own handlers, its own
   * history and its own `leave`. The client leaves the room when the last of these handles has left. A call in a room
   * that the client is already in sends a join, too, so that `onHistory` is called for the new handle. Calls at the same
   * time share one request.
   *
   * `subscriptions` are the events that the client receives; `"*"` means all. Without them, the room's default
   * subscriptions apply. The handles of a room share its subscriptions: if there is another handle, a call adds to the
   * subscriptions and takes none away. A call waits for an earlier one with other subscriptions.
   *
   * A join is not repeated after an error. Rejects with `ROOM_NOT_FOUND`, `ROOM_FULL`, `JOIN_DENIED`,
   * `EVENT_NOT_ALLOWED`, `LIMIT_EXCEEDED`, `UNAVAILABLE`.
   */
  join<Id extends keyof R & string>(
    id: Id,
    options?: { subscriptions?: readonly ("*" | (keyof R[Id]["events"] & string))[] | undefined },
  ): Promise<JoinedRoom<R[Id]>>;

  /** The oldest handle of the room with this id that has not left, if the client is in the room. */
  getRoom<Id extends keyof R & string>(id: Id): JoinedRoom<R[Id]> | undefined;

  /** The rooms that the server lists, at most `limit` (default: 10,000). */
  listRooms(options?: { limit?: number | undefined }): Promise<RoomInfo[]>;

  /**
   * Creates a room, if the server allows clients to do so. The client does not join it.
   *
   * Rejects with `ROOM_EXISTS`, `PERMISSION_DENIED`, `LIMIT_EXCEEDED`. The request is not sent again after a lost
   * connection.
   */
  createRoom(
    id: keyof R & string,
    options?: { name?: string | undefined; description?: string | undefined; maxSize?: number | undefined },
  ): Promise<RoomInfo>;

  /**
   * Deletes a room that this user created.
   *
   * Rejects with `ROOM_NOT_FOUND`, `PERMISSION_DENIED`. The request is not sent again after a lost connection.
   */
  deleteRoom(id: keyof R & string): Promise<void>;

  /** Called for the first connection and after each reconnect, before the rooms are rejoined. */
  onConnect(handler: (connected: Connected) => void): Unsubscribe;
  /** Called when a connection has ended. */
  onDisconnect(handler: (disconnected: Disconnected) => void): Unsubscribe;
  /** Called at each change of `state`. */
  onStateChange(handler: (change: StateChange) => void): Unsubscribe;
  /**
   * Called with errors that do not answer a request: a failed attempt to connect (`CONNECT_FAILED`), an error that a
   * handler threw, events that a room without handlers dropped (`MISSED`), a token that could not be renewed, or an error
   * that the server pushed. If the server joins the client to a room and the client cannot restore its earlier
   * subscriptions there, that error comes here, too. Without a handler, errors go to the global `reportError` or the
   * console, and failed attempts are a line in the console.
   */
  onError(handler: (error: unknown) => void): Unsubscribe;
  /**
   * Called for each room that the client has entered, by `join` or because the server joined it to the room: with the
   * first handle. Further handles of the room are not reported. A room that the server joined has only this handle.
   *
   * The client keeps nothing for handlers of its own that are attached late: attach them before `connect`.
   */
  onJoined(handler: (room: JoinedRoom<R[keyof R & string]>) => void): Unsubscribe;
  /** Called when a room has been created, by this client or anyone else. */
  onRoomCreated(handler: (room: RoomInfo) => void): Unsubscribe;
  /** Called when a room has been deleted, by this client or anyone else. */
  onRoomDeleted(handler: (room: { roomId: string }) => void): Unsubscribe;
  /**
   * Called with a room's latest events when the client has entered it and after a gap: `JoinedRoom.onHistory` for all
   * rooms, once for each room however many handles it has.
   */
  onHistory(handler: (history: RoomHistory<R[keyof R & string]>) => void): Unsubscribe;
  /** Called with each event that the server sends outside any room, to this client or to all clients. */
  onDirect(handler: (direct: { event: string; data: unknown }) => void): Unsubscribe;
}

/**
 * A handle of a room that the client is in. It remains valid after a reconnect. When its state is `left`, it is of no
 * further use, and a new `join` gives a new handle.
 *
 * Handlers may be attached late, as by a component that renders later. Until the first one is attached, the handle
 * keeps what its handlers would receive, at most 600 events and 1 MiB. Beyond that, the oldest are dropped, and `onError`
 * receives `MISSED` once. For 5 s after the first handler, the handle keeps what no handler has received, for further
 * handlers. Kept items are delivered in order, in a task of their own: handlers that are attached together receive them
 * together.
 *
 * Clients and handles work behind proxies, such as those of `ref` and `reactive` in Vue.
 */
export interface JoinedRoom<T extends { triggers: object; events: object } = RoomTypes> {
  readonly id: string;
  /** The room's name for people. */
  readonly name: string;
  /**
   * `joined`; `rejoining` while the connection is lost and until the client's own rejoin is answered; or `left`, when
   * this handle has left or the client is no longer in the room.
   */
  readonly state: "joined" | "rejoining" | "left";
  /** The events that the client receives, or in `rejoining` the events that it asks for again. A wildcard `"*"` is first. */
  readonly subscriptions: readonly string[];
  /** The incarnation of the room that `seq` counts in. It changes when the room is created again or the server restarts. */
  readonly epoch: string;
  /** The client has received everything for it up to this number. */
  readonly seq: number;

  /**
   * Triggers an event. Resolves when the server has passed the event on to all, and rejects with the server's error,
   * including its `violations`. A payload of `null` can be omitted.
   *
   * The client sends at most four fifths of the frames that the server permits. A trigger beyond that waits for its turn.
   *
   * If the connection is lost before the answer, the trigger waits. After the rejoin, it is sent again with the same
   * `key`, marked as a repetition, so that the server does not pass the event on twice. The trigger is rejected with
   * `OUTCOME_UNKNOWN` if its outcome is unknown:
   *
   * - the room has another `epoch` than when the trigger was first sent, so the server may have forgotten the key;
   * - the user has changed, `timeout` is over, the client has stopped, or the trigger is `volatile`;
   * - the client is no longer in the room when it would send the trigger again. The error's `cause` says why;
   * - the server cannot tell whether it carried out the first attempt (its own `OUTCOME_UNKNOWN`), or refuses the
   *   repetition before it looks up the key (`ROOM_NOT_FOUND`). The refusal is the `cause`.
   *
   * The event may or may not have been delivered then. If it must not happen twice, do not trigger it again. A trigger that
   * is made without a connection waits in the same way. It was not sent before, so it is rejected with the server's own
   * error, or with `DISCONNECTED`.
   *
   * Rejects with `VALIDATION_FAILED`, `EVENT_NOT_ALLOWED`, `PERMISSION_DENIED`, `BLOCKED`, `LIMIT_EXCEEDED`,
   * `NOT_IN_ROOM`, `UNAVAILABLE`, `OVERLOADED`. `RATE_LIMITED` means that the server has not run the trigger: the client
   * repeats it after `retryAfter`, and rejects with it only when `timeout` is over.
   *
   * `UNAVAILABLE` means "not now": the server's store or a hook has failed. The client repeats the trigger with the same
   * `key`, after `retryAfter` and a random wait that grows up to a minute, until there is another answer. The room's later
   * triggers wait until it is sent again, unless they are `volatile`. `leave` does not wait: what waits is sent once more
   * before it. The trigger is rejected with the last `UNAVAILABLE` when `timeout` is over, when the client is no longer
   * in the room, or when the trigger cannot be repeated for a reason above. Such a trigger may have been carried out, as
   * after `OUTCOME_UNKNOWN` and `TIMEOUT`. A `volatile` trigger is rejected with `UNAVAILABLE` at once, and was not carried
   * out.
   */
  trigger<E extends keyof T["triggers"] & string>(
    event: E,
    ...payload: Payload<T["triggers"][E], [options?: TriggerOptions | undefined]>
  ): Promise<Triggered>;

  /**
   * Calls the handler once with each event of this name, in order, including the events that were missed while the
   * connection was lost. The client receives only the events that it is subscribed to.
   */
  on<E extends keyof T["events"] & string>(event: E, handler: (message: EventMessage<T["events"][E], E>) => void): Unsubscribe;
  /** The same for every event. */
  onAny(handler: (message: AnyEventMessage<T>) => void): Unsubscribe;
  /**
   * Called with the room's latest events to begin with: once after the join that gave this handle, and with `gap` when
   * some missed events could not be recovered. After the join, the list is empty unless the room sends its history to
   * clients that join. The handler is not called for the joins of other handles, or when the server joins the client to
   * a room that it is already in.
   */
  onHistory(handler: (history: RoomHistory<T>) => void): Unsubscribe;
  /**
   * Called when the data of an event was erased: remove it from what you keep and show. It is called after the handlers
   * for the event. Without `message`, the client may have received the event, or not: then there is nothing to do. With
   * `message`, the event is one of those that the client missed, or that the room sends to a client that joins, and takes
   * their place among the events. Neither `on` nor `onHistory` receives an erased event.
   *
   * A client that was away when an event was erased that it had received before learns of it only from `getHistory`. A
   * client that the server has joined to the room learns of erasures after its own `join`.
   */
  onErased(handler: (erasure: Erasure<keyof T["events"] & string>) => void): Unsubscribe;
  /**
   * Called when the room is rejoined after a lost connection, after the handlers for the missed events. `recovered` is
   * false if some of them could not be recovered; then `onHistory` has been called with `gap`. If the server joins its
   * clients to the room when they connect, that join counts as the rejoin. The client's own join after it is reported,
   * too, only if it adds subscriptions and some events for them were missed.
   */
  onRecovered(handler: (recovery: { recovered: boolean }) => void): Unsubscribe;
  /**
   * Called once when this handle has left or the client is no longer in the room. `reason` is undefined after `leave`
   * and `disconnect`. It is `removed`, `roomDeleted`, `denied` or `revoked` if the server removed the client, or the
   * error code of a failed rejoin.
   */
  onLeft(handler: (left: { reason: string | undefined }) => void): Unsubscribe;

  /** Subscribes to an event from now on. Rejects with `EVENT_NOT_ALLOWED`, `LIMIT_EXCEEDED`, `NOT_IN_ROOM`. */
  subscribe(event: keyof T["events"] & string): Promise<void>;
  /** Subscribes to every event from now on. Rejects like `subscribe`. */
  subscribeAll(): Promise<void>;
  /** Unsubscribes from an event, also after a reconnect. With the wildcard, all others remain. Rejects like `subscribe`. */
  unsubscribe(event: keyof T["events"] & string): Promise<void>;

  /**
   * Past events of one name, newest first, at most 100 per page. To read everything, call `getHistory(event)`, and then
   * `getHistory(event, page.next)` while there is a `next`. That also continues after a lost connection and after a restart
   * of the server. While new events arrive, it skips and repeats none.
   *
   * A page has the events `before` a number, at most `limit` (default 50). Without `before`, it goes by position, from `start`
   * (default 0, the newest) to before `end` (default 50), within the events that the server has in memory or that the
   * application loads.
   *
   * An event that was erased is an {@link ErasedEvent}, without data.
   *
   * Rejects with `EVENT_NOT_ALLOWED`, `NOT_IN_ROOM`, `UNAVAILABLE`.
   */
  getHistory<E extends keyof T["events"] & string>(
    event: E,
    range?: HistoryRange,
  ): Promise<HistoryPage<EventMessage<T["events"][E], E> | ErasedEvent<E>>>;
  getHistory<E extends keyof T["events"] & string>(
    event: E,
    start: number,
    end?: number,
  ): Promise<HistoryPage<EventMessage<T["events"][E], E> | ErasedEvent<E>>>;

  /**
   * Leaves with this handle. Its handlers are removed at once, and `onLeft` is called. Later requests with this handle
   * are rejected with `NOT_IN_ROOM`. Other handles of the room are not affected.
   *
   * With the last handle, the client leaves the room, unless a join of the room is still unanswered. If the server cannot
   * carry out the leave now, the client tries again. Resolves when that has succeeded, the connection is lost, or the
   * program has joined the room again; at once for other handles. Never rejects. A second call has no further effect.
   */
  leave(): Promise<void>;
}

export {};
