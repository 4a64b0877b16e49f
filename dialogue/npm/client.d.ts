/**
 * Dialogue's client for browsers and Node: typed rooms over a connection that comes back by itself.
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

/** What one room is about: the payloads by the names of the events. */
export interface RoomTypes {
  /** What a client may trigger. */
  triggers: Record<string, unknown>;
  /** What a client may hear; what only the server triggers is here, too. */
  events: Record<string, unknown>;
}

// <rooms>
/**
 * The rooms by their ids. Here, where the server is not known, every id is a room in which anything can happen; the
 * `client.d.ts` that a server gives out has its own rooms in this place.
 */
export interface Rooms {
  [id: string]: RoomTypes;
}
// </rooms>

/** Rooms of which nothing is known, for `DialogueClient<AnyRooms>`: ids that only the running program knows. */
export interface AnyRooms {
  [id: string]: RoomTypes;
}

/** Rooms as `DialogueClient` takes them: each has payloads for what is triggered and for what is heard. */
export type RoomSet<R> = { [Id in keyof R]: { triggers: object; events: object } };

/** A user's token, a name: whatever the server signs users in with. It is sent as JSON. */
export type Auth = unknown;

/** The part of the standard's WebSocket that the client needs; the class of the package `ws` has it, too. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** How a client is set up. Durations are in milliseconds. */
export interface ClientOptions {
  /**
   * Where the server's socket is: `ws:`, `wss:`, or `http:` and `https:`, which mean the same; in a browser, relative to the
   * page. Default, on the page's origin: the path at which the server has it that gave this module out, or `/dialogue/ws` if
   * the module is the package's. Outside browsers there is no default. Name it where a proxy gives the server another path,
   * or where the router is nested in another.
   */
  url?: string | URL;
  /**
   * What the server signs the user in with, or a function that gives it, at once or as a promise. The function is called
   * for each connection and before a session expires, so that it can give a fresh token. If it fails, that is reported to
   * `onError`, and tried again as a lost connection is; unless it throws a `DialogueError` with the code `UNAUTHENTICATED`,
   * which means that there is nothing to sign in with: then the client closes.
   */
  auth?: Auth | (() => Auth | Promise<Auth>);
  /** The class of the socket. Default: the global `WebSocket`; Node before 22 has none: pass the one of the package `ws`. */
  WebSocket?: new (url: string) => WebSocketLike;
  /**
   * How long a request may take before it is rejected, waiting for a lost connection included. Default: 60,000, which is
   * also the most.
   */
  timeout?: number;
  /**
   * How many requests may be waiting for their answers at a time; those beyond are rejected with `OVERLOADED`. Default: 96.
   */
  maxPending?: number;
}

/**
 * Where the connection stands.
 *
 * - `closed`: there is none, and no attempt is made until `connect` is called;
 * - `connecting`: one is being made;
 * - `connected`: it is there, and the user is signed in;
 * - `waiting`: it is lost, and the next attempt is to come.
 */
export type ConnectionState = "closed" | "connecting" | "connected" | "waiting";

/** A change of the connection's state. */
export interface StateChange {
  state: ConnectionState;
  /** In `waiting`: milliseconds until the next attempt. */
  delay?: number;
  /** In `waiting` and `closed`: the close code, 1006 if none came. */
  code?: number;
  /** In `closed`, unless `disconnect` was called: why no attempt is made any more. */
  error?: DialogueError;
}

/** Who one is on a connection. */
export interface Connected {
  /** The user, as the server's authentication says. */
  userId: string;
  /** This connection; the next one has another. */
  clientId: string;
  /** Whether there was a connection before, since `connect` was called. */
  again: boolean;
}

/** How a connection ended. */
export interface Disconnected {
  /** The close code; 1006 if none came, 1000 after `disconnect`. */
  code: number;
  /** What the server said about it; may be empty. */
  reason: string;
  /** Whether the client tries again by itself. */
  willReconnect: boolean;
}

/** What is known of a room from outside. */
export interface RoomInfo {
  id: string;
  name: string;
  description?: string;
  /** How many clients are in it. */
  size: number;
  /** How many can be. Absent: no bound of its own. */
  maxSize?: number;
  /** The user who created it. */
  createdById?: string;
}

/** An event, with everything that is known of it. */
export interface EventMessage<Data = unknown, Name extends string = string> {
  event: Name;
  roomId: string;
  data: Data;
  /** The user who triggered it; `"system"` is the server. */
  from: string;
  /** When the server accepted it: milliseconds since the Unix epoch. Order is told by `seq`, not by this. */
  timestamp: number;
  /** What the sender attached. */
  meta?: Record<string, unknown>;
  /** Its number in the room. Absent for events that the room does not keep. */
  seq?: number;
}

