//! Rooms that are created and deleted, and their present incarnations.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::Partition;
use super::reply::{self, CreateReply, DeleteReply, RoomRecordText, RoomReply};
use super::script;
use super::shared::{Agreed, Shared, bad_reply, failed, own_part, text};
use crate::cluster::UnusedDeletion;
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{Creator, IndexedRoom, IndexedState, NewRoom, RoomExists, RoomKey, StoreFailure, StoredRoom};
use crate::random::random_name;

/// The most rooms of one call.
const MOST_ROOMS: usize = 1_000;

/// How often a change is sent again because the room has more types than this node knows.
const MOST_ATTEMPTS: usize = 100;

/// What `T:rooms` has for a created room, after its own part.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoomRecord {
    creator: RecordedCreator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum RecordedCreator {
    Server,
    Client,
    Anonymous,
}

/// How a room is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    /// The next incarnation is there at once.
    Simple,
    /// There is none until the room is created.
    Stays,
    /// As `Simple`, but only if at most this many connections are subscribed to the room.
    Unused { subscribed: usize },
}

type Changed<T> = Result<T, StoreFailure>;

impl Shared {
    /// Stores a new room. Returns its incarnation.
    pub(super) async fn create_room(&self, room: NewRoom) -> Changed<Result<Arc<str>, RoomExists>> {
        let record = RoomRecord::of(&room);
        let record = serde_json::to_string(&record).map_err(|error| failed(error.to_string()))?;
        // The same in each attempt, so that Redis recognises a repetition.
        let own = random_name(8);
        for _ in 0..MOST_ATTEMPTS {
            let (partition, keys, mut args, types) = self.incarnation(&room.id, &own)?;
            args.push(text(&record));
            args.extend(types.iter().map(text));
            let reply = self.call(partition, &script::CREATE_ROOM, keys, args).await?;
            match reply::create_room(&reply).map_err(|error| bad_reply(&error))? {
                CreateReply::Types(more) => self.note_types(&room.id, more),
                CreateReply::Exists => return Ok(Err(RoomExists)),
                CreateReply::Created { epoch } => {
                    self.forget(&room.id);
                    return Ok(Ok(own_part(&epoch).into()));
                }
            }
        }
        Err(failed("the room has other types each time".to_owned()))
    }

    /// Deletes exactly this incarnation.
    pub(super) async fn delete_room(&self, room: RoomKey, deletion: Deletion) -> Changed<UnusedDeletion> {
        let own = random_name(8);
        for _ in 0..MOST_ATTEMPTS {
            let (partition, keys, mut args, types) = self.incarnation(&room.id, &own)?;
            args.push(text(own_part(&room.epoch)));
            args.push(match deletion {
                Deletion::Simple => Bytes::new(),
                Deletion::Stays => text("stays"),
                Deletion::Unused { subscribed } => text(format!("unused {subscribed}")),
            });
            args.extend(types.iter().map(text));
            let reply = self.call(partition, &script::DELETE_ROOM, keys, args).await?;
            let outcome = match reply::delete_room(&reply).map_err(|error| bad_reply(&error))? {
                DeleteReply::Types(more) => {
                    self.note_types(&room.id, more);
                    continue;
                }
                DeleteReply::Deleted => UnusedDeletion::Deleted,
                DeleteReply::Gone => UnusedDeletion::NoSuchRoom,
                DeleteReply::Used => return Ok(UnusedDeletion::Used),
            };
            self.forget(&room.id);
            return Ok(outcome);
        }
        Err(failed("the room has other types each time".to_owned()))
    }

    /// The keys and the first arguments of a script that begins the incarnation `own`, and the types that the node knows.
    #[allow(clippy::type_complexity, reason = "two callers")]
    fn incarnation(&self, room: &RoomId, own: &str) -> Changed<(Partition, Vec<Bytes>, Vec<Bytes>, Vec<EventName>)> {
        let agreed = self.agreed()?;
        let (keys, partition) = (&agreed.keys, agreed.keys.partition(room));
        let types: Vec<_> = self.types(room).into_iter().collect();
        let mut names = vec![keys.meta(room), keys.log(partition), keys.rooms(partition)];
        names.extend(types.iter().map(|event| keys.events(room, event)));
        names.extend(keys.idempotency(room));
        let mut args = self.head(partition)?;
        args.extend([
            text(agreed.first_own(room)),
            text(own),
            text(room),
            keys.channel(room),
            keys.partition_channel(partition),
        ]);
        Ok((partition, names, args, types))
    }

