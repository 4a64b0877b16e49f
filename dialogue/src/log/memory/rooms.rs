//! The rooms of the memory store, and how a room changes from one phase to the next.
//!
//! Owns the map, the orders and the counters, and keeps them in step with the phases. The bounds are in
//! [`super::eviction`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::meter::{Amount, Meter};
use super::order::Order;
use super::slot::{LockedSlot, RoomSlot, SlotPhase, SlotState};
use super::slots::Slots;
use crate::id::RoomId;
use crate::log::bounds::LogBounds;
use crate::log::durable::StoredWindow;
use crate::log::event::{Evicted, StoredEvent};
use crate::log::room_log::RoomLog;
use crate::log::store::Remembered;

/// All rooms that the memory store knows.
#[derive(Debug)]
pub(super) struct MemoryRooms {
    slots: Slots,
    pub(super) meter: Meter,
    /// Live rooms, by their last use.
    live: Mutex<Order>,
    /// Emptied rooms, by the tick when they were emptied, or became idle later.
    emptied: Mutex<Order>,
    /// The most emptied rooms to remember.
    max_remembered: usize,
    /// The highest number in any emptied room that was forgotten. The store cannot tell such a room from one that never
    /// had an event, so it refuses recovery from below this number in both.
    forgotten: AtomicU64,
}

impl MemoryRooms {
    pub(super) fn new(max_remembered: usize) -> Self {
        Self {
            slots: Slots::default(),
            meter: Meter::default(),
            live: Mutex::default(),
            emptied: Mutex::default(),
            max_remembered,
            forgotten: AtomicU64::new(0),
        }
    }

