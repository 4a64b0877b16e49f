//! Erases the data of events. Number and position stay.

use rusqlite::OptionalExtension;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};

use super::count::signed;
use super::ledger::Kept;
use super::transaction::Transaction;
use crate::id::EventName;
use crate::log::durable::ErasedPlace;
use crate::protocol::erased;

struct Found {
    row: i64,
    of: i64,
    event: EventName,
    body: Vec<u8>,
}

impl Transaction<'_> {
    /// Returns those that were erased now.
    pub(super) fn erase(&mut self, events: &[ErasedPlace]) -> rusqlite::Result<Vec<ErasedPlace>> {
        /// The column of the text in `find`.
        const BODY: usize = 3;
        let mut done = Vec::new();
        for place in events {
            let Some(room) = self.existing_room(&place.room)? else {
                continue;
            };
            let Some(found) = self.find(room, place)? else { continue };
            let text = erased(&found.body)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(BODY, Type::Text, Box::new(error)))?;
            let Some(text) = text else { continue };
            let body = ToSqlOutput::Borrowed(ValueRef::Text(&text));
            self.connection
                .prepare_cached("UPDATE events SET body = ?2, erased = 1 WHERE id = ?1")?
                .execute((found.row, body))?;
            let bytes = signed(text.len() as u64) - signed(found.body.len() as u64);
            self.ledger.change_kept(found.of, Kept { bytes, events: 0 });
            done.push(ErasedPlace {
                event: Some(found.event),
                ..place.clone()
            });
        }
        Ok(done)
    }

    /// Finds an event by its number, in the index of each type if its type is not known.
    fn find(&self, room: i64, place: &ErasedPlace) -> rusqlite::Result<Option<Found>> {
        let mut select = self.connection.prepare_cached(
            "SELECT events.id, types.id, types.name, events.body \
             FROM types CROSS JOIN events ON events.room = ?1 AND events.type = types.id AND events.seq = ?2 \
             WHERE ?3 IS NULL OR types.name = ?3",
        )?;
        let name = place.event.as_ref().map(|event| event.as_str());
        let found = select.query_row((room, place.seq.cast_signed(), name), |row| {
            Ok(Found {
                row: row.get(0)?,
                of: row.get(1)?,
                event: row.get::<_, String>(2)?.into(),
                body: row.get_ref(3)?.as_bytes()?.to_vec(),
            })
        });
        found.optional()
    }
}
