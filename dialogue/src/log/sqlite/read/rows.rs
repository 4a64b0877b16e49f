//! The rows of events: first only their numbers and sizes, then the texts of those that fit the bounds.

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, Row, params};

use crate::id::EventName;
use crate::log::StoredEvent;

/// A type that a room has used.
#[derive(Debug, Clone)]
pub(super) struct RoomType {
    pub(super) row: i64,
    pub(super) name: EventName,
    /// The highest number of this type that was deleted. 0 if none was.
    pub(super) mark: u64,
    /// The highest number of this type that is kept. 0 if none is.
    pub(super) newest: u64,
}

/// An event without its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Its row in `events`.
    pub(super) row: i64,
    pub(super) seq: u64,
    /// The bytes of its text.
    pub(super) bytes: usize,
    /// The index of its type in the list of [`room_types`].
    pub(super) kind: usize,
}

/// The types that a room has used. Each costs a few steps in an index, however many events there are.
pub(super) fn room_types(connection: &Connection, room: i64) -> rusqlite::Result<Vec<RoomType>> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE kept (type) AS (
             SELECT min(type) FROM events WHERE room = ?1
             UNION ALL
             SELECT (SELECT min(type) FROM events WHERE room = ?1 AND type > kept.type)
             FROM kept WHERE kept.type IS NOT NULL
         )
         SELECT types.id, types.name,
             coalesce((SELECT seq FROM marks WHERE room = ?1 AND type = types.id), 0),
             coalesce((SELECT max(seq) FROM events WHERE room = ?1 AND type = types.id), 0)
         FROM (
             SELECT type FROM kept WHERE type IS NOT NULL
             UNION SELECT type FROM marks WHERE room = ?1
         ) AS used
         CROSS JOIN types ON types.id = used.type
         ORDER BY types.id",
    )?;
    let types = statement.query_map([room], |row| {
        Ok(RoomType {
            row: row.get(0)?,
            name: row.get_ref(1)?.as_str()?.into(),
            mark: number(row, 2)?,
            newest: number(row, 3)?,
        })
    })?;
    types.collect()
}

/// The highest number that the room has used. 0 if it has used none.
pub(super) fn top(types: &[RoomType]) -> u64 {
    types.iter().map(|kind| kind.mark.max(kind.newest)).max().unwrap_or(0)
}

/// The newest events of a type up to the number `through`, newest first, at most `limit`.
pub(super) fn newest_heads(
    connection: &Connection,
    room: i64,
    (kind, kind_row): (usize, i64),
    through: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Head>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, seq, octet_length(body) FROM events WHERE room = ?1 AND type = ?2 AND seq <= ?3
         ORDER BY seq DESC LIMIT ?4",
    )?;
    let heads = statement.query_map(params![room, kind_row, sql(through), rows(limit)], |row| {
        head(row, kind)
    })?;
    heads.collect()
}

/// The events of a type with a number above `after`, up to `through`, oldest first, at most `limit`.
pub(super) fn heads_since(
    connection: &Connection,
    room: i64,
    (kind, kind_row): (usize, i64),
    (after, through): (u64, u64),
    limit: usize,
) -> rusqlite::Result<Vec<Head>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, seq, octet_length(body) FROM events WHERE room = ?1 AND type = ?2 AND seq > ?3 AND seq <= ?4
         ORDER BY seq LIMIT ?5",
    )?;
    let heads = statement.query_map(params![room, kind_row, sql(after), sql(through), rows(limit)], |row| {
        head(row, kind)
    })?;
    heads.collect()
}

/// Reads the texts of events.
pub(super) fn with_bodies<'a>(
    connection: &Connection,
    heads: impl IntoIterator<Item = Head>,
    name: impl Fn(Head) -> &'a EventName,
) -> rusqlite::Result<Vec<StoredEvent>> {
    let mut statement = connection.prepare_cached("SELECT body FROM events WHERE id = ?1")?;
    let heads = heads.into_iter();
    heads.map(|head| with_body(&mut statement, head, name(head))).collect()
}

fn with_body(statement: &mut CachedStatement<'_>, head: Head, name: &EventName) -> rusqlite::Result<StoredEvent> {
    let body = statement.query_row([head.row], |row| body(row, 0))?;
    Ok(StoredEvent {
        event: name.clone(),
        seq: Some(head.seq),
        body,
    })
}

/// A column with an event's text.
pub(super) fn body(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.get_ref(column)?.as_bytes()?))
}

/// A column with an event's number.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn head(row: &Row<'_>, kind: usize) -> rusqlite::Result<Head> {
    Ok(Head {
        row: row.get(0)?,
        seq: number(row, 1)?,
        bytes: bytes(row, 2)?,
        kind,
    })
}

/// A column with a number of bytes.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(column)?).unwrap_or(usize::MAX))
}

/// An event's number for SQL. No event has a number above the highest one of SQL.
pub(super) fn sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A number of rows for `LIMIT`.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
