//! The rows of rooms: found for an append, made for the first one, created and deleted.

use std::sync::Arc;

use rusqlite::OptionalExtension;

use super::ledger::KnownRoom;
use super::transaction::Transaction;
use crate::id::RoomId;
use crate::log::durable::{Creator, NewRoom, RoomExists, RoomKey};
use crate::log::sqlite::identity::random_part;

/// The highest number that a room has used. Goes from type to type in the index, which is fast however many events each
/// of them has.
const LAST_NUMBER: &str = "\
    WITH RECURSIVE present (type) AS ( \
        SELECT min(type) FROM events WHERE room = ?1 \
        UNION ALL \
        SELECT (SELECT min(type) FROM events WHERE room = ?1 AND type > present.type) \
        FROM present WHERE present.type IS NOT NULL \
    ) \
    SELECT max( \
        coalesce((SELECT max((SELECT max(seq) FROM events WHERE room = ?1 AND type = present.type)) FROM present \
            WHERE present.type IS NOT NULL), 0), \
        coalesce((SELECT max(seq) FROM marks WHERE room = ?1), 0))";

/// The present incarnation of an id, as the file has it.
struct RoomRow {
    id: i64,
    /// Its own part of the epoch.
    own: String,
    is_created: bool,
    is_deleted: bool,
    is_reused: bool,
}

impl Transaction<'_> {
    /// The place of a room in the ledger. Its row is made if it has none. `None` if this incarnation does not exist.
    pub(super) fn room_of_append(&mut self, room: &RoomKey) -> rusqlite::Result<Option<usize>> {
        if let Some((place, known)) = self.ledger.rooms.get(&room.id) {
            return Ok((known.epoch == room.epoch).then_some(place));
        }
        let row = match self.row_of(&room.id)? {
            Some(row) if self.is_present(&row, room) => row.id,
            Some(_) => return Ok(None),
            None => {
                let own = self.ledger.identity.first_own(&room.id);
                if self.ledger.identity.epoch(&own) != room.epoch {
                    return Ok(None);
                }
                self.insert_room(&room.id, &own, false)?
            }
        };
        let mut select = self.connection.prepare_cached(LAST_NUMBER)?;
        let last = select.query_row([row], |found| found.get(0))?;
        let epoch = Arc::clone(&room.epoch);
        let place = self
            .ledger
            .rooms
            .insert(room.id.clone(), KnownRoom { row, epoch, last });
        Ok(Some(place))
    }

    /// The row of this incarnation, if it exists.
    pub(super) fn existing_room(&self, room: &RoomKey) -> rusqlite::Result<Option<i64>> {
        if let Some((_, known)) = self.ledger.rooms.get(&room.id) {
            return Ok((known.epoch == room.epoch).then_some(known.row));
        }
        let row = self.row_of(&room.id)?;
        Ok(row.filter(|row| self.is_present(row, room)).map(|row| row.id))
    }

    /// A room that was deleted returns with the epoch that it got then. The idle on-demand room of this id ends: nobody who
    /// creates a room receives the events of an earlier one.
    pub(super) fn create_room(&mut self, room: &NewRoom) -> rusqlite::Result<Result<Arc<str>, RoomExists>> {
        let before = self.row_of(&room.id)?;
        let is_reused = before.is_some();
        let (id, own) = match before {
            Some(row) if row.is_created && !row.is_deleted => return Ok(Err(RoomExists)),
            Some(row) if row.is_deleted => (row.id, row.own),
            before => {
                let own = random_part();
                if let Some(before) = &before {
                    self.retire(&room.id, before.id)?;
                }
                (self.insert_room(&room.id, &own, false)?, own)
            }
        };
        let mut update = self.connection.prepare_cached(
            "UPDATE rooms SET created = 1, deleted = 0, reused = ?6, creator = ?2, created_by = ?3, holder = ?4, config = ?5 \
             WHERE id = ?1",
        )?;
        let creator = match room.creator {
            Creator::Server => "server",
            Creator::Client => "client",
            Creator::Anonymous => "anonymous",
        };
        let created_by = room.created_by.as_ref().map(|user| user.as_str());
        update.execute((id, creator, created_by, &room.holder, &room.config, is_reused))?;
        Ok(Ok(self.ledger.identity.epoch(&own)))
    }

    /// Deletes an incarnation at once. Its events are removed later, in small steps.
    pub(super) fn delete_room(&mut self, room: &RoomKey, stays_deleted: bool) -> rusqlite::Result<bool> {
        let Some(row) = self.row_of(&room.id)? else {
            let exists = *self.ledger.identity.epoch(&self.ledger.identity.first_own(&room.id)) == *room.epoch;
            if exists {
                self.insert_room(&room.id, &random_part(), stays_deleted)?;
            }
            return Ok(exists);
        };
        if !self.is_present(&row, room) {
            return Ok(false);
        }
        self.retire(&room.id, row.id)?;
        // Without a row, the id would have its first epoch again. A client may know that one, unless the id has always
        // belonged to rooms that were created.
        if stays_deleted || row.is_reused || !row.is_created {
            self.insert_room(&room.id, &random_part(), stays_deleted)?;
        }
        Ok(true)
    }

    /// Ends the incarnation with this row. Its id is free.
    fn retire(&mut self, id: &RoomId, row: i64) -> rusqlite::Result<()> {
        let mut update = self
            .connection
            .prepare_cached("UPDATE rooms SET name = NULL, created = 0, deleted = 0 WHERE id = ?1")?;
        update.execute([row])?;
        self.ledger.forget_room(id, row);
        Ok(())
    }

    fn insert_room(&self, name: &str, own: &str, is_deleted: bool) -> rusqlite::Result<i64> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO rooms (name, epoch, deleted) VALUES (?1, ?2, ?3)")?;
        insert.execute((name, own, is_deleted))?;
        Ok(self.connection.last_insert_rowid())
    }

    fn row_of(&self, name: &str) -> rusqlite::Result<Option<RoomRow>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT id, epoch, created, deleted, reused FROM rooms WHERE name = ?1")?;
        let row = select.query_row([name], |row| {
            Ok(RoomRow {
                id: row.get(0)?,
                own: row.get(1)?,
                is_created: row.get(2)?,
                is_deleted: row.get(3)?,
                is_reused: row.get(4)?,
            })
        });
        row.optional()
    }

    fn is_present(&self, row: &RoomRow, room: &RoomKey) -> bool {
        !row.is_deleted && *self.ledger.identity.epoch(&row.own) == *room.epoch
    }
}
