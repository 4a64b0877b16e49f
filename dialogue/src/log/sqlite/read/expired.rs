//! The events that retention no longer keeps.

use rusqlite::{Connection, params};

use super::rows::{body, bytes, number, rows};
use crate::id::EventName;
use crate::log::bounds::Budget;
use crate::log::durable::{ExpiredEvent, Place, RoomKey};
use crate::log::sqlite::identity::Identity;
use crate::log::sqlite::settings::{Retention, RetentionPolicy};
use crate::log::{LogBounds, StoredEvent};

/// A row of `types`.
struct KeptType {
    row: i64,
    name: EventName,
    bytes: u64,
}

/// An event that may be too old.
struct Candidate {
    row: i64,
    at: i64,
    bytes: usize,
    /// The index of its type.
    kind: usize,
}

/// The oldest events that retention no longer keeps, in the order in which they were stored. At least one if there is
/// any, unless deleted rooms are still being removed. `now` is in milliseconds since 1970.
pub(in crate::log::sqlite) fn expired(
    connection: &Connection,
    identity: &Identity,
    policy: &RetentionPolicy,
    now: i64,
    bounds: LogBounds,
) -> rusqlite::Result<Vec<ExpiredEvent>> {
    // While deleted rooms still have rows, those count in `types`, but they are not what must go. And to pass over them would
    // cost as much as to remove them, which the writer is about to do.
    if has_deleted_rooms(connection)? {
        return Ok(Vec::new());
    }
    let types = kept_types(connection)?;
    let (own, shared): (Vec<KeptType>, Vec<KeptType>) =
        types.into_iter().partition(|kind| policy.own.contains_key(&*kind.name));
    let mut found = Vec::new();
    let shared = std::iter::once((policy.shared, shared));
    let own = own
        .into_iter()
        .filter_map(|kind| Some((*policy.own.get(&*kind.name)?, vec![kind])));
    for (retention, types) in shared.chain(own) {
        let left = LogBounds {
            events: bounds.events - found.len().min(bounds.events),
            ..bounds
        };
        for candidate in beyond(connection, retention, &types, now, left)? {
            let name = &types[candidate.kind].name;
            found.push((candidate, name.clone()));
        }
    }
    found.sort_unstable_by_key(|(candidate, _)| candidate.row);
    let mut budget = Budget::new(bounds);
    let mut expired = Vec::new();
    for (candidate, name) in found {
        if !budget.spend_bytes(candidate.bytes) && !expired.is_empty() {
            break;
        }
        expired.push(with_text(connection, identity, &candidate, name)?);
    }
    Ok(expired)
}

/// The oldest events of these types that are beyond their common retention.
fn beyond(
    connection: &Connection,
    retention: Retention,
    types: &[KeptType],
    now: i64,
    bounds: LogBounds,
) -> rusqlite::Result<Vec<Candidate>> {
    let kept: u64 = types.iter().map(|kind| kind.bytes).sum();
    let mut excess = retention.bytes.map_or(0, |most| kept.saturating_sub(most));
    let too_old = |at: i64| {
        let age = u128::try_from(now.saturating_sub(at)).unwrap_or(0);
        retention.age.is_some_and(|most| age > most.as_millis())
    };
    let limit = if excess > 0 || retention.age.is_some() {
        bounds.events.max(1)
    } else {
        0
    };
    let mut oldest = Vec::new();
    for (kind, KeptType { row, .. }) in types.iter().enumerate() {
        // Usually none of a type is too old: the first one says so.
        let may_go = match candidates(connection, kind, *row, limit.min(1))?.first() {
            Some(first) => excess > 0 || too_old(first.at),
            None => false,
        };
        if may_go {
            oldest.extend(candidates(connection, kind, *row, limit)?);
        }
    }
    oldest.sort_unstable_by_key(|candidate| candidate.row);
    oldest.truncate(limit);
    let beyond = oldest.into_iter().take_while(|candidate| {
        let goes = excess > 0 || too_old(candidate.at);
        excess = excess.saturating_sub(candidate.bytes as u64);
        goes
    });
    Ok(beyond.collect())
}

fn kept_types(connection: &Connection) -> rusqlite::Result<Vec<KeptType>> {
    let mut statement = connection.prepare_cached("SELECT id, name, bytes FROM types WHERE events > 0")?;
    let types = statement.query_map([], |row| {
        Ok(KeptType {
            row: row.get(0)?,
            name: row.get_ref(1)?.as_str()?.into(),
            bytes: number(row, 2)?,
        })
    })?;
    types.collect()
}

fn has_deleted_rooms(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM rooms WHERE name IS NULL)")?;
    statement.query_row([], |row| row.get(0))
}

/// The oldest events of a type.
fn candidates(connection: &Connection, kind: usize, kind_row: i64, limit: usize) -> rusqlite::Result<Vec<Candidate>> {
    let mut statement = connection.prepare_cached(
        "SELECT events.id, events.at, octet_length(events.body)
         FROM events INDEXED BY events_by_type CROSS JOIN rooms ON rooms.id = events.room
         WHERE events.type = ?1 AND rooms.name IS NOT NULL ORDER BY events.id LIMIT ?2",
    )?;
    let candidates = statement.query_map(params![kind_row, rows(limit)], |row| {
        Ok(Candidate {
            row: row.get(0)?,
            at: row.get(1)?,
            bytes: bytes(row, 2)?,
            kind,
        })
    })?;
    candidates.collect()
}

fn with_text(
    connection: &Connection,
    identity: &Identity,
    candidate: &Candidate,
    event: EventName,
) -> rusqlite::Result<ExpiredEvent> {
    let mut statement = connection.prepare_cached(
        "SELECT rooms.name, rooms.epoch, events.seq, events.body
         FROM events CROSS JOIN rooms ON rooms.id = events.room WHERE events.id = ?1",
    )?;
    statement.query_row([candidate.row], |row| {
        Ok(ExpiredEvent {
            place: Place::of_row(candidate.row),
            room: RoomKey {
                id: row.get_ref(0)?.as_str()?.into(),
                epoch: identity.epoch(row.get_ref(1)?.as_str()?),
            },
            event: StoredEvent {
                event,
                seq: Some(number(row, 2)?),
                body: body(row, 3)?,
            },
        })
    })
}
