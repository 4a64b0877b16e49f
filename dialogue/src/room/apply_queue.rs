//! The changes of a room's log that a store has made and this server has not applied yet, in the order of the log.
//!
//! A store of one process queues them in that order. If several nodes share a log, the outcomes of this node's changes and the
//! changes of other nodes come on different ways: the queue puts events in the order of their numbers. What other nodes have
//! done is bounded here, since it can be read from the log at any time.
//!
//! Knows no event: a change is a closure. The runtime decides what applies it, and when.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

use crate::serial::SerialQueue;

/// A change of a room's log.
pub(crate) struct LogEntry {
    pub(crate) place: LogPlace,
    /// The epoch in which its number counts. `None` if the log never renews an epoch, and for a change without a number.
    pub(crate) epoch: Option<Arc<str>>,
    /// Its bytes, if another node has made it: it may be dropped then. Own changes have somebody who waits for them.
    pub(crate) fed: Option<usize>,
    /// Applies the change. Runs once, without a lock.
    pub(crate) apply: Box<dyn FnOnce() + Send>,
}

/// Where a change belongs in a room's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPlace {
    /// It is the event with this number. Every event before it is applied first.
    Event(u64),
    /// It comes after the event with this number: that one and every event before it are applied first. It may be far from
    /// the end of the log.
    After(u64),
    /// It has no number. It is applied when everything that was queued before it has been.
    Unnumbered,
}

impl LogPlace {
    /// The number that the room must have reached first. 0 stands for the beginning of the log.
    fn after(self) -> u64 {
        match self {
            Self::Event(seq) => seq - 1,
            Self::After(seq) => seq,
            Self::Unnumbered => 0,
        }
    }

    /// Whether it is an event that can be applied after the number `applied`: the next one, or one that is applied already.
    fn is_event_after(self, applied: u64) -> bool {
        matches!(self, Self::Event(_)) && self.after() <= applied
    }
}

impl LogEntry {
    /// Whether its number counts in this epoch.
    pub(crate) fn is_of(&self, epoch: &str) -> bool {
        self.epoch.as_ref().is_none_or(|own| **own == *epoch)
    }
}

/// What comes next.
pub(crate) enum NextChange {
    /// This change can be applied. It has left the queue.
    Ready(LogEntry),
    /// A change waits for the events up to this number, and they are not in the queue.
    Missing(u64),
    /// The room's position must be asked for first: the first change is of another epoch, or changes may be missing.
    Check,
    /// Nothing waits.
    Nothing,
}

/// How many changes of other nodes wait at most in one room.
const MAX_FED: usize = 1_000;

/// Their bytes.
const MAX_FED_BYTES: usize = 1024 * 1024;

/// Finds out what has become of a change whose outcome is unknown, once every event of the log has been applied. Returns
/// false if it is still unknown.
pub(crate) type Resolve = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The changes that wait. Only rooms whose log is in a store have such a queue.
#[derive(Default)]
pub(crate) struct ApplyQueue {
    waiting: Mutex<Waiting>,
    unknown: Mutex<VecDeque<Resolve>>,
    /// Applies the changes, one after another.
    pub(crate) worker: SerialQueue,
    /// Notified when a change is queued.
    pushed: Notify,
    /// Notified when a change has been applied.
    progress: Notify,
}

#[derive(Default)]
struct Waiting {
    changes: VecDeque<LogEntry>,
    /// How many of them are from other nodes.
    fed: usize,
    /// Their bytes.
    fed_bytes: usize,
    /// Whether changes of other nodes may be missing that no number in the queue reveals.
    must_check: bool,
    /// Epochs that the log has begun, and the last number before each.
    begun: VecDeque<(Arc<str>, u64)>,
    /// Who waits until the room has reached the end of its log.
    waiters: Vec<Waiter>,
}

/// Told when the room has reached the end that its log had at the next check. Dropped if the room or the server ends.
type Waiter = oneshot::Sender<()>;

/// How many beginnings of epochs are remembered at most until the next check. Only the present epoch's is needed.
const MAX_BEGUN: usize = 8;

/// What a check takes out of the queue.
pub(crate) struct BeginningCheck {
    /// The changes that are not of the room's present epoch.
    pub(crate) others: Vec<LogEntry>,
    begun: VecDeque<(Arc<str>, u64)>,
    pub(crate) waiters: Vec<Waiter>,
}

