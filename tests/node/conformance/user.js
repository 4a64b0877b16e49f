// The user's side of a script, for `DialogueClient` of client.js: makes the calls, and notes what the user sees in the
// form that docs/conformance/README.md defines.

/** What this client reports differently from the suite. */
const CODES = { LIMIT_EXCEEDED: "TOO_LARGE" }; // when the client refuses a message itself

export class User {
  #report;
  #client;
  #rooms = new Map(); // by the name of the room and the handle
  #entered = new Set(); // the handles whose items the user sees
  #own = new Set(); // the rooms that the user is creating or deleting: their announcements count as the results
  #isDisconnecting = false;

  /**
   * `Client` is the class to test, `options` are further options for it, such as `WebSocket`, and `sees` receives what
   * the user sees.
   */
  constructor(Client, { credentials = [{ token: "t1" }], timeout, maxPending }, { sees, ...options }) {
    this.#report = sees;
    const left = [...credentials];
    const auth = () => (left.length > 1 ? left.shift() : left[0]);
    this.#client = new Client({ url: "http://fake/dialogue/ws", auth, timeout, maxPending, ...options });
    const client = this.#client;
    client.onConnect(({ userId }) => this.#sees({ connected: { userId } }));
    client.onDisconnect(({ code, willReconnect }) => this.#sees({ disconnected: { code, reconnects: willReconnect } }));
    client.onStateChange(({ state, code, error }) => {
      if (state !== "closed") return;
      if (!error) this.#sees({ closed: {} });
      else this.#sees({ closed: code === 1006 ? { refused: error.code } : { code } });
    });
    client.onError((error) => client.connected && this.#sees({ error: { code: error.code } }));
    client.onJoined((room) => this.#isEntered(room));
    client.onRoomCreated((room) => this.#own.delete(room.id) || this.#sees({ roomCreated: { room } }));
    client.onRoomDeleted(({ roomId }) => this.#own.delete(roomId) || this.#sees({ roomDeleted: { roomId } }));
    client.onDirect((direct) => this.#sees({ direct }));
  }

  call({ method, as = method, ...rest }) {
    const calling = this.#calls(method, rest);
    if (method === "disconnect" || method === "wake") return;
    calling.then(
      (ok) => this.#sees({ result: as, ok: ok ?? null }),
      ({ code, retryAfter, violations, data, roomId }) => {
        const isOwn = code in CODES && roomId === undefined;
        const details = {
          ...(retryAfter !== undefined && { retryAfter }),
          ...(violations?.length > 0 && { violations }),
          ...(data !== undefined && { data }),
        };
        this.#sees({ result: as, fails: isOwn ? CODES[code] : code, ...details });
      },
    );
  }

  async #calls(method, { roomId, handle, event, data, meta, key, volatile, subscriptions, room, ...page }) {
    const client = this.#client;
    const joined = this.#rooms.get(nameOf(roomId, handle));
    switch (method) {
      case "connect":
        return client.connect();
      case "disconnect":
        this.#isDisconnecting = true;
        client.disconnect();
        this.#isDisconnecting = false;
        return undefined;
      case "wake":
        return client.wake();
      case "join":
        return { subscriptions: this.#enters(await client.join(roomId, { subscriptions }), handle).subscriptions.sort() };
      case "listRooms":
        return client.listRooms();
      case "createRoom": {
        const { id, ...options } = room;
        this.#own.add(id);
        return client.createRoom(id, options);
      }
      case "deleteRoom":
        this.#own.add(roomId);
        return client.deleteRoom(roomId);
      case "trigger":
        return joined.trigger(event, data, { meta, key, volatile });
      case "history":
        return readPages(joined, event, page);
      case "subscribe":
      case "unsubscribe":
        return joined[method](event);
      case "subscribeAll":
      case "leave":
        return joined[method]();
      default:
        throw new Error(`unknown method ${method}`);
    }
  }

  /** A handle that no call of the user has given by now is from the server, and has no name. */
  async #isEntered(room) {
    for (let turn = 0; turn < 10; turn += 1) await undefined; // until the call that waits for the handle has it
    this.#enters(room);
  }

  #enters(room, handle) {
    const roomId = room.id;
    this.#rooms.set(nameOf(roomId, handle), room);
    if (this.#entered.has(room)) return room;
    this.#entered.add(room);
    const sees = (item) => this.#sees({ ...item, ...(handle !== undefined && { handle }) });
    sees({ joined: { roomId } });
    room.onHistory(({ events, gap }) => {
      if (gap) sees({ gap: { roomId } });
      for (const event of events) sees({ event });
    });
    room.onAny((event) => sees({ event }));
    room.onErased?.(({ seq }) => sees({ erased: { roomId, seq } })); // the old client has none
    room.onRecovered(({ recovered }) => sees({ recovered: { roomId, complete: recovered } }));
    room.onLeft(({ reason }) => this.#isDisconnecting || sees({ left: { roomId, ...(reason && { reason }) } }));
    return room;
  }

  #sees(item) {
    this.#report(JSON.parse(JSON.stringify(item))); // as it is now, and without absent fields
  }
}

/** Reads a page of history. With `pagesBack`, also as many older pages as the client says that there are. */
async function readPages(joined, event, { pagesBack, ...range }) {
  const pages = [];
  for (let next = range; next && pages.length <= (pagesBack ?? 0); ) {
    const { next: older, ...page } = await joined.getHistory(event, next);
    pages.push(page);
    next = older && { ...older, limit: range.limit };
  }
  return pagesBack === undefined ? pages[0] : pages;
}

const nameOf = (roomId, handle = "") => `${roomId} ${handle}`;