/** Any event of a room: a union that `event` tells apart. */
export type AnyEventMessage<T extends { events: object }> = {
  [E in keyof T["events"] & string]: EventMessage<T["events"][E], E>;
}[keyof T["events"] & string];

/** Where what one knows of a room begins. */
export interface RoomHistory<T extends { triggers: object; events: object } = RoomTypes> {
  room: JoinedRoom<T>;
  roomId: string;
  /** The latest events, oldest first, as many as the room shows to those who join. */
  events: AnyEventMessage<T>[];
  /**
   * Whether something was missed: events between what was heard before and `events` may be lost, and some of `events` may
   * have been heard before. Throw away what you had, or tell the user. False after a first join.
   */
  gap: boolean;
}

/** Something wrong with an event's payload. */
export interface Violation {
  /** Where: a JSON Pointer into the payload. */
  path: string;
  /** The keyword of the schema that is not satisfied. */
  rule: string;
  /** For people. */
  message: string;
}

/** What a page of history is asked by: either the events before a number, or places, 0 being the newest. */
export type HistoryRange =
  | { before: number; limit?: number; start?: never; end?: never }
  | { start?: number; end?: number; before?: never; limit?: never };

/** Past events of one name. */
export interface HistoryPage<Message = EventMessage> {
  /** Newest first. */
  events: Message[];
  /** Whether there are older ones. */
  more: boolean;
}

/** How an event is triggered. */
export interface TriggerOptions {
  /** What travels beside the payload; the server passes it on as it is. */
  meta?: Record<string, unknown>;
  /**
   * Names this trigger, so that the server knows a repetition of it: 1 to 128 bytes. Default: a new random one. Give your own
   * to repeat a trigger yourself, such as after a reload of the page.
   */
  key?: string;
  /**
   * Whether it is only worth sending now. If so, it is rejected where there is no connection, and never repeated: for "is
   * typing" and the like. Default: false.
   */
  volatile?: boolean;
}

/** What came of a trigger. */
export interface Triggered {
  /** The event's number in the room, if the room keeps events of this kind. */
  seq?: number;
}

/** Whether a payload may be left out: where null is one. */
type Payload<Data, Rest extends unknown[]> = null extends Data ? [data?: Data, ...rest: Rest] : [data: Data, ...rest: Rest];

/** Ends the calls of a handler. */
export type Unsubscribe = () => void;

/**
 * What came in place of an answer: the server's error, or that there was none.
 *
 * `code` is one of the protocol's error codes (`VALIDATION_FAILED`, `NOT_IN_ROOM`, `RATE_LIMITED`, …), or of the client's own:
 *
 * - `DISCONNECTED`: there is no connection, or it was lost before the answer. What was asked for may have been done;
 * - `TIMEOUT`: the answer did not come in time. What was asked for may have been done; a room that is joined too late is left
 *   again, unless it has been asked for anew;
 * - `OVERLOADED`: `maxPending` requests are waiting already. Nothing was sent;
 * - `CLOSED`: the server closed the connection for good; `closeCode` says how.
 */
export declare class DialogueError extends Error {
  constructor(error: {
    code: string;
    message: string;
    violations?: Violation[];
    retryAfter?: number;
    roomId?: string;
    event?: string;
    closeCode?: number;
    cause?: unknown;
  });
  readonly code: string;
  /** What is wrong with the payload, if `code` is `VALIDATION_FAILED`; otherwise empty. */
  readonly violations: readonly Violation[];
  /** How many milliseconds to wait before trying again. */
  readonly retryAfter?: number;
  /** The room that the request was about. */
  readonly roomId?: string;
  /** The event that the request was about. */
  readonly event?: string;
  /** The close code, if the connection was closed. */
  readonly closeCode?: number;
}

/**
 * A client of a Dialogue server.
 *
 * A lost connection is made again by itself, after a random wait that doubles with each attempt, and every joined room is
 * joined again at the place where it was left. What was asked for meanwhile is sent then; see `JoinedRoom.trigger`.
 *
 * What a handler throws goes to `onError`, and stops nothing. Each `on…` returns the function that ends it. A handler may call
 * anything, `disconnect` included: handlers are not called within each other, but what one brings about is told when all have
 * been told what it was called for. After `disconnect`, of a room nothing more is told but that it is left.
 *
 * `R` is the rooms that there are; see {@link Rooms}.
 */
export declare class DialogueClient<R extends RoomSet<R> = Rooms> {
  /** @throws TypeError if there is no WebSocket, or no url where there is no page. */
  constructor(options?: ClientOptions);