impl BeginningCheck {
    /// The last number before an epoch, as far as that is known: what follows can be applied event by event.
    pub(crate) fn begin_of(&self, epoch: &str) -> Option<u64> {
        let told = self
            .begun
            .iter()
            .find(|(begun, _)| **begun == *epoch)
            .map(|(_, seq)| *seq);
        let is_of_it = |entry: &&LogEntry| entry.epoch.as_ref().is_some_and(|own| **own == *epoch);
        let first = self
            .others
            .iter()
            .filter(is_of_it)
            .map(|entry| entry.place.after())
            .min();
        told.or(first)
    }
}

impl Waiting {
    /// Takes out the change at a place in the queue.
    fn take(&mut self, index: usize) -> NextChange {
        let Some(entry) = self.changes.remove(index) else {
            return NextChange::Nothing;
        };
        if let Some(bytes) = entry.fed {
            self.fed -= 1;
            self.fed_bytes -= bytes;
        }
        NextChange::Ready(entry)
    }
}

impl ApplyQueue {
    /// Adds the latest change of the log.
    pub(crate) fn push(&self, entry: LogEntry) {
        self.waiting.lock().changes.push_back(entry);
        self.pushed.notify_one();
    }

    /// Adds a change of another node. If too many wait, drops all of them: the log has the events among them. Returns how many
    /// were dropped.
    pub(crate) fn push_fed(&self, entry: LogEntry) -> usize {
        let bytes = entry.fed.unwrap_or_default();
        let dropped = {
            let mut waiting = self.waiting.lock();
            let is_full = waiting.fed >= MAX_FED || waiting.fed_bytes.saturating_add(bytes) > MAX_FED_BYTES;
            // A change that is too large for an empty queue is read from the log, too.
            let mut dropped = VecDeque::new();
            if is_full {
                let (fed, own) = std::mem::take(&mut waiting.changes)
                    .into_iter()
                    .partition(|entry| entry.fed.is_some());
                (dropped, waiting.changes) = (fed, own);
                (waiting.fed, waiting.fed_bytes, waiting.must_check) = (0, 0, true);
                dropped.push_back(entry);
            } else {
                waiting.fed += 1;
                waiting.fed_bytes += bytes;
                waiting.changes.push_back(entry);
            }
            dropped
        };
        self.pushed.notify_one();
        // Outside of the lock, because what is dropped may take the room's lock.
        dropped.len()
    }

    /// Changes of other nodes may be missing: the worker asks for the room's position before it goes on.
    pub(crate) fn request_check(&self) {
        self.waiting.lock().must_check = true;
        self.pushed.notify_one();
    }

    /// The same, if the log says that it has begun an epoch after this number.
    pub(crate) fn request_check_of(&self, epoch: &Arc<str>, seq: u64) {
        let mut waiting = self.waiting.lock();
        waiting.must_check = true;
        if waiting.begun.len() >= MAX_BEGUN {
            waiting.begun.pop_front();
        }
        waiting.begun.push_back((Arc::clone(epoch), seq));
        drop(waiting);
        self.pushed.notify_one();
    }

    /// The same. Tells `waiter` when the room has reached the end that its log has then.
    pub(crate) fn request_check_for(&self, waiter: Waiter) {
        let mut waiting = self.waiting.lock();
        waiting.must_check = true;
        waiting.waiters.push(waiter);
        drop(waiting);
        self.pushed.notify_one();
    }

    /// The worker asks for the room's position now: whatever is queued from now on may need another check. Takes out the changes
    /// that are not of the room's present epoch. If the check fails, the worker must [undo](Self::undo_check) this.
    pub(crate) fn begin_check(&self, epoch: &str) -> BeginningCheck {
        let mut waiting = self.waiting.lock();
        waiting.must_check = false;
        let (begun, waiters) = (std::mem::take(&mut waiting.begun), std::mem::take(&mut waiting.waiters));
        let mut others = Vec::new();
        let mut index = 0;
        while let Some(entry) = waiting.changes.get(index) {
            if entry.is_of(epoch) {
                index += 1;
            } else if let NextChange::Ready(entry) = waiting.take(index) {
                others.push(entry);
            }
        }
        BeginningCheck { others, begun, waiters }
    }

    /// The room's position is still not known.
    pub(crate) fn undo_check(&self, check: BeginningCheck) {
        self.put_back(check.others);
        let mut waiting = self.waiting.lock();
        waiting.must_check = true;
        for begun in check.begun.into_iter().rev() {
            waiting.begun.push_front(begun);
        }
        waiting.begun.truncate(MAX_BEGUN);
        waiting
            .waiters
            .extend(check.waiters.into_iter().filter(|waiter| !waiter.is_closed()));
    }

