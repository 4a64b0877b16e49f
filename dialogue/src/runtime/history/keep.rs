//! The histories of a server's rooms: keeping events, and replaying them to clients that join.
//!
//! Owns the log in memory, the queue of evicted events, and the bounds on one reply. Calls no hook: [`super::page`] and
//! [`super::archive`] do.

use std::sync::Arc;

use bytes::Bytes;

use crate::id::RoomId;
use crate::limits::Limits;
use crate::log::archive_queue::{ArchiveQueue, MAX_WAITING, Series};
use crate::log::durable::DurableLog;
use crate::log::{Evicted, HistoryManager, LogBounds, Remembered, Replay, StoredEvent};
use crate::protocol::LogPosition;
use crate::room::{RoomCell, Subscriptions, SyncHistory};
use crate::runtime::hooks::recursion::depth;
use crate::runtime::observe::emit::Observe;
use crate::runtime::rooms::registry::Rooms;

/// The histories of a server's rooms.
pub(crate) struct History {
    /// The log without a store. With a store, the window: the newest events of the rooms in use.
    pub(crate) log: HistoryManager,
    /// The store, if the logs outlive the process.
    pub(crate) durable: Option<Arc<dyn DurableLog>>,
    /// Evicted events that `on_history_evicted` has not yet taken.
    pub(crate) archive: ArchiveQueue,
    /// Whether there is an `on_history_evicted` hook. Without it, evicted events are dropped.
    archives: bool,
    /// Whether there is a `load_history` hook, which continues where memory ends.
    pub(super) loads: bool,
    /// The bound on what one join replays.
    replay: LogBounds,
    /// The bound on one page.
    pub(super) page: LogBounds,
    /// The bound on what waits in `archive`.
    waiting: LogBounds,
}

/// Says that evicted events have been queued for the hook. [`archive::start`](super::archive::start) then calls the
/// hook.
#[derive(Default)]
#[must_use]
pub(in crate::runtime) struct QueuedForArchive {
    /// How many older events were dropped from the full queue.
    pub(super) dropped: usize,
}

impl History {
    /// Uses the histories in `log`, within these limits. With a store, `log` is the window, and what it evicts is in the
    /// store.
    pub(in crate::runtime) fn new(
        log: HistoryManager,
        durable: Option<Arc<dyn DurableLog>>,
        limits: &Limits,
        archives: bool,
        loads: bool,
    ) -> Self {
        log.bound_bytes(limits.history_bytes);
        let archives = archives && durable.is_none();
        Self {
            log,
            durable,
            archive: ArchiveQueue::default(),
            archives,
            loads,
            replay: LogBounds {
                events: limits.replay_events,
                bytes: limits.replay_bytes,
            },
            page: LogBounds {
                events: limits.history_page_events,
                bytes: limits.history_page_bytes,
            },
            waiting: LogBounds {
                events: MAX_WAITING,
                bytes: limits.history_bytes,
            },
        }
    }

    /// Keeps an event, and queues the events that it evicts for the archive. Called under the room's lock.
    pub(in crate::runtime) fn keep(
        &self,
        rooms: &Rooms,
        observe: &Observe,
        room: &RoomCell,
        kept: StoredEvent,
        limit: usize,
    ) -> Option<QueuedForArchive> {
        let mut queued = None;
        self.log.append(&room.id, kept, limit, |evicted| {
            self.evict(self.waiting, rooms, observe, evicted, &mut queued);
        });
        queued
    }

    /// Keeps the latest event of a store's log in the window, which has `limit` events of its type, and as many as a client may
    /// recover. Called under the room's lock.
    pub(in crate::runtime) fn keep_in_window(
        &self,
        rooms: &Rooms,
        observe: &Observe,
        room: &RoomCell,
        kept: StoredEvent,
        limit: usize,
    ) {
        // What the window evicts is in the store.
        let _nothing = self.keep(rooms, observe, room, kept, self.window(limit));
    }

    /// How many events of a type the window has, if the type keeps `limit` in memory.
    pub(in crate::runtime) fn window(&self, limit: usize) -> usize {
        limit.max(self.replay.events)
    }

    /// Forgets the history of a deleted room without archiving it. Called under the room's lock.
    pub(in crate::runtime) fn forget(&self, room: &RoomCell) {
        self.log.forget_room(&room.id);
    }

    /// Keeps the numbers and the history of an on-demand room that is idle: the next room with its id continues them.
    /// `top` is its last number. Called under the room's lock.
    pub(in crate::runtime) fn retire(&self, room: &RoomCell, top: u64) {
        let epoch = Arc::clone(&room.epoch);
        self.log.retire_room(&room.id, Remembered { epoch, top });
    }

