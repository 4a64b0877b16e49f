//! The queue of evicted events that wait for `on_history_evicted`. The runtime calls the hook.
//!
//! Events that belong in one batch have a queue of their own, so that batches fill up even if rooms and types
//! alternate. The next batch comes from the queue whose first event has waited longest.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::bounds::LogBounds;
use super::event::StoredEvent;
use super::page::{LogCursor, LogPage, Reach};
use crate::id::{EventName, RoomId};
use crate::serial::SerialQueue;

/// The most events in one call of the hook: enough for an efficient batch insert into a database.
pub(crate) const BATCH: usize = 100;

/// The most events that may wait while the server runs, about 10 MB of chat lines. Their bytes have a limit of their
/// own.
pub(crate) const MAX_WAITING: usize = 50_000;

/// Evicted events that the hook has not taken yet.
#[derive(Default)]
pub(crate) struct ArchiveQueue {
    waiting: Mutex<WaitingEvents>,
    /// Runs the hook.
    pub(crate) worker: SerialQueue,
}

/// The events that go in one batch: one type, in one incarnation of a room. In another incarnation, numbers mean
/// something else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Series {
    pub(crate) room: RoomId,
    pub(crate) epoch: Arc<str>,
    pub(crate) event: EventName,
}

impl Series {
    pub(crate) fn of(room: &RoomId, epoch: &Arc<str>, event: &EventName) -> Self {
        Self {
            room: room.clone(),
            epoch: Arc::clone(epoch),
            event: event.clone(),
        }
    }
}

/// An event in the queue.
#[derive(Debug)]
struct WaitingEvent {
    /// The event's position among all evicted events.
    arrival: u64,
    /// How many nested hooks and handlers led to the eviction.
    depth: usize,
    event: StoredEvent,
}

/// The events for one call of the hook.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) series: Series,
    /// Oldest first.
    pub(crate) events: Vec<StoredEvent>,
    /// The greatest depth among these events.
    pub(crate) depth: usize,
    /// The arrival of the newest event.
    last: u64,
}

#[derive(Default)]
struct WaitingEvents {
    /// Oldest first, none of them empty. A batch stays here until the hook has taken it, so that readers of the history
    /// still find it.
    queues: HashMap<Series, VecDeque<WaitingEvent>>,
    /// The queues by the arrival of their first event.
    by_age: BTreeMap<u64, Series>,
    arrivals: u64,
    /// How many events wait, in all queues together.
    events: usize,
    /// The bytes of their texts.
    bytes: usize,
}

impl WaitingEvents {
    fn push(&mut self, series: Series, event: StoredEvent, depth: usize) {
        self.arrivals += 1;
        self.events += 1;
        self.bytes += event.body.len();
        let entry = WaitingEvent {
            arrival: self.arrivals,
            depth,
            event,
        };
        if let Some(queue) = self.queues.get_mut(&series) {
            queue.push_back(entry);
        } else {
            self.by_age.insert(entry.arrival, series.clone());
            self.queues.insert(series, VecDeque::from([entry]));
        }
    }

    /// The series whose first event has waited longest, with its queue.
    fn oldest(&self) -> Option<(&Series, &VecDeque<WaitingEvent>)> {
        let (_, series) = self.by_age.first_key_value()?;
        self.queues.get_key_value(series)
    }

    /// Removes the first events of a series, up to the arrival `last`.
    fn remove(&mut self, series: &Series, last: u64) {
        let Some(queue) = self.queues.get_mut(series) else {
            return;
        };
        while let Some(entry) = queue.pop_front_if(|entry| entry.arrival <= last) {
            self.by_age.remove(&entry.arrival);
            self.events -= 1;
            self.bytes -= entry.event.body.len();
        }
        match queue.front() {
            Some(first) => {
                self.by_age.insert(first.arrival, series.clone());
            }
            None => {
                self.queues.remove(series);
            }
        }
        if self.queues.is_empty() {
            // A wave of evictions must not hold its memory afterwards.
            self.queues.shrink_to_fit();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some((arrival, series)) = self.by_age.pop_first() {
            self.remove(&series, arrival);
        }
    }
}

impl ArchiveQueue {
    /// Queues events that code at `depth` has evicted. Beyond the bounds the oldest events are dropped, because a dead
    /// database must not fill the memory. Returns how many were dropped.
    pub(crate) fn push(
        &self,
        evicted: impl IntoIterator<Item = (Series, StoredEvent)>,
        depth: usize,
        bounds: LogBounds,
    ) -> usize {
        let mut waiting = self.waiting.lock();
        for (series, event) in evicted {
            waiting.push(series, event, depth);
        }
        let before = waiting.events;
        while waiting.events > bounds.events || waiting.bytes > bounds.bytes {
            waiting.remove_oldest();
        }
        before - waiting.events
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().events
    }