    /// Puts changes back that a check has taken out, before all others.
    pub(crate) fn put_back(&self, changes: Vec<LogEntry>) {
        let mut waiting = self.waiting.lock();
        for entry in changes.into_iter().rev() {
            if let Some(bytes) = entry.fed {
                waiting.fed += 1;
                waiting.fed_bytes += bytes;
            }
            waiting.changes.push_front(entry);
        }
    }

    /// What comes next in a room that has applied the events up to the number `applied` of an epoch. Only the worker calls this.
    pub(crate) fn next(&self, epoch: &str, applied: u64) -> NextChange {
        let mut waiting = self.waiting.lock();
        if waiting.must_check {
            return NextChange::Check;
        }
        let Some(first) = waiting.changes.front() else {
            return NextChange::Nothing;
        };
        match first.place.after() {
            _ if !first.is_of(epoch) => NextChange::Check,
            after if after > applied => {
                // Answers and the feed of a shared log may have brought the events in another order.
                let is_next = |entry: &LogEntry| entry.place.is_event_after(applied) && entry.is_of(epoch);
                match waiting.changes.iter().position(is_next) {
                    Some(index) => waiting.take(index),
                    None => NextChange::Missing(after),
                }
            }
            _ => waiting.take(0),
        }
    }

    /// Takes out the first change of this node, whatever waits before it. For a room whose log is not loaded: such a change needs
    /// no window.
    pub(crate) fn next_own(&self) -> Option<LogEntry> {
        let mut waiting = self.waiting.lock();
        let index = waiting.changes.iter().position(|entry| entry.fed.is_none())?;
        waiting.changes.remove(index)
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.changes.is_empty() && !waiting.must_check
    }

    /// Adds a change whose outcome is unknown.
    pub(crate) fn push_unknown(&self, resolve: Resolve) {
        self.unknown.lock().push_back(resolve);
    }

    /// How many changes have an unknown outcome.
    pub(crate) fn unknown(&self) -> usize {
        self.unknown.lock().len()
    }

    /// The first change whose outcome is unknown.
    pub(crate) fn first_unknown(&self) -> Option<Resolve> {
        self.unknown.lock().front().cloned()
    }

    /// Removes the first change whose outcome was unknown. Only the worker calls this.
    pub(crate) fn pop_unknown(&self) -> Option<Resolve> {
        self.unknown.lock().pop_front()
    }

    /// Drops every change that waits: nothing will apply it. What it holds is free then.
    pub(crate) fn give_up(&self) {
        // Outside of the lock, because what is dropped takes the room's lock.
        let waiting = std::mem::take(&mut *self.waiting.lock());
        drop(waiting);
        self.give_up_unknown();
    }

    /// Drops the changes whose outcome is unknown: nothing will find out about them.
    pub(crate) fn give_up_unknown(&self) {
        let unknown = std::mem::take(&mut *self.unknown.lock());
        drop(unknown);
        self.note_progress();
    }

    /// Waits until a change is queued. It may have been queued before, and applied meanwhile.
    pub(crate) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// Tells everybody who waits for it that a change has been applied.
    pub(crate) fn note_progress(&self) {
        self.progress.notify_waiters();
    }

    /// Waits until a change is applied after this call.
    pub(crate) fn progressed(&self) -> Notified<'_> {
        self.progress.notified()
    }
}

