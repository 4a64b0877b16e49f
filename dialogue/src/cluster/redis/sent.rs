//! Finds the events of one user: looks at all lists of events, server by server. Erasing is rare, and an index would cost with
//! every event.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::keys::Partition;
use super::reply::{self, ScanReply, SentByReply};
use super::script;
use super::shared::{Shared, bad_reply, failed, no_contact, text};
use crate::id::{EventName, RoomId, UserId};
use crate::log::durable::{ErasedPlace, Place, RoomKey, StoreFailure, UserEvents};

/// About how many keys of Redis one call looks at.
const KEYS_AT_ONCE: usize = 1_000;

/// How many events one call looks at.
const EVENTS_AT_ONCE: usize = 1_000;

/// How many calls one answer may need. Each blocks Redis for about a millisecond.
const MOST_CALLS: usize = 200;

/// Where a search goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Search {
    /// One partition of each server that is left. The last one is next.
    servers: Vec<usize>,
    /// Where the scan of that server goes on. `None` at its beginning.
    cursor: Option<String>,
    /// Lists that were named. The last one is next.
    lists: Vec<(RoomId, EventName)>,
    /// The last event of that list that was looked at.
    after: u64,
}

impl Shared {
    /// Some events of a user, and where the search goes on.
    pub(super) async fn events_of(
        &self,
        user: &UserId,
        after: Option<Place>,
        limit: usize,
    ) -> Result<UserEvents, StoreFailure> {
        let mut search = match after {
            None => self.begin_search()?,
            Some(Place(place)) => {
                serde_json::from_slice(&place).map_err(|error| failed(format!("a place of another store: {error}")))?
            }
        };
        let mut events = Vec::new();
        for _ in 0..MOST_CALLS {
            let left = limit.saturating_sub(events.len());
            if left == 0 {
                break;
            }
            if let Some((room, event)) = search.lists.last().cloned() {
                match self.sent_by(user, &room, &event, search.after, left).await? {
                    SentByReply::Gone => search.next_list(),
                    SentByReply::Events { own, next, numbers } => {
                        let room = RoomKey { id: room, epoch: own };
                        events.extend(numbers.into_iter().map(|seq| ErasedPlace {
                            room: room.clone(),
                            event: Some(event.clone()),
                            seq,
                        }));
                        match next {
                            Some(next) => search.after = next,
                            None => search.next_list(),
                        }
                    }
                }
            } else if let Some(server) = search.servers.last().copied() {
                let ScanReply { cursor, names } = self.scan(server, search.cursor.take()).await?;
                let keys = &self.agreed()?.keys;
                search
                    .lists
                    .extend(names.iter().filter_map(|name| keys.room_and_event(name)));
                if cursor.is_none() {
                    search.servers.pop();
                }
                search.cursor = cursor;
            } else {
                return Ok(UserEvents { events, next: None });
            }
        }
        let next = serde_json::to_vec(&search).map_err(|error| failed(error.to_string()))?;
        Ok(UserEvents {
            events,
            next: Some(Place(next.into())),
        })
    }

    fn begin_search(&self) -> Result<Search, StoreFailure> {
        let (mut known, mut servers) = (Vec::new(), Vec::new());
        for (place, partition) in self.agreed()?.keys.partitions().enumerate() {
            let server = self.calls.identity(partition).ok_or_else(no_contact)?;
            if !known.contains(&server) {
                known.push(server);
                servers.push(place);
            }
        }
        Ok(Search {
            servers,
            cursor: None,
            lists: Vec::new(),
            after: 0,
        })
    }

    fn partition_at(&self, place: usize) -> Result<Partition, StoreFailure> {
        let partition = self.agreed()?.keys.partitions().nth(place);
        partition.ok_or_else(|| failed("a place of another store".to_owned()))
    }

    async fn scan(&self, server: usize, cursor: Option<String>) -> Result<ScanReply, StoreFailure> {
        let partition = self.partition_at(server)?;
        let keys = &self.agreed()?.keys;
        let cursor = cursor.unwrap_or_else(|| "0".to_owned());
        let args = [
            vec![Bytes::new(); 3],
            vec![text(cursor), keys.all_events(), text(KEYS_AT_ONCE.to_string())],
        ]
        .concat();
        let reply = self
            .call(partition, &script::SCAN, vec![keys.log(partition)], args)
            .await?;
        reply::scan(&reply).map_err(|error| bad_reply(&error))
    }

    async fn sent_by(
        &self,
        user: &UserId,
        room: &RoomId,
        event: &EventName,
        after: u64,
        limit: usize,
    ) -> Result<SentByReply, StoreFailure> {
        let keys = &self.agreed()?.keys;
        let names = vec![keys.meta(room), keys.events(room, event)];
        let numbers = [after, EVENTS_AT_ONCE as u64, limit as u64].map(|number| text(number.to_string()));
        let args = [vec![Bytes::new(); 3], vec![text(user)], numbers.to_vec()].concat();
        let reply = self.call(keys.partition(room), &script::SENT_BY, names, args).await?;
        reply::sent_by(&reply).map_err(|error| bad_reply(&error))
    }
}

impl Search {
    fn next_list(&mut self) {
        self.lists.pop();
        self.after = 0;
    }
}