    /// Waits until the hook has taken every event, or given it up.
    pub(crate) async fn idle(&self) {
        self.worker.idle().await;
    }

    /// One page of a series' events that wait, and how far back they go.
    pub(crate) fn page(&self, series: &Series, cursor: LogCursor, bounds: LogBounds) -> (LogPage, Reach) {
        let waiting = self.waiting.lock();
        let Some(queue) = waiting.queues.get(series) else {
            return Default::default();
        };
        let events = || queue.iter().map(|entry| &entry.event);
        (
            LogPage::of(events().rev(), cursor, bounds),
            Reach::of_kind(cursor, events()),
        )
    }

    /// All events that wait, with their series. Those of one series are in order.
    pub(crate) fn all(&self) -> Vec<(Series, StoredEvent)> {
        let waiting = self.waiting.lock();
        let queues = waiting.queues.iter();
        let events = queues.flat_map(|(series, queue)| queue.iter().map(|entry| (series.clone(), entry.event.clone())));
        events.collect()
    }

    /// Replaces the texts of events of a room's incarnation. `with` returns the new text, or `None` to keep the old one.
    /// Returns the changed events. A batch that the hook already has stays as it is.
    pub(crate) fn replace(
        &self,
        room: &RoomId,
        epoch: &str,
        with: &dyn Fn(&StoredEvent) -> Option<Bytes>,
    ) -> Vec<StoredEvent> {
        let mut replaced = Vec::new();
        let mut waiting = self.waiting.lock();
        let WaitingEvents { queues, bytes, .. } = &mut *waiting;
        let of_room = |series: &Series| series.room == *room && *series.epoch == *epoch;
        for (_, queue) in queues.iter_mut().filter(|(series, _)| of_room(series)) {
            for WaitingEvent { event, .. } in queue {
                if let Some(body) = with(event) {
                    *bytes = *bytes - event.body.len() + body.len();
                    event.body = body;
                    replaced.push(event.clone());
                }
            }
        }
        replaced
    }

    /// The oldest event, with the events of its series that follow it.
    pub(crate) fn next_batch(&self) -> Option<Batch> {
        let waiting = self.waiting.lock();
        let (series, queue) = waiting.oldest()?;
        let batch = || queue.iter().take(BATCH);
        Some(Batch {
            series: series.clone(),
            events: batch().map(|entry| entry.event.clone()).collect(),
            depth: batch().map(|entry| entry.depth).max()?,
            last: batch().map(|entry| entry.arrival).next_back()?,
        })
    }

