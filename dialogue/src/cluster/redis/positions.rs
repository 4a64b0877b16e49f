//! The positions of rooms, and which rooms have changed.

use bytes::Bytes;

use super::change_position::ChangePosition;
use super::keys::Partition;
use super::reply::{self, ChangesReply, PositionReply, RoomPosition};
use super::script;
use super::shared::{Shared, bad_reply, failed, text};
use crate::log::durable::{RoomKey, StoreFailure};

impl Shared {
    /// The positions of rooms of one partition, at most 1,000, in their order. A room whose epoch is empty may be any
    /// incarnation. `renew` extends the lifetime of their metadata.
    pub(super) async fn positions(
        &self,
        partition: Partition,
        rooms: &[RoomKey],
        renew: bool,
    ) -> Result<PositionReply, StoreFailure> {
        let agreed = self.agreed()?;
        let mut keys = vec![agreed.keys.log(partition)];
        keys.extend(rooms.iter().map(|room| agreed.keys.meta(&room.id)));
        let mut args = self.head(partition)?;
        args.push(if renew { text("renew") } else { Bytes::new() });
        for room in rooms {
            let (known, seen) = match room.epoch.is_empty() {
                true => (room.epoch.clone(), 0),
                false => self.known(&room.id, &room.epoch),
            };
            let first = text(agreed.first_own(&room.id));
            args.extend([
                text(&room.id),
                agreed.keys.channel(&room.id),
                first,
                text(known),
                text(seen.to_string()),
            ]);
        }
        let reply = self.call(partition, &script::POSITION, keys, args).await?;
        let reply = reply::position(&reply).map_err(|error| bad_reply(&error))?;
        if reply.rooms.len() != rooms.len() {
            return Err(failed("a reply about other rooms".to_owned()));
        }
        for (room, position) in rooms.iter().zip(&reply.rooms) {
            if let RoomPosition::Room { epoch, seq, types, .. } = position {
                self.note(&room.id, epoch, *seq);
                self.note_types(&room.id, types.iter().map(|(event, _)| event.clone()));
            }
        }
        Ok(reply)
    }

    /// Which rooms of a partition have changed since a position, or the newest position.
    pub(super) async fn changes(
        &self,
        partition: Partition,
        since: Option<ChangePosition>,
    ) -> Result<ChangesReply, StoreFailure> {
        const MOST: usize = 1_000;
        let keys = vec![self.agreed()?.keys.log(partition)];
        let since = since.map(|since| text(since.to_string())).unwrap_or_default();
        let args = [vec![Bytes::new(); 3], vec![since, text(MOST.to_string())]].concat();
        let reply = self.call(partition, &script::CHANGES, keys, args).await?;
        reply::changes(&reply).map_err(|error| bad_reply(&error))
    }
}
