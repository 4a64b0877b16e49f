//! Applies what other nodes have appended: the feed of a [`Cluster`](crate::cluster::Cluster) brings it.
//!
//! Such an event reaches this node's members and observers. Handlers, streams and hooks run on the node that admitted it.

use std::sync::{Arc, Weak};

use super::apply::{decoded_for_observers, deliver_of_cluster};
use super::apply_queue::{apply_in_epoch, start};
use crate::cluster::{Erased, Erasures, Feed, FeedBatch, FeedEvent};
use crate::id::RoomId;
use crate::log::durable::IndexedRoom;
use crate::room::{LogEntry, LogPlace, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::erased::follow_erasures;
use crate::runtime::rooms::settle::{note_all, note_created, note_deleted};

/// Takes what the feed brings, and puts it into the queues of rooms.
pub(in crate::runtime) struct NodeFeed(Weak<Core>);

impl NodeFeed {
    pub(in crate::runtime) fn new(core: &Arc<Core>) -> Self {
        Self(Arc::downgrade(core))
    }

    fn with_room(&self, id: &RoomId, change: impl FnOnce(&Arc<Core>, &Arc<RoomCell>)) {
        let Some(core) = self.0.upgrade() else {
            return;
        };
        let Some(room) = core.rooms.find(id) else {
            return;
        };
        change(&core, &room);
        start(&core, &room);
    }
}

impl Feed for NodeFeed {
    fn entries(&self, room: &RoomId, batch: FeedBatch) {
        self.with_room(room, |core, room| {
            let mut after = batch.seq - batch.events.iter().filter(|event| event.stored.seq.is_some()).count() as u64;
            for event in batch.events {
                let place = match event.stored.seq {
                    Some(seq) => LogPlace::Event(seq),
                    // It comes after the events that its sender has seen.
                    None => LogPlace::After(after),
                };
                after = event.stored.seq.unwrap_or(after);
                let (core, of_entry) = (Arc::clone(core), Arc::clone(room));
                room.applying().push_fed(LogEntry {
                    place,
                    epoch: Some(Arc::clone(&batch.epoch)),
                    fed: Some(event.frame.wire.len()),
                    apply: Box::new(move || apply_fed(&core, &of_entry, event)),
                });
            }
        });
    }

    fn check(&self, room: &RoomId) {
        self.with_room(room, |_, room| room.applying().request_check());
    }

    fn renewed(&self, room: &RoomId, epoch: &Arc<str>, seq: u64) {
        self.with_room(room, |_, room| room.applying().request_check_of(epoch, seq));
    }

    fn created(&self, room: &RoomId, incarnation: &str) {
        if let Some(core) = self.0.upgrade() {
            note_created(&core, room, incarnation);
        }
    }

    fn deleted(&self, room: &RoomId, incarnation: &str) {
        if let Some(core) = self.0.upgrade() {
            note_deleted(&core, room, incarnation);
        }
    }

    fn erased(&self, room: &RoomId, erased: Erased) {
        let Erased { epoch, numbers, count } = erased;
        let Some(through) = numbers.iter().max().copied() else {
            return;
        };
        let erasures = Erasures { count, latest: numbers };
        self.with_room(room, |core, room| {
            // What is being read from the log may not be erased.
            core.history.note_erasure();
            apply_in_epoch(core, room, LogPlace::After(through), Some(epoch), move |core, room| {
                if !follow_erasures(core, room, &erasures) {
                    room.applying().request_check();
                }
            });
        });
    }

    fn rooms(&self, index: Vec<IndexedRoom>, is_covered: &dyn Fn(&str) -> bool) {
        if let Some(core) = self.0.upgrade() {
            note_all(&core, index, is_covered);
        }
    }
}

/// Applies an event of the room's present epoch, unless it has been read from the log meanwhile.
fn apply_fed(core: &Arc<Core>, room: &Arc<RoomCell>, FeedEvent { stored, frame }: FeedEvent) {
    // Decoded without the lock, because it may log. Nobody but observers needs it.
    let message = decoded_for_observers(core, &stored);
    let default = core.history.log.config().max_events_per_type;
    let definition = room.template.policy.definition(&stored.event);
    let limit = definition.and_then(|definition| definition.history().limit(default));
    let mut state = room.lock();
    if state.record.is_deleted() || stored.seq.is_some_and(|seq| seq <= state.record.seq()) {
        return;
    }
    let event = stored.event.clone();
    if let Some(seq) = stored.seq {
        state.record.reach(seq);
        core.history
            .keep_in_window(&core.rooms, &core.observe, room, stored, limit.unwrap_or(default));
    }
    deliver_of_cluster(core, &state, &event, message.as_ref(), &frame);
}