    /// Runs `work` under the lock of a room's log. If the store does not know the room, `work` gets `None`.
    pub(super) fn enter<T>(&self, room: &str, work: impl FnOnce(Option<&mut LockedSlot<'_>>) -> T) -> T {
        loop {
            let Some(slot) = self.slots.find(room) else {
                return work(None);
            };
            let mut locked = slot.lock();
            if locked.state.phase != SlotPhase::Removed {
                return work(Some(&mut locked));
            }
        }
    }

    /// Makes a room live and the most recently used one. Then runs `work` under the lock of its log.
    pub(super) fn enter_live<T>(&self, room: &RoomId, work: impl FnOnce(&mut LockedSlot<'_>) -> T) -> T {
        loop {
            let slot = self.slots.find_or_add(room, || self.unknown_log());
            let mut locked = slot.lock();
            match locked.state.phase {
                SlotPhase::Live => self.touch(&locked),
                SlotPhase::New | SlotPhase::Emptied => self.revive(&mut locked),
                SlotPhase::Removed => continue,
            }
            return work(&mut locked);
        }
    }

    /// Takes every room that the store does not know for one that was forgotten.
    pub(super) fn forget_beyond(&self) {
        self.forgotten.store(u64::MAX, Ordering::Relaxed);
    }

    /// A log that stands for a room that the store does not know.
    pub(super) fn unknown_log(&self) -> RoomLog {
        RoomLog::beginning_after(self.forgotten.load(Ordering::Relaxed))
    }

    /// Makes a live room the most recently used one.
    pub(super) fn touch(&self, locked: &LockedSlot<'_>) {
        // A busy room usually is the latest one already.
        if locked.slot.used() != self.meter.latest_tick() {
            locked.slot.set_used(self.meter.next_tick());
        }
    }

    fn revive(&self, locked: &mut LockedSlot<'_>) {
        if locked.state.phase == SlotPhase::Emptied {
            self.emptied.lock().remove(locked.slot);
        }
        let tick = self.meter.next_tick();
        locked.slot.set_used(tick);
        self.live.lock().add(Arc::clone(locked.slot), tick);
        locked.state.phase = SlotPhase::Live;
        self.meter.room_added();
    }

    /// Appends an event to a live room's log. Returns the events of its type beyond `limit`.
    pub(super) fn append(&self, locked: &mut LockedSlot<'_>, event: StoredEvent, limit: usize) -> Vec<Evicted> {
        let came = Amount::of(&event);
        let (mut left, mut evicted) = (Amount::default(), Vec::new());
        let SlotState { log, epoch, .. } = &mut *locked.state;
        log.append(
            event,
            limit,
            &mut leaving(&locked.slot.room, epoch.as_ref(), &mut left, &mut evicted),
        );
        self.meter.count(came, left);
        evicted
    }

    /// Begins a live room's log with the newest events of a durable log.
    pub(super) fn restore(&self, locked: &mut LockedSlot<'_>, window: StoredWindow) {
        let amount = |log: &RoomLog| {
            let mut amount = Amount::default();
            let all = log.recent(&|_| usize::MAX, LogBounds::NONE);
            all.iter().for_each(|event| amount.add(event));
            amount
        };
        let log = &mut locked.state.log;
        let left = amount(log);
        *log = std::mem::take(log).restored(window);
        self.meter.count(amount(log), left);
    }

    /// Replaces texts in a room's log. Returns the replaced events as they are now.
    pub(super) fn replace(
        &self,
        locked: &mut LockedSlot<'_>,
        with: &dyn Fn(&StoredEvent) -> Option<Bytes>,
    ) -> Vec<StoredEvent> {
        let (mut came, mut left, mut replaced) = (Amount::default(), Amount::default(), Vec::new());
        locked.state.log.replace(with, &mut |before, now| {
            left.add(&before);
            came.add(now);
            replaced.push(now.clone());
        });
        self.meter.count(came, left);
        replaced
    }

    /// The rooms that keep events, in no order.
    pub(super) fn live(&self) -> Vec<RoomId> {
        let slots = self.slots.all().into_iter();
        let live = slots.filter(|slot| slot.lock().state.phase == SlotPhase::Live);
        live.map(|slot| slot.room.clone()).collect()
    }

    /// Evicts the oldest events of a live room while `is_too_much` returns true. The room stays live.
    pub(super) fn trim(&self, locked: &mut LockedSlot<'_>, is_too_much: impl Fn(&Meter) -> bool) -> Vec<Evicted> {
        let mut evicted = Vec::new();
        while is_too_much(&self.meter)
            && let Some(entry) = locked.state.log.evict_oldest()
        {
            self.meter.count(Amount::default(), Amount::of(&entry));
            evicted.push(Evicted {
                room: locked.slot.room.clone(),
                epoch: locked.state.epoch.clone(),
                entry,
            });
        }
        evicted
    }

    /// Removes the events of a type up to the number `through`, if the room is live.
    pub(super) fn remove_through(&self, locked: &mut LockedSlot<'_>, event: &str, through: u64) {
        if locked.state.phase == SlotPhase::Live {
            let mut left = Amount::default();
            locked
                .state
                .log
                .remove_through(event, through, &mut |removed| left.add(&removed));
            self.meter.count(Amount::default(), left);
        }
    }

    /// Evicts all events of a room, if it is live. The store then remembers the room, unless there is nothing to remember.
    pub(super) fn empty(&self, locked: &mut LockedSlot<'_>) -> Vec<Evicted> {
        let (mut left, mut evicted) = (Amount::default(), Vec::new());
        if locked.state.phase != SlotPhase::Live {
            return evicted;
        }
        let SlotState { log, epoch, .. } = &mut *locked.state;
        log.evict_all(&mut leaving(&locked.slot.room, epoch.as_ref(), &mut left, &mut evicted));
        self.meter.count(Amount::default(), left);
        self.meter.room_emptied();
        self.live.lock().remove(locked.slot);
        self.remember(locked);
        if locked.state.log.is_blank() && locked.state.epoch.is_none() {
            self.remove(locked);
        }
        evicted
    }

    /// Remembers a room that is idle from now on. The caller must not hold the lock of a log.
    pub(super) fn retire(&self, room: &RoomId, idle: Remembered) {
        loop {
            let slot = self.slots.find_or_add(room, || self.unknown_log());
            let mut locked = slot.lock();
            match locked.state.phase {
                SlotPhase::Live => {}
                SlotPhase::New => self.remember(&mut locked),
                SlotPhase::Emptied => {
                    self.emptied.lock().remove(locked.slot);
                    self.remember(&mut locked);
                }
                SlotPhase::Removed => continue,
            }
            locked.state.log.advance_to(idle.top);
            locked.state.epoch = Some(idle.epoch);
            break;
        }
        self.bound_memory();
    }

    /// Makes a room without events the last one to be forgotten.
    fn remember(&self, locked: &mut LockedSlot<'_>) {
        locked.state.phase = SlotPhase::Emptied;
        let tick = self.meter.next_tick();
        self.emptied.lock().add(Arc::clone(locked.slot), tick);
    }

    /// Forgets a room that is not live.
    pub(super) fn remove(&self, locked: &mut LockedSlot<'_>) {
        match locked.state.phase {
            SlotPhase::Emptied => self.emptied.lock().remove(locked.slot),
            // The map may have another slot for the room by now.
            SlotPhase::Removed => return,
            SlotPhase::New | SlotPhase::Live => {}
        }
        locked.state.phase = SlotPhase::Removed;
        self.slots.remove(&locked.slot.room);
    }

    /// Forgets the rooms that were emptied first, if too many are remembered. The caller must not hold the lock of a
    /// log.
    pub(super) fn bound_memory(&self) {
        while let Some(slot) = self.first_beyond_memory() {
            let mut locked = slot.lock();
            if locked.state.phase == SlotPhase::Emptied {
                // First the mark, then the map: a thread that does not find the room must see the mark.
                self.forgotten.fetch_max(locked.state.log.top(), Ordering::Relaxed);
                self.remove(&mut locked);
            }
        }
    }

    fn first_beyond_memory(&self) -> Option<Arc<RoomSlot>> {
        let mut emptied = self.emptied.lock();
        (emptied.len() > self.max_remembered).then(|| emptied.first()).flatten()
    }

    /// The least recently used live room. Until the caller has locked its log, other threads may use the room again.
    pub(super) fn least_recently_used(&self) -> Option<Arc<RoomSlot>> {
        self.live.lock().first()
    }
}

/// Counts and collects the events that leave a room.
fn leaving(
    room: &RoomId,
    epoch: Option<&Arc<str>>,
    left: &mut Amount,
    evicted: &mut Vec<Evicted>,
) -> impl FnMut(StoredEvent) {
    move |entry| {
        left.add(&entry);
        evicted.push(Evicted {
            room: room.clone(),
            epoch: epoch.cloned(),
            entry,
        });
    }
}

#[cfg(test)]
mod recount {
    use super::{MemoryRooms, SlotPhase};
    use crate::log::bounds::LogBounds;
    use crate::log::store::LogSize;

    impl MemoryRooms {
        /// Counts what the logs hold, for tests to compare with the counters. Nothing may use the store meanwhile.
        pub(in crate::log::memory) fn recount(&self) -> LogSize {
            let mut size = LogSize::default();
            let mut emptied = 0;
            for slot in self.slots.all() {
                let locked = slot.lock();
                match locked.state.phase {
                    SlotPhase::Live => size.rooms += 1,
                    SlotPhase::Emptied => emptied += 1,
                    other => panic!("a slot in the map is {other:?}"),
                }
                for event in locked.state.log.recent(&|_| usize::MAX, LogBounds::NONE) {
                    size.events += 1;
                    size.bytes += event.body.len();
                }
            }
            assert_eq!(self.live.lock().len(), size.rooms, "all live rooms are in their order");
            assert_eq!(self.emptied.lock().len(), emptied, "all emptied rooms are in theirs");
            assert!(emptied <= self.max_remembered);
            size
        }
    }
}
