//! The newest events of a room, to begin its window with.

use rusqlite::{Connection, params};

use super::replay::newest_within;
use super::rooms::{Incarnation, find};
use super::rows::{RoomType, number, room_types, sql, top, with_bodies};
use crate::log::LogBounds;
use crate::log::durable::{PerType, RoomKey, StoredType, StoredWindow};
use crate::log::sqlite::identity::Identity;

/// The newest events of each type, and how far back each type goes.
pub(in crate::log::sqlite) fn window(
    connection: &Connection,
    identity: &Identity,
    room: &RoomKey,
    per_type: &PerType,
    bounds: LogBounds,
) -> rusqlite::Result<StoredWindow> {
    let Incarnation::Stored(room) = find(connection, identity, room)? else {
        return Ok(StoredWindow::default());
    };
    let types = room_types(connection, room)?;
    let top = top(&types);
    let mut heads = newest_within(connection, room, &types, top, per_type, bounds)?;
    // Stable, so that each type stays in the order of its numbers.
    heads.sort_by_key(|head| head.kind);
    let mut events = with_bodies(connection, heads, |head| &types[head.kind].name)?
        .into_iter()
        .peekable();
    let mut stored = Vec::with_capacity(types.len());
    for kind in types {
        let mut of_type = Vec::new();
        while let Some(event) = events.next_if(|event| event.event == kind.name) {
            of_type.push(event);
        }
        let oldest = of_type.first().and_then(|event| event.seq);
        let older = older(connection, room, &kind, oldest)?;
        stored.push(StoredType {
            mark: older.max(kind.mark),
            has_older: older > 0,
            event: kind.name,
            events: of_type,
        });
    }
    Ok(StoredWindow { top, types: stored })
}

/// The highest kept number of a type below `oldest`, or of all. 0 if there is none.
fn older(connection: &Connection, room: i64, kind: &RoomType, oldest: Option<u64>) -> rusqlite::Result<u64> {
    let Some(oldest) = oldest else {
        return Ok(kind.newest);
    };
    let mut statement = connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE room = ?1 AND type = ?2 AND seq < ?3")?;
    statement.query_row(params![room, kind.row, sql(oldest)], |row| number(row, 0))
}
