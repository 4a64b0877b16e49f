// The types of client.js. What stands between the two marks below is replaced by the rooms of a server.

// <rooms>
/** Every room, and what may be triggered and heard in it. Not known here: any room, any event. */
export interface Rooms {
  [id: string]: RoomTypes;
}
// </rooms>

/** What may be triggered and heard in a room: event names and their payloads. */
export interface RoomTypes {
  triggers: Record<string, unknown>;
  events: Record<string, unknown>;
}

/** An event with what the server knows of it. */
export interface EventMessage<D = unknown> {
  readonly event: string;
  readonly roomId: string;
  readonly data: D;
  readonly from: string;
  readonly timestamp: number;
  readonly meta?: Record<string, unknown>;
  readonly seq?: number;
}

/** A room that one has joined. */
export interface Room<T extends RoomTypes = RoomTypes> {
  trigger<E extends keyof T["triggers"] & string>(event: E, data: T["triggers"][E]): Promise<void>;
  on<E extends keyof T["events"] & string>(event: E, handler: (message: EventMessage<T["events"][E]>) => void): () => void;
}

/** A connection to a server. */
export class DialogueClient<R = Rooms> {
  constructor(url: string);
  join<Id extends keyof R & string>(id: Id): Promise<R[Id] extends RoomTypes ? Room<R[Id]> : never>;
}