  /** The user that the server knows this client as. Undefined before the first connection and after `disconnect`. */
  readonly userId: string | undefined;
  /** The connection's id. Undefined without a connection. */
  readonly clientId: string | undefined;
  /** The fingerprint of the server's declarations: generated types with another are out of date. */
  readonly fingerprint: string | undefined;
  /** Whether `state` is `connected`. */
  readonly connected: boolean;
  readonly state: ConnectionState;
  /** The rooms that the client is in, or will be again when the connection is back. */
  readonly rooms: JoinedRoom<R[keyof R & string]>[];

  /**
   * Connects and signs in; while the server cannot be reached, it goes on trying. In `waiting`, the next attempt is made
   * at once. After the server has closed for good, this starts again, and goes on in the rooms that there were.
   *
   * Rejects with a {@link DialogueError} if the server does not want this client (`UNAUTHENTICATED`, `CLOSED`), or on
   * `disconnect`.
   */
  connect(): Promise<void>;

  /** Leaves every room and closes. What is waiting for an answer is rejected with `DISCONNECTED`. */
  disconnect(): void;

  /**
   * Joins a room. With `subscriptions`, these are the events that one hears, `"*"` meaning all; otherwise the room's default.
   * For a room that one is in, only they change.
   *
   * Joins of one room that are made while it is being joined come to the same room. With the same subscriptions as the one
   * before, or with none, they are one join, and `onHistory` is told to who has awaited any of them; with others, they follow
   * it as for a room that one is in.
   *
   * Rejects with `ROOM_NOT_FOUND`, `ROOM_FULL`, `JOIN_DENIED`, `EVENT_NOT_ALLOWED`, `LIMIT_EXCEEDED`.
   */
  join<Id extends keyof R & string>(
    id: Id,
    options?: { subscriptions?: readonly ("*" | (keyof R[Id]["events"] & string))[] },
  ): Promise<JoinedRoom<R[Id]>>;

  /** The room of this id, if the client is in it. */
  getRoom<Id extends keyof R & string>(id: Id): JoinedRoom<R[Id]> | undefined;

  /** What rooms there are, as far as the server lists them, at most `limit` (default: 10,000). */
  listRooms(options?: { limit?: number }): Promise<RoomInfo[]>;

  /**
   * Creates a room, where the server lets clients; it does not join it.
   *
   * Rejects with `ROOM_EXISTS`, `PERMISSION_DENIED`, `LIMIT_EXCEEDED`. It is not repeated after a lost connection.
   */
  createRoom(
    id: keyof R & string,
    options?: { name?: string; description?: string; maxSize?: number },
  ): Promise<RoomInfo>;

  /**
   * Deletes a room that this user created.
   *
   * Rejects with `ROOM_NOT_FOUND`, `PERMISSION_DENIED`. It is not repeated after a lost connection.
   */
  deleteRoom(id: keyof R & string): Promise<void>;

  /** Called for each connection, the first and those after a loss, before the rooms are back. */
  onConnect(handler: (connected: Connected) => void): Unsubscribe;
  /** Called when a connection has ended. */
  onDisconnect(handler: (disconnected: Disconnected) => void): Unsubscribe;
  /** Called at each change of `state`. */
  onStateChange(handler: (change: StateChange) => void): Unsubscribe;
  /**
   * Called with what went wrong and is nobody's answer: what a handler threw, a token that could not be renewed, an error
   * that the server pushed, or why the subscriptions of before could not be had again in a room that the server took one
   * into. Without a handler, it goes to the global `reportError` or the console.
   */
  onError(handler: (error: unknown) => void): Unsubscribe;
  /** Called for each room that the client has come into, by `join` or because the server took it in. */
  onJoined(handler: (room: JoinedRoom<R[keyof R & string]>) => void): Unsubscribe;
  /** Called when somebody has created a room, this client too. */
  onRoomCreated(handler: (room: RoomInfo) => void): Unsubscribe;
  /** Called when a room has been deleted, by this client too. */
  onRoomDeleted(handler: (room: { roomId: string }) => void): Unsubscribe;
  /** Called with a room's latest events after a first join, and after a gap. The same as `JoinedRoom.onHistory`, of all rooms. */
  onHistory(handler: (history: RoomHistory<R[keyof R & string]>) => void): Unsubscribe;
  /** Called with what the server sends to this client, or to all, outside any room. */
  onDirect(handler: (direct: { event: string; data: unknown }) => void): Unsubscribe;
}

/**
 * A room that the client is in. It stays the same object when the connection is lost and made again; after `left` it is of
 * no more use, and a new `join` gives a new one.
 */
export interface JoinedRoom<T extends { triggers: object; events: object } = RoomTypes> {
  readonly id: string;
  /** Its name for people. */
  readonly name: string;
  /** `joined`; `rejoining` while the connection is lost and until the client's own join of the room is answered; `left`. */
  readonly state: "joined" | "rejoining" | "left";
  /** The events that one hears, or in `rejoining` those that are asked for again; with the wildcard, `"*"` comes first. */
  readonly subscriptions: readonly string[];
  /** The incarnation of the room that `seq` counts in: another one after the room was made anew or the server restarted. */
  readonly epoch: string;
  /** The number up to which everything that was for this client has been heard. */
  readonly seq: number;

