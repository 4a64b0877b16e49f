//! The events of one user.

use rusqlite::{Connection, params};

use super::rows::{number, rows};
use crate::id::UserId;
use crate::log::durable::{ErasedPlace, Place, RoomKey, UserEvents};
use crate::log::sqlite::identity::Identity;

/// The events of a user that are not erased, in the order in which they were stored: those after the place `after`, at most
/// `limit`. Reads all events, because erasing is rare, and an index would cost with every event.
pub(in crate::log::sqlite) fn events_of(
    connection: &Connection,
    identity: &Identity,
    user: &UserId,
    after: Option<&Place>,
    limit: usize,
) -> rusqlite::Result<UserEvents> {
    let after = after.and_then(Place::row).unwrap_or(0);
    let mut statement = connection.prepare_cached(
        "SELECT events.id, rooms.name, rooms.epoch, types.name, events.seq
         FROM events CROSS JOIN rooms ON rooms.id = events.room CROSS JOIN types ON types.id = events.type
         WHERE events.id > ?1 AND events.sender = ?2 AND events.erased = 0 AND rooms.name IS NOT NULL
         ORDER BY events.id LIMIT ?3",
    )?;
    let places = statement.query_map(params![after, user.as_str(), rows(limit)], |row| {
        let place = ErasedPlace {
            room: RoomKey {
                id: row.get_ref(1)?.as_str()?.into(),
                epoch: identity.epoch(row.get_ref(2)?.as_str()?),
            },
            event: Some(row.get_ref(3)?.as_str()?.into()),
            seq: number(row, 4)?,
        };
        Ok((row.get(0)?, place))
    })?;
    let mut found = UserEvents::default();
    for place in places {
        let (row, event) = place?;
        found.events.push(event);
        found.next = Some(Place::of_row(row));
    }
    Ok(found)
}