    /// What memory remembers of an idle on-demand room.
    pub(in crate::runtime) fn remembered(&self, room: &str) -> Option<Remembered> {
        self.log.remembered(room)
    }

    /// Forgets the history of an idle room, because a room with its id is created, and queues it for the archive.
    pub(in crate::runtime) fn archive_idle(
        &self,
        rooms: &Rooms,
        observe: &Observe,
        room: &str,
    ) -> Option<QueuedForArchive> {
        let mut queued = None;
        if self.log.remembered(room).is_some() {
            let evicted = self.log.forget_room(room);
            self.evict(self.waiting, rooms, observe, evicted, &mut queued);
        }
        queued
    }

    /// Forgets the history of a room that has expired, and queues it for the archive. Called under the room's lock.
    pub(in crate::runtime) fn archive_room(
        &self,
        rooms: &Rooms,
        observe: &Observe,
        room: &RoomCell,
    ) -> Option<QueuedForArchive> {
        let mut queued = None;
        let evicted = self.log.forget_room(&room.id);
        self.evict(self.waiting, rooms, observe, evicted, &mut queued);
        queued
    }

    /// Queues everything in memory for the archive. No bound applies, because the events were in memory before and no
    /// more are added.
    pub(in crate::runtime) fn archive_everything(&self, rooms: &Rooms, observe: &Observe) -> Option<QueuedForArchive> {
        if !self.archives {
            return None;
        }
        let mut queued = None;
        self.log.drain_all(|evicted| {
            self.evict(LogBounds::NONE, rooms, observe, evicted, &mut queued);
        });
        queued
    }

    /// Reports events that memory no longer keeps, and queues them for the archive if there is one.
    fn evict(
        &self,
        bounds: LogBounds,
        rooms: &Rooms,
        observe: &Observe,
        evicted: Vec<Evicted>,
        queued: &mut Option<QueuedForArchive>,
    ) {
        observe.evicted(evicted.iter().map(|evicted| (&evicted.room, &evicted.entry.event)));
        if evicted.is_empty() || !self.archives {
            return;
        }
        // The events of one room are next to each other, so one lookup serves them all.
        let mut latest: Option<(RoomId, Arc<str>)> = None;
        let by_series = evicted.into_iter().filter_map(|Evicted { room, epoch, entry }| {
            if latest.as_ref().is_none_or(|(latest, _)| *latest != room) {
                // An idle room is not among the rooms.
                let epoch = epoch.or_else(|| Some(Arc::clone(&rooms.find(&room)?.epoch)));
                latest = epoch.map(|epoch| (room, epoch));
            }
            let (room, epoch) = latest.as_ref()?;
            Some((Series::of(room, epoch, &entry.event), entry))
        });
        let dropped = self.archive.push(by_series, depth(), bounds);
        queued.get_or_insert_default().dropped += dropped;
    }

    /// The events that a client receives if it joins without a position, oldest first. Called under the room's lock.
    pub(in crate::runtime) fn for_new_member(&self, room: &RoomCell, subscriptions: &Subscriptions) -> Vec<Bytes> {
        let per_type = match room.template.sync_history_on_join {
            SyncHistory::Off => return Vec::new(),
            SyncHistory::All => None,
            SyncHistory::PerType(count) => Some(count),
        };
        let wanted = |event: &str| subscriptions.includes(event);
        let events = self.log.recent(&room.id, &wanted, per_type, self.replay);
        events.into_iter().map(StoredEvent::into_frame).collect()
    }

    /// The events that a client missed since its position, oldest first: every event with history that it is subscribed
    /// to. `None` if not all of them can be replayed. `top` is the room's last number. Called under the room's lock.
    pub(in crate::runtime) fn missed(
        &self,
        room: &RoomCell,
        since: &LogPosition,
        top: u64,
        subscriptions: &Subscriptions,
    ) -> Option<Vec<Bytes>> {
        if *since.epoch != *room.epoch || since.seq > top {
            return None;
        }
        let wanted = |event: &str| subscriptions.includes(event);
        match self.log.since(&room.id, since.seq, &wanted, self.replay) {
            Replay::Complete(events) => Some(events.into_iter().map(StoredEvent::into_frame).collect()),
            Replay::Lost => None,
        }
    }

    /// One page of the newest events in memory, of all types, newest first.
    #[cfg(feature = "inspector")]
    pub(crate) fn newest(&self, room: &RoomCell) -> Vec<Bytes> {
        let events = self.log.recent(&room.id, &|_| true, None, self.page);
        events.into_iter().rev().map(StoredEvent::into_frame).collect()
    }
}