    /// The present incarnations of rooms, in their order. Their epochs are own parts: only the position of a room has a generation.
    pub(super) async fn rooms(&self, ids: Vec<RoomId>) -> Changed<Vec<StoredRoom>> {
        let agreed = self.agreed()?;
        let mut by_partition: BTreeMap<Partition, Vec<usize>> = BTreeMap::new();
        for (index, id) in ids.iter().enumerate() {
            by_partition.entry(agreed.keys.partition(id)).or_default().push(index);
        }
        let mut found: Vec<Option<StoredRoom>> = vec![None; ids.len()];
        for (partition, indexes) in by_partition {
            for part in indexes.chunks(MOST_ROOMS) {
                let mut keys = vec![agreed.keys.rooms(partition)];
                keys.extend(part.iter().map(|&index| agreed.keys.meta(&ids[index])));
                let mut args = vec![Bytes::new(); 3];
                args.extend(part.iter().map(|&index| text(&ids[index])));
                let reply = self.call(partition, &script::ROOMS, keys, args).await?;
                let rooms = reply::rooms(&reply).map_err(|error| bad_reply(&error))?;
                if rooms.len() != part.len() {
                    return Err(failed("a reply about other rooms".to_owned()));
                }
                for (&index, room) in part.iter().zip(rooms) {
                    found[index] = Some(stored_room(agreed, &ids[index], room)?);
                }
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

/// A room of `T:rooms`, as the runtime's index has it. `None` if there is nothing.
pub(super) fn indexed_room(id: RoomId, record: RoomRecordText) -> Changed<Option<IndexedRoom>> {
    let (incarnation, state) = match record {
        RoomRecordText::None => return Ok(None),
        RoomRecordText::Deleted { own } => (own, IndexedState::Deleted),
        RoomRecordText::Created { own, text } => {
            let NewRoom { creator, holder, .. } = RoomRecord::read(&id, &text)?.into_room(id.clone());
            (own, IndexedState::Created { creator, holder })
        }
    };
    Ok(Some(IndexedRoom { id, incarnation, state }))
}

fn stored_room(agreed: &Agreed, id: &RoomId, reply: RoomReply) -> Changed<StoredRoom> {
    let RoomReply::Room { own, record } = reply else {
        return Err(failed(format!("the data of room {id} is not ours")));
    };
    let (of_record, created, is_deleted) = match record {
        RoomRecordText::None => (None, None, false),
        RoomRecordText::Deleted { own } => (Some(own), None, true),
        RoomRecordText::Created { own, text } => {
            let record = RoomRecord::read(id, &text)?;
            (Some(own), Some(record.into_room(id.clone())), false)
        }
    };
    // A created room that was not used for long has no metadata.
    let own = match (&*own, of_record) {
        ("", Some(own)) => own.to_string(),
        ("", None) => agreed.first_own(id),
        (own, _) => own.to_owned(),
    };
    Ok(StoredRoom {
        key: RoomKey {
            id: id.clone(),
            epoch: own.into(),
        },
        created,
        is_deleted,
    })
}

impl RoomRecord {
    fn of(room: &NewRoom) -> Self {
        Self {
            creator: match room.creator {
                Creator::Server => RecordedCreator::Server,
                Creator::Client => RecordedCreator::Client,
                Creator::Anonymous => RecordedCreator::Anonymous,
            },
            created_by: room.created_by.clone(),
            holder: room.holder.clone(),
            config: room.config.clone(),
        }
    }

    fn read(id: &RoomId, text: &[u8]) -> Changed<Self> {
        serde_json::from_slice(text).map_err(|error| failed(format!("the record of room {id} is not ours: {error}")))
    }

    fn into_room(self, id: RoomId) -> NewRoom {
        NewRoom {
            id,
            creator: match self.creator {
                RecordedCreator::Server => Creator::Server,
                RecordedCreator::Client => Creator::Client,
                RecordedCreator::Anonymous => Creator::Anonymous,
            },
            created_by: self.created_by,
            holder: self.holder,
            config: self.config,
        }
    }
}
