//! The histories of a server's rooms: keeping events.
//!
//! Owns the log in memory, the queue of evicted events, and the bounds on one reply. Calls no hook: [`super::page`] and
//! [`super::archive`] do. [`super::replay`] selects what a client that joins receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "inspector")]
use bytes::Bytes;

use crate::id::RoomId;
use crate::limits::Limits;
use crate::log::archive_queue::{ArchiveQueue, MAX_WAITING, Series};
use crate::log::durable::{Answer, DurableLog, RoomKey, StoredWindow};
use crate::log::{Evicted, HistoryManager, LogBounds, Remembered, StoredEvent};
use crate::room::{RoomCell, RoomTemplate};
use crate::runtime::hooks::recursion::depth;
use crate::runtime::observe::emit::Observe;
use crate::runtime::rooms::registry::Rooms;
use crate::serial::SerialQueue;

/// The histories of a server's rooms.
pub(crate) struct History {
    /// The log without a store. With a store, the window: the newest events of the rooms in use.
    pub(crate) log: HistoryManager,
    /// The store, if the logs outlive the process.
    pub(crate) durable: Option<Arc<dyn DurableLog>>,
    /// Enforces the store's retention.
    pub(super) retention: SerialQueue,
    /// Evicted events that `on_history_evicted` has not yet taken.
    pub(crate) archive: ArchiveQueue,
    /// Whether there is an `on_history_evicted` hook. Without it, evicted events are dropped.
    archives: bool,
    /// Whether there is a `load_history` hook, which continues where memory ends.
    pub(super) loads: bool,
    /// The bound on what one join replays.
    pub(super) replay: LogBounds,
    /// The bound on one page.
    pub(super) page: LogBounds,
    /// The bound on what waits in `archive`.
    waiting: LogBounds,
    /// How many times a store has erased events.
    erasures: AtomicU64,
    /// Held while an archive receives events that were read from the store: `on_erased` comes before or after that.
    pub(super) archiving: tokio::sync::Mutex<()>,
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
        if durable.is_some() {
            log.be_window();
        }
        let archives = archives && durable.is_none();
        Self {
            log,
            durable,
            retention: SerialQueue::default(),
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
            erasures: AtomicU64::new(0),
            archiving: tokio::sync::Mutex::default(),
        }
    }

    /// The store has erased events. Called before the erasure is applied.
    pub(in crate::runtime) fn note_erasure(&self) {
        self.erasures.fetch_add(1, Ordering::AcqRel);
    }

    /// How many times the store has erased events. What was read from the store may have been erased since then: if this
    /// number is not the one from before the read, read again.
    pub(super) fn erasures(&self) -> u64 {
        self.erasures.load(Ordering::Acquire)
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

    /// The store has removed the events of a series up to the number `through`. The window does not keep them any longer.
    pub(super) fn removed(&self, rooms: &Rooms, series: &Series, through: u64) {
        // Another incarnation of the room has other numbers.
        let room = rooms.find_incarnation(&series.room, Some(&series.epoch));
        if let Some(room) = room
            && let state = room.lock()
            && !state.record.is_deleted()
        {
            self.log.remove_through(&series.room, &series.event, through);
        }
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
        if self.durable.is_some() {
            // The store remembers the room.
            self.log.forget_room(&room.id);
            return;
        }
        let epoch = Arc::clone(&room.incarnation);
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
        // With a store, an event that leaves the window is still kept, unless the application has pushed it.
        let is_gone = |evicted: &&Evicted| self.durable.is_none() || evicted.entry.seq.is_none();
        let gone = evicted.iter().filter(is_gone);
        observe.evicted(gone.map(|evicted| (&evicted.room, &evicted.entry.event)));
        if evicted.is_empty() || !self.archives {
            return;
        }
        // The events of one room are next to each other, so one lookup serves them all.
        let mut latest: Option<(RoomId, Arc<str>)> = None;
        let by_series = evicted.into_iter().filter_map(|Evicted { room, epoch, entry }| {
            if latest.as_ref().is_none_or(|(latest, _)| *latest != room) {
                // An idle room is not among the rooms.
                let epoch = epoch.or_else(|| Some(Arc::clone(&rooms.find(&room)?.incarnation)));
                latest = epoch.map(|epoch| (room, epoch));
            }
            let (room, epoch) = latest.as_ref()?;
            Some((Series::of(room, epoch, &entry.event), entry))
        });
        let dropped = self.archive.push(by_series, depth(), bounds);
        queued.get_or_insert_default().dropped += dropped;
    }

    /// Asks the store for the window of a room. `None` without a store.
    pub(in crate::runtime) fn read_window(&self, room: &RoomCell) -> Option<Answer<StoredWindow>> {
        let durable = self.durable.as_ref()?;
        let (template, least) = (Arc::clone(&room.template), self.replay.events);
        let manager = self.log.config().max_events_per_type;
        let per_type = Arc::new(move |event: &str| history_limit(&template, event, manager).max(least));
        let bounds = LogBounds {
            events: usize::MAX,
            bytes: self.replay.bytes,
        };
        Some(durable.window(room_key(room), per_type, bounds))
    }

    /// Begins a room's window with what the store has. Called under the room's lock.
    pub(super) fn restore(&self, rooms: &Rooms, observe: &Observe, room: &RoomCell, window: StoredWindow) {
        let mut queued = None;
        self.log.restore(&room.id, window, |evicted| {
            self.evict(self.waiting, rooms, observe, evicted, &mut queued);
        });
    }

    /// One page of the newest events in memory, of all types, newest first.
    #[cfg(feature = "inspector")]
    pub(crate) fn newest(&self, room: &RoomCell) -> Vec<Bytes> {
        let events = self.log.recent(&room.id, &|_| usize::MAX, self.page);
        events.into_iter().rev().map(StoredEvent::into_frame).collect()
    }
}

/// This incarnation of a room, as a store knows it.
pub(in crate::runtime) fn room_key(room: &RoomCell) -> RoomKey {
    RoomKey {
        id: room.id.clone(),
        epoch: Arc::clone(&room.incarnation),
    }
}

/// How many events of a type a room is declared to keep.
pub(super) fn history_limit(template: &RoomTemplate, event: &str, manager: usize) -> usize {
    let definition = template.policy.definition(event);
    definition.and_then(|known| known.history().limit(manager)).unwrap_or(0)
}
