//! The events after a position, and the newest events.

use std::cmp::Reverse;

use rusqlite::Connection;

use super::rooms::{Incarnation, find};
use super::rows::{Head, RoomType, heads_since, newest_heads, room_types, top, with_bodies};
use crate::log::bounds::Budget;
use crate::log::durable::{PerType, RoomKey, Wanted};
use crate::log::sqlite::identity::Identity;
use crate::log::{LogBounds, Replay, StoredEvent};

/// All events of the wanted types with a number above `after`, up to `through`; `u64::MAX` stands for the last one.
pub(in crate::log::sqlite) fn since(
    connection: &Connection,
    identity: &Identity,
    room: &RoomKey,
    (after, through): (u64, u64),
    wanted: &Wanted,
    bounds: LogBounds,
) -> rusqlite::Result<Replay> {
    let (room, types) = match find(connection, identity, room)? {
        Incarnation::Stored(row) => (row, room_types(connection, row)?),
        Incarnation::Unstored => (0, Vec::new()),
        Incarnation::Gone => return Ok(Replay::Lost),
    };
    // The file lacks numbers that the runtime knows: somebody else has changed it.
    if through != u64::MAX && top(&types) < through {
        return Ok(Replay::Lost);
    }
    let mut budget = Budget::new(bounds);
    let mut due: Vec<Head> = Vec::new();
    for (kind, RoomType { row, name, mark, .. }) in types.iter().enumerate() {
        if !wanted(name) {
            continue;
        }
        if *mark > after {
            return Ok(Replay::Lost);
        }
        let limit = bounds.events.saturating_add(1);
        for head in heads_since(connection, room, (kind, *row), (after, through), limit)? {
            if !budget.spend_bytes(head.bytes) {
                return Ok(Replay::Lost);
            }
            due.push(head);
        }
    }
    due.sort_unstable_by_key(|head| head.seq);
    let events = with_bodies(connection, due, |head| &types[head.kind].name)?;
    Ok(Replay::Complete(events))
}

/// The newest events up to the number `through`, oldest first.
pub(in crate::log::sqlite) fn newest(
    connection: &Connection,
    identity: &Identity,
    room: &RoomKey,
    through: u64,
    per_type: &PerType,
    bounds: LogBounds,
) -> rusqlite::Result<Vec<StoredEvent>> {
    let Incarnation::Stored(room) = find(connection, identity, room)? else {
        return Ok(Vec::new());
    };
    let types = room_types(connection, room)?;
    let heads = newest_within(connection, room, &types, through, per_type, bounds)?;
    with_bodies(connection, heads, |head| &types[head.kind].name)
}

/// The newest events of each type, oldest first. If the bounds do not allow all of them, the oldest are left out.
pub(super) fn newest_within(
    connection: &Connection,
    room: i64,
    types: &[RoomType],
    through: u64,
    per_type: &PerType,
    bounds: LogBounds,
) -> rusqlite::Result<Vec<Head>> {
    let mut newest: Vec<Head> = Vec::new();
    for (kind, RoomType { row, name, .. }) in types.iter().enumerate() {
        let limit = per_type(name).min(bounds.events);
        if limit > 0 {
            newest.extend(newest_heads(connection, room, (kind, *row), through, limit)?);
        }
    }
    newest.sort_unstable_by_key(|head| Reverse(head.seq));
    let mut budget = Budget::new(bounds);
    let fitting = newest.iter().take_while(|head| budget.spend_bytes(head.bytes)).count();
    newest.truncate(fitting);
    newest.reverse();
    Ok(newest)
}
