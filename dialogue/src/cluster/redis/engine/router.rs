//! Takes what the connections report, and tells the runtime. Called by the tasks that read feeds: nothing here waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::encode::batches;
use super::followed::Followed;
use crate::cluster::redis::appender::Origin;
use crate::cluster::redis::calls::FeedEvent;
use crate::cluster::redis::foreign::BadReply;
use crate::cluster::redis::keys::{Keys, Partition};
use crate::cluster::redis::log::RedisLog;
use crate::cluster::redis::message::{Batch, PartitionMessage, RoomMessage};
use crate::cluster::redis::shared::incarnation;
use crate::cluster::{Erased, Feed};
use crate::id::RoomId;
use crate::log::durable::IndexedRoom;

#[derive(Default)]
pub(super) struct Router {
    pub(super) followed: Arc<Followed>,
    /// The log, which has the connections that report here.
    log: OnceLock<Weak<RedisLog>>,
    feed: OnceLock<Arc<dyn Feed>>,
    /// The partitions by their channels.
    partitions: OnceLock<HashMap<Bytes, Partition>>,
    /// How many messages each partition's channel has brought. Held while the runtime is told of one, so that an index is older or
    /// newer than each of them.
    told: Mutex<HashMap<Partition, u64>>,
    /// Partitions whose messages may have been lost.
    outdated: Mutex<Vec<Partition>>,
    /// Messages that cannot be read.
    unreadable: AtomicU64,
    /// Something is outdated.
    pub(super) changed: Notify,
}

impl Router {
    pub(super) fn set_log(&self, log: &Arc<RedisLog>) {
        let _once = self.log.set(Arc::downgrade(log));
    }

    pub(super) fn set_feed(&self, feed: Arc<dyn Feed>) {
        let _once = self.feed.set(feed);
    }

    pub(super) fn set_keys(&self, keys: &Keys) {
        let channels = keys
            .partitions()
            .map(|partition| (keys.partition_channel(partition), partition));
        let _once = self.partitions.set(channels.collect());
    }

    /// Takes what the connections report.
    pub(super) fn take(&self, event: FeedEvent) {
        match event {
            FeedEvent::Message { channel, payload } => self.message(&channel, &payload),
            FeedEvent::Resubscribed { channel } => match self.followed.room(&channel) {
                Some(room) => self.check(&room),
                None => {
                    if let Some(partition) = self.partition(&channel) {
                        self.outdated.lock().push(partition);
                        self.changed.notify_one();
                    }
                }
            },
            // What comes meanwhile is missing. When it is subscribed again, that is found.
            FeedEvent::Lost { .. } => {}
        }
    }

    fn message(&self, channel: &Bytes, payload: &Bytes) {
        if let Some(room) = self.followed.room(channel) {
            match RoomMessage::parse(payload) {
                Ok(message) => self.of_room(channel, &room, message),
                Err(error) => self.note_unreadable(&error),
            }
        } else if let Some(partition) = self.partition(channel) {
            match PartitionMessage::parse(payload) {
                Ok(message) => self.of_partition(partition, &message),
                Err(error) => self.note_unreadable(&error),
            }
        }
    }

    fn of_room(&self, channel: &Bytes, room: &RoomId, message: RoomMessage) {
        match message {
            RoomMessage::Batch(batch) => {
                if let Some(position) = batch.position {
                    self.followed.note_heard(channel, position);
                }
                self.batch(channel, room, batch);
            }
            RoomMessage::Epoch { epoch, seq, position } => {
                self.followed.note_heard(channel, position);
                if let Some(log) = self.log.get().and_then(Weak::upgrade) {
                    log.shared.note(room, &epoch, seq);
                }
                if let Some(feed) = self.feed.get() {
                    feed.renewed(room, &epoch, seq);
                }
            }
            RoomMessage::Erased {
                epoch,
                position,
                count,
                numbers,
            } => {
                self.followed.note_heard(channel, position);
                if let Some(feed) = self.feed.get() {
                    feed.erased(room, Erased { epoch, numbers, count });
                }
            }
            RoomMessage::Deleted { own, position } => {
                self.followed.note_heard(channel, position);
                if let Some(feed) = self.feed.get() {
                    feed.deleted(room, &incarnation(&own));
                }
            }
        }
    }

    fn batch(&self, channel: &Bytes, room: &RoomId, batch: Batch) {
        let Some(log) = self.log.get().and_then(Weak::upgrade) else {
            return;
        };
        log.shared.note(room, &batch.epoch, batch.seq);
        let is_first = self.followed.is_first(channel, &batch.node, batch.counter);
        if let Some(feed) = self.feed.get() {
            match batches(&batch, is_first, log.origin(&batch) != Origin::Own) {
                Ok(batches) => batches.into_iter().for_each(|batch| feed.entries(room, batch)),
                Err(error) => {
                    self.note_unreadable(&error);
                    feed.check(room);
                }
            }
        }
        // Its volatile events are in their places now.
        log.settle(room, &batch);
    }

    fn of_partition(&self, partition: Partition, message: &PartitionMessage) {
        let mut told = self.told.lock();
        *told.entry(partition).or_default() += 1;
        let Some(feed) = self.feed.get() else {
            return;
        };
        match message {
            PartitionMessage::Created { room, own, .. } => feed.created(room, &incarnation(own)),
            PartitionMessage::Deleted { room, own, .. } => feed.deleted(room, &incarnation(own)),
        }
    }

    fn partition(&self, channel: &Bytes) -> Option<Partition> {
        self.partitions.get()?.get(channel).copied()
    }

    /// Something of a room may be missing.
    pub(super) fn check(&self, room: &RoomId) {
        if let Some(feed) = self.feed.get() {
            feed.check(room);
        }
    }

    /// How many messages a partition's channel has brought.
    pub(super) fn told(&self, partition: Partition) -> u64 {
        self.told.lock().get(&partition).copied().unwrap_or_default()
    }

    /// Tells the runtime which rooms of a partition there are, unless a message came since `told`. Returns whether it was
    /// told.
    pub(super) fn tell_index(&self, keys: &Keys, partition: Partition, told: u64, index: Vec<IndexedRoom>) -> bool {
        let Some(feed) = self.feed.get() else {
            return false;
        };
        let now = self.told.lock();
        if now.get(&partition).copied().unwrap_or_default() != told {
            return false;
        }
        feed.rooms(index, &|room| keys.partition(room) == partition);
        true
    }

    /// Takes the partitions whose messages may have been lost.
    pub(super) fn take_outdated(&self) -> Vec<Partition> {
        std::mem::take(&mut *self.outdated.lock())
    }

    fn note_unreadable(&self, error: &BadReply) {
        if self.unreadable.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(
                %error,
                "a message in Redis cannot be read and was skipped; later ones are counted, and not logged"
            );
        }
    }
}
