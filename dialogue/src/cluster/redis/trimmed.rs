//! Trimmed events on their way to the application, on one node at a time.

use std::time::Duration;

use bytes::Bytes;

use super::entry::Entry;
use super::keys::Partition;
use super::reply::{self, TrimmedReply};
use super::script;
use super::shared::{Shared, bad_reply, incarnation, text};
use crate::log::durable::{RoomKey, StoreFailure};
use crate::log::{LogBounds, StoredEvent};

/// What a partition has for the application.
#[derive(Debug)]
pub(super) enum Trimmed {
    Events {
        /// How many were dropped since the last reply that said so, because too many waited.
        dropped: u64,
        events: Vec<TrimmedEvent>,
        /// Entries that are not ours: done without the application.
        foreign: Vec<Bytes>,
    },
    /// Another node works on it for so long.
    Busy(Duration),
}

#[derive(Debug)]
pub(super) struct TrimmedEvent {
    /// What [`Shared::trimmed_done`] needs.
    pub(super) id: Bytes,
    pub(super) room: RoomKey,
    pub(super) event: StoredEvent,
}

impl Shared {
    /// Takes the lease of a partition for so long, and reads its oldest trimmed events.
    pub(super) async fn trimmed(
        &self,
        partition: Partition,
        lease: Duration,
        bounds: LogBounds,
    ) -> Result<Trimmed, StoreFailure> {
        let keys = &self.agreed()?.keys;
        let names = vec![keys.trim(partition), keys.trimming(partition)];
        let mut args = vec![Bytes::new(); 3];
        args.extend([
            text(&self.node),
            text(lease.as_millis().to_string()),
            text(bounds.events.min(1_000).to_string()),
            text(bounds.bytes.min(1 << 50).to_string()),
        ]);
        let reply = self.call(partition, &script::TRIMMED_TAKE, names, args).await?;
        let (dropped, entries) = match reply::trimmed_take(&reply).map_err(|error| bad_reply(&error))? {
            TrimmedReply::Busy(ms) => return Ok(Trimmed::Busy(Duration::from_millis(ms))),
            TrimmedReply::Taken { dropped, events } => (dropped, events),
        };
        let (mut events, mut foreign) = (Vec::new(), Vec::new());
        for entry in entries {
            match Entry::parse(entry.entry) {
                Ok(parsed) => events.push(TrimmedEvent {
                    id: entry.id,
                    room: RoomKey {
                        id: entry.room,
                        epoch: incarnation(&entry.epoch),
                    },
                    event: StoredEvent {
                        event: entry.event,
                        seq: Some(parsed.seq),
                        body: parsed.frame(),
                    },
                }),
                Err(_) => foreign.push(entry.id),
            }
        }
        Ok(Trimmed::Events {
            dropped,
            events,
            foreign,
        })
    }

    /// Removes events that the application has received.
    pub(super) async fn trimmed_done(&self, partition: Partition, ids: Vec<Bytes>) -> Result<(), StoreFailure> {
        if ids.is_empty() {
            return Ok(());
        }
        let keys = vec![self.agreed()?.keys.trim(partition)];
        let args = [vec![Bytes::new(); 3], ids].concat();
        let reply = self.call(partition, &script::TRIMMED_DONE, keys, args).await?;
        reply::trimmed_done(&reply).map(drop).map_err(|error| bad_reply(&error))
    }
}