impl std::fmt::Debug for ApplyQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApplyQueue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(place: LogPlace, fed: Option<usize>) -> LogEntry {
        LogEntry {
            place,
            epoch: Some("e".into()),
            fed,
            apply: Box::new(|| ()),
        }
    }

    /// The places of the changes that can be applied, and what the next one waits for.
    fn drain(queue: &ApplyQueue, mut applied: u64) -> (Vec<LogPlace>, u64) {
        let mut places = Vec::new();
        loop {
            match queue.next("e", applied) {
                NextChange::Check => panic!("nothing is to be checked"),
                NextChange::Ready(entry) => {
                    if let LogPlace::Event(seq) = entry.place {
                        applied = applied.max(seq);
                    }
                    places.push(entry.place);
                }
                NextChange::Missing(through) => return (places, through),
                NextChange::Nothing => return (places, 0),
            }
        }
    }

    #[test]
    fn events_come_in_the_order_of_their_numbers_and_others_behind_what_was_queued_before() {
        use LogPlace::{After, Event, Unnumbered};
        let queue = ApplyQueue::default();
        for place in [Event(3), Unnumbered, Event(1), After(4), Event(2), Event(4)] {
            queue.push(entry(place, None));
        }
        let order = [Event(1), Event(2), Event(3), Unnumbered, Event(4), After(4)];
        assert_eq!(drain(&queue, 0), (order.to_vec(), 0));
    }

    #[test]
    fn a_change_waits_for_the_events_before_it() {
        use LogPlace::{Event, Unnumbered};
        let queue = ApplyQueue::default();
        for place in [Event(2), Event(5), Unnumbered] {
            queue.push(entry(place, None));
        }
        assert_eq!(drain(&queue, 1), (vec![Event(2)], 4));
        assert_eq!(drain(&queue, 4), (vec![Event(5), Unnumbered], 0));
    }

    #[test]
    fn too_many_changes_of_other_nodes_are_dropped_but_never_own_ones() {
        let queue = ApplyQueue::default();
        queue.push(entry(LogPlace::Event(7), None));
        for seq in 0..1_000 {
            assert_eq!(queue.push_fed(entry(LogPlace::Event(seq + 8), Some(10))), 0);
        }
        assert!(!must_check(&queue));
        assert_eq!(queue.push_fed(entry(LogPlace::Unnumbered, Some(10))), 1_001);
        assert!(must_check(&queue));
        assert_eq!(queue.begin_check("e").others.len(), 0);
        assert!(!must_check(&queue));
        assert_eq!(drain(&queue, 6), (vec![LogPlace::Event(7)], 0));
        // They have left no bytes behind.
        assert_eq!(queue.push_fed(entry(LogPlace::Event(8), Some(MAX_FED_BYTES))), 0);
        assert_eq!(queue.push_fed(entry(LogPlace::Event(9), Some(1))), 2);
        queue.request_check();
        assert!(must_check(&queue));
    }

    #[test]
    fn a_change_of_another_epoch_is_checked_when_it_is_its_turn() {
        let queue = ApplyQueue::default();
        let other = |seq| LogEntry {
            epoch: Some("f".into()),
            ..entry(LogPlace::Event(seq), None)
        };
        queue.push(entry(LogPlace::Event(2), None));
        queue.push(other(1));
        queue.push(entry(LogPlace::Event(1), None));
        assert!(matches!(
            queue.next("e", 0),
            NextChange::Ready(LogEntry {
                place: LogPlace::Event(1),
                ..
            })
        ));
        assert!(matches!(
            queue.next("e", 1),
            NextChange::Ready(LogEntry {
                place: LogPlace::Event(2),
                ..
            })
        ));
        assert!(matches!(queue.next("e", 2), NextChange::Check));
        assert!(
            matches!(queue.next("f", 0), NextChange::Ready(_)),
            "the room was renewed"
        );
        queue.push(other(3));
        queue.push(entry(LogPlace::Event(3), None));
        let check = queue.begin_check("e");
        assert_eq!(check.others.len(), 1, "the change of the other epoch");
        assert_eq!(check.begin_of("f"), Some(2));
        queue.put_back(check.others);
        assert!(matches!(queue.next("e", 2), NextChange::Check));
        drop(queue.begin_check("e"));
        assert_eq!(drain(&queue, 2), (vec![LogPlace::Event(3)], 0));
    }

    fn must_check(queue: &ApplyQueue) -> bool {
        queue.waiting.lock().must_check
    }

    proptest! {
        /// Whatever the order in which they come, and however often.
        #[test]
        fn all_events_are_applied_in_order(
            mut events in prop::collection::vec((1u64..20, any::<bool>()), 0..60),
            applied in 0u64..20,
        ) {
            let queue = ApplyQueue::default();
            for (seq, is_fed) in &events {
                let place = LogPlace::Event(*seq);
                match is_fed {
                    true => prop_assert_eq!(queue.push_fed(entry(place, Some(1))), 0),
                    false => queue.push(entry(place, None)),
                }
            }
            let (places, missing) = drain(&queue, applied);
            let mut reached = applied;
            for place in &places {
                let LogPlace::Event(seq) = *place else { unreachable!() };
                prop_assert!(seq <= reached + 1, "{} after {}", seq, reached);
                reached = reached.max(seq);
            }
            events.retain(|(seq, _)| *seq > reached);
            match events.is_empty() {
                true => prop_assert_eq!(missing, 0),
                false => prop_assert!(missing > reached && events.iter().all(|(seq, _)| *seq > reached + 1)),
            }
        }
    }
}