  /**
   * Triggers an event. Resolves when the server has sent it on to all, and rejects with its error, `violations` included.
   * A payload of `null` can be left out.
   *
   * If the connection is lost before the answer, the trigger waits, and is sent again with the same `key` when the room is
   * joined again: the server sends nothing on twice. It is rejected with `DISCONNECTED` where that would be a guess: the
   * room has lost its memory since it was first sent (another `epoch`), the user is another, `timeout` is over, or it is
   * `volatile`; or the repetition does not tell what came of it, since the room is left, or the server refuses it before it
   * looks at the key (`RATE_LIMITED`, `ROOM_NOT_FOUND`): then that is the error's `cause`. It may have been carried out, and only
   * under its own `key` is it safe to try again. A trigger made while there is no connection waits in the same way; it was
   * not sent before, and is rejected with what the server says.
   *
   * Rejects with `VALIDATION_FAILED`, `EVENT_NOT_ALLOWED`, `PERMISSION_DENIED`, `BLOCKED`, `LIMIT_EXCEEDED`, `NOT_IN_ROOM`,
   * `RATE_LIMITED`, `UNAVAILABLE`.
   */
  trigger<E extends keyof T["triggers"] & string>(
    event: E,
    ...payload: Payload<T["triggers"][E], [options?: TriggerOptions]>
  ): Promise<Triggered>;

  /**
   * Calls the handler with each event of this name, in order and each once; with those that were missed while the
   * connection was lost, too. One hears what one is subscribed to.
   */
  on<E extends keyof T["events"] & string>(event: E, handler: (message: EventMessage<T["events"][E], E>) => void): Unsubscribe;
  /** The same for every event. */
  onAny(handler: (message: AnyEventMessage<T>) => void): Unsubscribe;
  /**
   * Called with the room's latest events, where what one knows of it begins: once, after the join that led into the room (if
   * it shows its history to those who join; the list is empty otherwise), and, with `gap`, when some of what was missed could
   * not be had. To be taken by the server into a room that one is in is neither. Whoever joins a room later that one is in
   * already asks for `getHistory`.
   */
  onHistory(handler: (history: RoomHistory<T>) => void): Unsubscribe;
  /**
   * Called when the room is joined again after a lost connection, behind the events that were missed. `recovered` is
   * false if some of them could not be had; then `onHistory` has been called with `gap`. Where the server takes its clients
   * into the room by itself when they connect, that counts. The client's own join behind it is told, too, only if it hears
   * more, and some of that was missed.
   */
  onRecovered(handler: (recovery: { recovered: boolean }) => void): Unsubscribe;
  /**
   * Called once when the client is no longer in the room. `reason` is undefined after `leave` and `disconnect`; `removed`,
   * `roomDeleted`, `denied` or `revoked` if the server did it; or the error code with which the room could not be joined again.
   */
  onLeft(handler: (left: { reason: string | undefined }) => void): Unsubscribe;

  /** Hears an event from now on. Rejects with `EVENT_NOT_ALLOWED`, `LIMIT_EXCEEDED`, `NOT_IN_ROOM`. */
  subscribe(event: keyof T["events"] & string): Promise<void>;
  /** Hears every event from now on. Rejects as `subscribe`. */
  subscribeAll(): Promise<void>;
  /** Hears an event no longer, after a lost connection either. Under the wildcard all others remain. Rejects as `subscribe`. */
  unsubscribe(event: keyof T["events"] & string): Promise<void>;

  /**
   * Past events of one name, newest first: those `before` a number, at most `limit` (default 50), which skips and repeats
   * nothing while new ones come; or by place, from `start` (default 0, the newest) to before `end` (default 50). A page is at
   * most 100 events.
   *
   * Rejects with `EVENT_NOT_ALLOWED`, `NOT_IN_ROOM`, `UNAVAILABLE`.
   */
  getHistory<E extends keyof T["events"] & string>(
    event: E,
    range?: HistoryRange,
  ): Promise<HistoryPage<EventMessage<T["events"][E], E>>>;
  getHistory<E extends keyof T["events"] & string>(
    event: E,
    start: number,
    end?: number,
  ): Promise<HistoryPage<EventMessage<T["events"][E], E>>>;

  /**
   * Leaves the room, for all parts of a program that have joined it: a client is in a room once. What is asked for in it
   * afterwards is rejected with `NOT_IN_ROOM`.
   */
  leave(): Promise<void>;
}

export {};