    /// Removes a batch that the hook has taken or given up. Some of its events may have been dropped meanwhile.
    pub(crate) fn done(&self, batch: &Batch) {
        self.waiting.lock().remove(&batch.series, batch.last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(number: usize) -> Series {
        Series {
            room: ["a", "a", "b"][number].into(),
            epoch: ["1", "2", "3"][number].into(),
            event: "message".into(),
        }
    }

    fn stored(number: u64) -> StoredEvent {
        StoredEvent {
            event: "message".into(),
            seq: Some(number),
            body: number.to_string().into(),
        }
    }

    fn numbers(events: &[StoredEvent]) -> Vec<u64> {
        events.iter().filter_map(|event| event.seq).collect()
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// Queues events of these series, evicted at this depth.
        Push(Vec<usize>, usize),
        Take,
        Done,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (prop::collection::vec(0..3_usize, 0..150), 0..4_usize)
                .prop_map(|(series, depth)| Step::Push(series, depth)),
            2 => Just(Step::Take),
            2 => Just(Step::Done),
        ]
    }

    proptest! {
        #[test]
        fn the_oldest_event_comes_first_with_its_series(
            steps in prop::collection::vec(step(), 0..30),
            max_events in 50..400_usize,
            max_bytes in 100..1_000_usize,
        ) {
            let bounds = LogBounds { events: max_events, bytes: max_bytes };
            let queue = ArchiveQueue::default();
            // The events that wait, oldest first: series, number, depth.
            let mut model: Vec<(usize, u64, usize)> = Vec::new();
            let (mut next, mut taken) = (0, None);
            for step in steps {
                match step {
                    Step::Push(all, depth) => {
                        let events: Vec<_> = all.iter().zip(next..).map(|(of, number)| (series(*of), stored(number))).collect();
                        model.extend(all.iter().zip(next..).map(|(of, number)| (*of, number, depth)));
                        next += all.len() as u64;
                        let size = |model: &[(usize, u64, usize)]| model.iter().map(|(_, number, _)| number.to_string().len()).sum::<usize>();
                        let mut given_up = 0;
                        while model.len() > max_events || size(&model) > max_bytes {
                            model.remove(0);
                            given_up += 1;
                        }
                        prop_assert_eq!(queue.push(events, depth, bounds), given_up);
                    }
                    Step::Take => {
                        taken = queue.next_batch();
                        let due: Vec<_> = model
                            .iter()
                            .filter(|(of, ..)| Some(of) == model.first().map(|(first, ..)| first))
                            .take(BATCH)
                            .collect();
                        prop_assert_eq!(taken.is_some(), !due.is_empty());
                        if let Some(batch) = &taken {
                            prop_assert_eq!(&batch.series, &series(due[0].0));
                            prop_assert_eq!(numbers(&batch.events), due.iter().map(|(_, number, _)| *number).collect::<Vec<_>>());
                            prop_assert_eq!(Some(batch.depth), due.iter().map(|(.., depth)| *depth).max());
                        }
                    }
                    Step::Done => {
                        if let Some(batch) = taken.take() {
                            queue.done(&batch);
                            let done = numbers(&batch.events);
                            model.retain(|(_, number, _)| !done.contains(number));
                        }
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                for of in 0..3 {
                    let all = LogCursor::Index { start: 0, end: usize::MAX };
                    let (page, reach) = queue.page(&series(of), all, LogBounds::NONE);
                    let waiting: Vec<_> = model.iter().filter(|(series, ..)| *series == of).map(|(_, number, _)| *number).collect();
                    prop_assert_eq!((reach.count, reach.lowest), (waiting.len(), waiting.first().copied()));
                    prop_assert_eq!(numbers(&page.events), waiting.into_iter().rev().collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn a_replaced_text_stays_in_its_place_and_counts_anew() {
        let queue = ArchiveQueue::default();
        queue.push([1, 2, 3].map(|number| (series(0), stored(number))), 0, LogBounds::NONE);
        queue.push([(series(1), stored(2))], 0, LogBounds::NONE);
        let with = |event: &StoredEvent| (event.seq == Some(2)).then(|| Bytes::from_static(b"replaced"));
        let replaced = queue.replace(&"a".into(), "1", &with);
        assert_eq!((numbers(&replaced), &replaced[0].body[..]), (vec![2], &b"replaced"[..]));
        let bodies: Vec<_> = queue
            .next_batch()
            .unwrap()
            .events
            .into_iter()
            .map(|event| event.body)
            .collect();
        assert_eq!(bodies, ["1", "replaced", "3"]);
        assert_eq!(queue.waiting.lock().bytes, 1 + 8 + 1 + 1);
        assert_eq!(queue.all().len(), 4);
    }

    #[test]
    fn frees_its_memory_when_the_hook_has_taken_everything() {
        let queue = ArchiveQueue::default();
        queue.push((0..3).map(|of| (series(of), stored(1))), 0, LogBounds::NONE);
        while let Some(batch) = queue.next_batch() {
            queue.done(&batch);
        }
        let waiting = queue.waiting.lock();
        assert_eq!((waiting.queues.capacity(), waiting.by_age.len()), (0, 0));
        assert_eq!((waiting.events, waiting.bytes), (0, 0));
    }
}
