//! The tables, and the two numbers in the file's header that say whose file it is.
//!
//! Users open the file with `sqlite3`, so the tables are documented: `docs/durability.md` follows the comments here.

/// `PRAGMA application_id`: says that the file belongs to Dialogue. The letters `Dial`.
pub(super) const APPLICATION_ID: i32 = 0x4469_616c;

/// `PRAGMA user_version`: the format of the tables. [`super::migrations`] brings older formats up to it.
pub(super) const FORMAT: i64 = 1;

/// Creates all tables of a new file.
pub(super) const CREATE: &str = "
-- About the file itself: exactly one row.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- 32 random bytes. First epochs and `resume` tokens are made with it. Keep it as secret as the events.
    secret BLOB NOT NULL,
    -- The second part of every epoch that a client sees. Another one makes every client's position invalid.
    generation TEXT NOT NULL,
    -- The operating system's boot id at the last start of a server. NULL if it has none.
    boot_id TEXT,
    -- The file's device, inode and time of birth (ns since 1970) at the last start. A copy differs. NULL if unknown.
    device INTEGER,
    inode INTEGER,
    born INTEGER,
    -- 1 after a shutdown that stored everything, 0 while a server has the file open.
    is_clean INTEGER NOT NULL,
    -- The durability of the last run: 'process' or 'power'.
    durability TEXT NOT NULL,
    -- Counts the starts.
    run INTEGER NOT NULL,
    -- When the last run began, in ms since 1970.
    opened_at INTEGER NOT NULL,
    -- The oldest run whose keys are still here. Ten minutes after a start, earlier runs are forgotten.
    oldest_run INTEGER NOT NULL DEFAULT 1,
    -- The last run in which too many keys were dropped to note whose they were. Normally NULL.
    keys_gap_run INTEGER,
    -- The clock of the file, as `events.at`, when it was noted last: every ten minutes and at the end.
    clock INTEGER,
    -- Empty. A server whose disk is full writes some bytes here, to learn when it works again.
    probe BLOB
) STRICT;

-- Rooms that have stored an event, that were created at run time, or that were deleted.
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    -- The room's id as clients know it, such as 'ticket-acme-7'. NULL if this incarnation was deleted, and its rows in
    -- other tables still have to be deleted.
    name TEXT UNIQUE,
    -- The room's own part of its epoch. Clients see `<epoch>.<meta.generation>`.
    epoch TEXT NOT NULL,
    -- 1 if it was created at run time. The following four columns are about such rooms.
    created INTEGER NOT NULL DEFAULT 0,
    -- Who created it: 'server', 'client' or 'anonymous'.
    creator TEXT,
    -- The user who created it.
    created_by TEXT,
    -- Whose share of rooms it takes.
    holder TEXT,
    -- The room's configuration, as JSON. NULL if the room is as declared.
    config TEXT,
    -- 1 if it was deleted, and stays deleted until it is created.
    deleted INTEGER NOT NULL DEFAULT 0,
    -- 1 if the id had an earlier incarnation. The row then stays when the room is deleted, so that the epoch does not
    -- return.
    reused INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The rooms that a server must know before the first client. The index has all that it reads of them.
CREATE INDEX rooms_indexed ON rooms (id, name, created, creator, holder, deleted)
    WHERE name IS NOT NULL AND (created = 1 OR deleted = 1);

-- The types of events, and how much is kept of each.
CREATE TABLE types (
    id INTEGER PRIMARY KEY,
    -- The event's name.
    name TEXT NOT NULL UNIQUE,
    -- The bytes of the bodies in `events`.
    bytes INTEGER NOT NULL DEFAULT 0,
    -- The number of rows in `events`.
    events INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The events with history, oldest first by `id`.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    -- `rooms.id`
    room INTEGER NOT NULL,
    -- `types.id`
    type INTEGER NOT NULL,
    -- The event's number in the room. The types of a room share its numbers.
    seq INTEGER NOT NULL,
    -- When the store received it, in ms since 1970, by the clock of the file. That clock follows the wall clock without
    -- jumps, at most a tenth faster or slower, while a server runs. Never decreases from row to row.
    at INTEGER NOT NULL,
    -- The user who sent it.
    sender TEXT NOT NULL,
    -- 1 if its data was erased.
    erased INTEGER NOT NULL DEFAULT 0,
    -- The frame that clients receive, as JSON: {\"type\":\"event\",...,\"seq\":7}
    body TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_by_number ON events (room, type, seq);

-- For retention, which deletes the oldest events of a type.
CREATE INDEX events_by_type ON events (type);

-- How far each type was deleted in a room: its highest deleted number. The room's last number is the highest of all
-- numbers in `events` and `marks`.
CREATE TABLE marks (
    room INTEGER NOT NULL,
    type INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, type)
) STRICT, WITHOUT ROWID;

-- The newest idempotency keys of this run and of the ones before.
CREATE TABLE keys (
    room INTEGER NOT NULL,
    -- The user who sent the event, and the key that identifies a repetition.
    user TEXT NOT NULL,
    key TEXT NOT NULL,
    -- The client id of the connection that sent it first.
    connection TEXT NOT NULL,
    -- The event's number.
    seq INTEGER NOT NULL,
    -- When it was stored, in ms of a clock that only advances while a server runs.
    at INTEGER NOT NULL,
    PRIMARY KEY (room, user, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_by_age ON keys (at);

-- The connections that have lost keys, because there were too many.
CREATE TABLE forgotten (
    -- A client id.
    connection TEXT NOT NULL PRIMARY KEY,
    -- `meta.run` at that time.
    run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The users that were revoked in this run and in the ones before, until earlier runs are forgotten.
CREATE TABLE revocations (
    user TEXT NOT NULL PRIMARY KEY,
    -- `meta.run` at that time.
    run INTEGER NOT NULL,
    -- The time in that run.
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";
