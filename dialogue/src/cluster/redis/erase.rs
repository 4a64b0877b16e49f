//! Erases the data of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::reply::{self, EraseAnswer, EraseReply};
use super::script;
use super::shared::{Shared, bad_reply, failed, text};
use crate::id::EventName;
use crate::log::LogBounds;
use crate::log::durable::{ErasedPlace, RoomKey, StoreFailure};
use crate::protocol::erased;

/// The bytes of one event that may be read to erase it.
const BOUNDS: LogBounds = LogBounds {
    events: 1_000,
    bytes: 64 * 1024 * 1024,
};

impl Shared {
    /// Erases events. Returns those that were erased now, each room's in the order of its log.
    pub(super) async fn erase(&self, events: Vec<ErasedPlace>) -> Result<Vec<ErasedPlace>, StoreFailure> {
        let mut by_room: BTreeMap<(String, String), (RoomKey, Vec<ErasedPlace>)> = BTreeMap::new();
        for place in events {
            let name = (place.room.id.to_string(), place.room.epoch.to_string());
            let (_, places) = by_room.entry(name).or_insert_with(|| (place.room.clone(), Vec::new()));
            places.push(place);
        }
        let mut done = Vec::new();
        for (room, mut places) in by_room.into_values() {
            places.sort_unstable_by_key(|place| place.seq);
            places.dedup_by_key(|place| place.seq);
            self.erase_in(&room, &places, &mut done).await?;
        }
        Ok(done)
    }

    async fn erase_in(
        &self,
        room: &RoomKey,
        places: &[ErasedPlace],
        done: &mut Vec<ErasedPlace>,
    ) -> Result<(), StoreFailure> {
        // Each type with its index among the keys, and each event with the text that remains.
        let (mut types, mut texts): (Vec<EventName>, Vec<(usize, u64, Bytes)>) = (Vec::new(), Vec::new());
        for place in places {
            let Some((event, body)) = self.event_at(room, place).await? else {
                continue;
            };
            // What cannot be read cannot be erased either.
            let Some(remains) = erased(&body).map_err(|error| failed(error.to_string()))? else {
                continue;
            };
            let index = types.iter().position(|known| *known == event).unwrap_or_else(|| {
                types.push(event);
                types.len() - 1
            });
            texts.push((index, place.seq, remains));
        }
        if texts.is_empty() {
            return Ok(());
        }
        let agreed = self.agreed()?;
        let (keys, partition) = (&agreed.keys, agreed.keys.partition(&room.id));
        let mut names = vec![keys.meta(&room.id), keys.log(partition)];
        names.extend(types.iter().map(|event| keys.events(&room.id, event)));
        let mut args = self.head(partition)?;
        args.extend([text(&room.epoch), text(&room.id), keys.channel(&room.id)]);
        for (index, seq, remains) in &texts {
            args.extend([text((index + 1).to_string()), text(seq.to_string()), remains.clone()]);
        }
        let reply = self.call(partition, &script::ERASE, names, args).await?;
        let EraseReply::Erased(answers) = reply::erase(&reply).map_err(|error| bad_reply(&error))? else {
            return Ok(());
        };
        for ((index, seq, _), answer) in texts.iter().zip(answers) {
            // A lost reply makes the repetition say `Already`; the text was another one when it was read.
            if answer != EraseAnswer::Missing {
                done.push(ErasedPlace {
                    room: room.clone(),
                    event: types.get(*index).cloned(),
                    seq: *seq,
                });
            }
        }
        Ok(())
    }

    /// The type and the text of an event.
    async fn event_at(&self, room: &RoomKey, place: &ErasedPlace) -> Result<Option<(EventName, Bytes)>, StoreFailure> {
        if let Some(event) = &place.event {
            let page = self
                .page(room.clone(), event.clone(), (place.seq + 1, 1), BOUNDS)
                .await?;
            let newest = page.and_then(|at| at.value.events.into_iter().next());
            let found = newest.filter(|found| found.seq == Some(place.seq));
            return Ok(found.map(|found| (found.event, found.body)));
        }
        let per_type = Arc::new(|_: &str| 1);
        let newest = self.newest(room.clone(), place.seq, per_type, BOUNDS).await?;
        let events = newest.map(|at| at.value).unwrap_or_default();
        let found = events.into_iter().find(|event| event.seq == Some(place.seq));
        Ok(found.map(|event| (event.event, event.body)))
    }
}
