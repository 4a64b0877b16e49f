//! The rooms that a partition knows by id.

use std::collections::HashMap;

use bytes::Bytes;

use super::keys::Partition;
use super::reply;
use super::rooms::indexed_room;
use super::script;
use super::shared::{Shared, bad_reply, failed, text};
use crate::id::RoomId;
use crate::log::durable::{IndexedRoom, StoreFailure};

/// About how many rooms one call reads.
const AT_ONCE: usize = 500;

impl Shared {
    /// The rooms of a partition that were created, and those that stay deleted. Leaves out what is not ours.
    pub(super) async fn index(&self, partition: Partition) -> Result<Vec<IndexedRoom>, StoreFailure> {
        let keys = vec![self.agreed()?.keys.rooms(partition)];
        let mut found: HashMap<RoomId, Bytes> = HashMap::new();
        let mut cursor = Bytes::from_static(b"0");
        loop {
            let args = [vec![Bytes::new(); 3], vec![cursor, text(AT_ONCE.to_string())]].concat();
            let reply = self.call(partition, &script::INDEX, keys.clone(), args).await?;
            let (next, rooms) = reply::index(&reply).map_err(|error| bad_reply(&error))?;
            found.extend(rooms);
            if next[..] == *b"0" {
                break;
            }
            cursor = next;
        }
        let rooms = found.into_iter().map(|(id, record)| {
            let record = reply::room_record(&record).map_err(|error| failed(error.to_string()));
            record.and_then(|record| indexed_room(id, record))
        });
        Ok(rooms
            .filter_map(|room| {
                room.unwrap_or_else(|failure| {
                    tracing::warn!(%failure, "a record of a room in Redis cannot be read");
                    None
                })
            })
            .collect())
    }
}
