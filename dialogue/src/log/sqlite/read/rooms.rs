//! Which rooms the file knows, and which incarnation of each.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::id::RoomId;
use crate::log::durable::{Creator, IndexedRoom, IndexedState, NewRoom, RoomKey, StoredRoom};
use crate::log::sqlite::identity::Identity;

/// Where an incarnation of a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log::sqlite) enum Incarnation {
    /// In this row of `rooms`.
    Stored(i64),
    /// It is the first one of its id, and has no row because nothing of it is stored.
    Unstored,
    /// It does not exist any more.
    Gone,
}

/// Finds an incarnation of a room.
pub(in crate::log::sqlite) fn find(
    connection: &Connection,
    identity: &Identity,
    room: &RoomKey,
) -> rusqlite::Result<Incarnation> {
    let Some(own) = identity.own_part(&room.epoch) else {
        return Ok(Incarnation::Gone);
    };
    let mut statement = connection.prepare_cached("SELECT id, epoch = ?2 FROM rooms WHERE name = ?1")?;
    let row: Option<(i64, bool)> = statement
        .query_row([room.id.as_str(), own], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match row {
        Some((row, true)) => Incarnation::Stored(row),
        None if identity.first_own(&room.id) == own => Incarnation::Unstored,
        Some((_, false)) | None => Incarnation::Gone,
    })
}

/// The rooms that were created and those that were deleted, in the order of their creation. Reads one index.
pub(in crate::log::sqlite) fn index(connection: &Connection) -> rusqlite::Result<Vec<IndexedRoom>> {
    let mut statement = connection.prepare(
        "SELECT name, deleted, creator, holder FROM rooms INDEXED BY rooms_indexed
         WHERE name IS NOT NULL AND (created = 1 OR deleted = 1) ORDER BY id",
    )?;
    let unknown: Arc<str> = Arc::default();
    let rooms = statement.query_map([], |row| {
        let state = match row.get(1)? {
            true => IndexedState::Deleted,
            false => IndexedState::Created {
                creator: creator(row, 2)?,
                holder: row.get(3)?,
            },
        };
        Ok(IndexedRoom {
            id: row.get_ref(0)?.as_str()?.into(),
            incarnation: Arc::clone(&unknown),
            state,
        })
    })?;
    rooms.collect()
}

/// The present incarnation of a room.
pub(in crate::log::sqlite) fn present(
    connection: &Connection,
    identity: &Identity,
    id: &RoomId,
) -> rusqlite::Result<StoredRoom> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, created, creator, created_by, holder, config, deleted FROM rooms WHERE name = ?1",
    )?;
    let room = statement
        .query_row([id.as_str()], |row| stored_room(row, identity, id))
        .optional()?;
    Ok(room.unwrap_or_else(|| StoredRoom {
        key: RoomKey {
            id: id.clone(),
            epoch: identity.epoch(&identity.first_own(id)),
        },
        created: None,
        is_deleted: false,
    }))
}

fn stored_room(row: &Row<'_>, identity: &Identity, id: &RoomId) -> rusqlite::Result<StoredRoom> {
    let created = match row.get(1)? {
        true => Some(NewRoom {
            id: id.clone(),
            creator: creator(row, 2)?,
            created_by: row.get::<_, Option<String>>(3)?.map(Into::into),
            holder: row.get(4)?,
            config: row.get(5)?,
        }),
        false => None,
    };
    Ok(StoredRoom {
        key: RoomKey {
            id: id.clone(),
            epoch: identity.epoch(row.get_ref(0)?.as_str()?),
        },
        created,
        is_deleted: row.get(6)?,
    })
}

fn creator(row: &Row<'_>, column: usize) -> rusqlite::Result<Creator> {
    Ok(match row.get_ref(column)?.as_str_or_null()? {
        Some("client") => Creator::Client,
        Some("anonymous") => Creator::Anonymous,
        _ => Creator::Server,
    })
}
