//! Pages of one type's events.

use rusqlite::{Connection, OptionalExtension};

use super::rooms::{Incarnation, find};
use super::rows::{Head, newest_heads, with_bodies};
use crate::id::EventName;
use crate::log::LogBounds;
use crate::log::durable::RoomKey;
use crate::log::page::{LogPage, take_page};
use crate::log::sqlite::identity::Identity;

/// At most `limit` events of a type with numbers below `before`, newest first.
pub(in crate::log::sqlite) fn page(
    connection: &Connection,
    identity: &Identity,
    room: &RoomKey,
    event: &EventName,
    (before, limit): (u64, usize),
    bounds: LogBounds,
) -> rusqlite::Result<LogPage> {
    let Incarnation::Stored(room) = find(connection, identity, room)? else {
        return Ok(LogPage::default());
    };
    let mut statement = connection.prepare_cached("SELECT id FROM types WHERE name = ?1")?;
    let kind: Option<i64> = statement.query_row([event.as_str()], |row| row.get(0)).optional()?;
    let (Some(kind), Some(through)) = (kind, before.checked_sub(1)) else {
        return Ok(LogPage::default());
    };
    // A page has at least one event. One event more says whether there are older ones.
    let most = limit.min(bounds.events.max(1)).saturating_add(1);
    let heads = newest_heads(connection, room, (0, kind), through, most)?;
    let (heads, more) = take_page(heads.into_iter(), limit, bounds, |head: &Head| head.bytes);
    let events = with_bodies(connection, heads, |_| event)?;
    Ok(LogPage { events, more })
}
