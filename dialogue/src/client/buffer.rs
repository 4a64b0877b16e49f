//! Items that wait for a reader: the newest within two limits, and a count of the older ones that were dropped. A
//! barrier between the items survives when they are dropped.
//!
//! The writer never waits, so a reader that stalls delays nobody but itself.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

/// The most that a buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BufferLimits {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// An item that can wait in a buffer.
pub(super) trait Weighed {
    /// How many bytes it counts for.
    fn weight(&self) -> usize;

    /// Whether it is a barrier between the others: it says something about everything after it.
    fn is_barrier(&self) -> bool {
        false
    }

    /// Whether the last such item arrives, even if everything around it is dropped.
    fn must_arrive(&self) -> bool {
        self.is_barrier()
    }
}

/// A queue that drops its oldest items when it is over its limits. It always keeps the newest item, and the last
/// barrier before the oldest one.
#[derive(Debug)]
pub(super) struct BoundedQueue<T> {
    /// The last barrier that was removed to make room.
    barrier: Option<T>,
    waiting: VecDeque<T>,
    bytes: usize,
    bounds: BufferLimits,
    dropped: u64,
}

impl<T: Weighed> BoundedQueue<T> {
    pub(super) fn new(bounds: BufferLimits) -> Self {
        Self {
            barrier: None,
            waiting: VecDeque::new(),
            bytes: 0,
            bounds,
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, item: T) {
        self.bytes += item.weight();
        self.waiting.push_back(item);
        while self.waiting.len() > 1 && (self.waiting.len() > self.bounds.items || self.bytes > self.bounds.bytes) {
            match self.pop() {
                Some(barrier) if barrier.must_arrive() => self.barrier = Some(barrier),
                _ => self.dropped += 1,
            }
        }
    }

    /// The next item.
    pub(super) fn next(&mut self) -> Option<NextItem<T>> {
        // The barrier comes first, because the dropped items may have followed it.
        if let Some(barrier) = self.barrier.take() {
            return Some(NextItem::Item(barrier));
        }
        match std::mem::take(&mut self.dropped) {
            0 => self.pop().map(NextItem::Item),
            dropped => Some(NextItem::Dropped(dropped)),
        }
    }

    fn pop(&mut self) -> Option<T> {
        let item = self.waiting.pop_front()?;
        self.bytes -= item.weight();
        Some(item)
    }

    /// Drops all waiting items.
    pub(super) fn clear(&mut self) {
        self.dropped += self.waiting.len() as u64;
        self.waiting.clear();
        self.bytes = 0;
    }

    /// Removes the waiting items that `is_due` accepts. They do not count as dropped.
    pub(super) fn remove(&mut self, is_due: impl Fn(&T) -> bool) {
        self.waiting.retain(|item| !is_due(item));
        self.bytes = self.waiting.iter().map(Weighed::weight).sum();
    }

    /// Takes the items that `wanted` accepts, in order, into a queue of their own. It starts with the same count of
    /// dropped items.
    pub(super) fn split(&mut self, wanted: impl Fn(&T) -> bool, bounds: BufferLimits) -> Self {
        let mut taken = Self::new(bounds);
        taken.dropped = self.dropped;
        for item in std::mem::take(&mut self.waiting) {
            if wanted(&item) {
                self.bytes -= item.weight();
                taken.push(item);
            } else {
                self.waiting.push_back(item);
            }
        }
        taken
    }
}

/// A queue with one reader that waits for items.
#[derive(Debug)]
pub(super) struct ItemBuffer<T> {
    state: Mutex<BufferState<T>>,
}

#[derive(Debug)]
struct BufferState<T> {
    queue: BoundedQueue<T>,
    ended: bool,
    reader: Option<Waker>,
}

/// The next thing for the reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextItem<T> {
    Item(T),
    /// This many items were dropped before the next one.
    Dropped(u64),
    End,
}

impl<T: Weighed> ItemBuffer<T> {
    /// A buffer that starts with the items of this queue.
    pub(super) fn of(queue: BoundedQueue<T>) -> Self {
        Self {
            state: Mutex::new(BufferState {
                queue,
                ended: false,
                reader: None,
            }),
        }
    }

    /// Adds an item, unless the buffer has ended.
    pub(super) fn push(&self, item: T) {
        let mut state = self.state.lock();
        if !state.ended {
            state.queue.push(item);
            wake(state);
        }
    }

    /// Ends the buffer. The reader still receives the waiting items.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        wake(state);
    }

    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<NextItem<T>> {
        let mut state = self.state.lock();
        if let Some(next) = state.queue.next() {
            return Poll::Ready(next);
        }
        if state.ended {
            return Poll::Ready(NextItem::End);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// The next item. Safe to drop: nothing is lost.
    pub(super) async fn next(&self) -> NextItem<T> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
}

fn wake<T>(mut state: MutexGuard<'_, BufferState<T>>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Parcel(usize);

    /// A parcel without weight is a barrier.
    impl Weighed for Parcel {
        fn weight(&self) -> usize {
            self.0
        }

        fn is_barrier(&self) -> bool {
            self.0 == 0
        }
    }

    const BOUNDS: BufferLimits = BufferLimits { items: 3, bytes: 100 };

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_items_and_learns_how_many() {
        let buffer = ItemBuffer::of(BoundedQueue::new(BOUNDS));
        for weight in 1..=5 {
            buffer.push(Parcel(weight));
        }
        buffer.end();
        buffer.push(Parcel(6));
        let expected = [
            NextItem::Dropped(2),
            NextItem::Item(Parcel(3)),
            NextItem::Item(Parcel(4)),
            NextItem::Item(Parcel(5)),
            NextItem::End,
        ];
        for next in expected {
            assert_eq!(buffer.next().await, next);
        }
    }

    #[tokio::test]
    async fn an_item_and_the_end_wake_a_waiting_reader() {
        let buffer = std::sync::Arc::new(ItemBuffer::of(BoundedQueue::new(BOUNDS)));
        let reader = tokio::spawn({
            let buffer = buffer.clone();
            async move { (buffer.next().await, buffer.next().await) }
        });
        tokio::task::yield_now().await;
        buffer.push(Parcel(1));
        tokio::task::yield_now().await;
        buffer.end();
        assert_eq!(reader.await.unwrap(), (NextItem::Item(Parcel(1)), NextItem::End));
    }

    #[test]
    fn items_that_are_split_off_no_longer_weigh_and_keep_the_count_of_dropped_ones() {
        let mut queue = BoundedQueue::new(BOUNDS);
        for weight in [7, 60, 1, 39] {
            queue.push(Parcel(weight));
        }
        let mut taken = queue.split(|parcel| parcel.0 > 1, BOUNDS);
        for expected in [
            NextItem::Dropped(1),
            NextItem::Item(Parcel(60)),
            NextItem::Item(Parcel(39)),
        ] {
            assert_eq!(taken.next(), Some(expected));
        }
        assert_eq!(taken.next(), None);
        queue.push(Parcel(99));
        assert_eq!(queue.waiting, [Parcel(1), Parcel(99)]);
        queue.clear();
        assert_eq!((queue.next(), queue.next()), (Some(NextItem::Dropped(3)), None));
    }

    #[test]
    fn a_barrier_survives_when_the_items_around_it_are_dropped() {
        let mut queue = BoundedQueue::new(BOUNDS);
        for weight in [1, 0, 2, 3, 4, 5] {
            queue.push(Parcel(weight));
        }
        for expected in [0, 3, 4, 5].map(Parcel) {
            if expected == Parcel(3) {
                assert_eq!(queue.next(), Some(NextItem::Dropped(2)));
            }
            assert_eq!(queue.next(), Some(NextItem::Item(expected)));
        }
    }

    #[test]
    fn items_that_are_removed_neither_weigh_nor_count_as_dropped() {
        let mut queue = BoundedQueue::new(BOUNDS);
        for weight in [1, 60, 39] {
            queue.push(Parcel(weight));
        }
        queue.remove(|parcel| parcel.0 == 60);
        assert_eq!((queue.bytes, queue.next()), (40, Some(NextItem::Item(Parcel(1)))));
    }

    proptest! {
        #[test]
        fn never_holds_more_than_its_limits_or_one_item(weights in prop::collection::vec(1..200_usize, 0..50)) {
            let mut queue = BoundedQueue::new(BOUNDS);
            for (pushed, weight) in weights.iter().enumerate() {
                queue.push(Parcel(*weight));
                prop_assert_eq!(queue.bytes, queue.waiting.iter().map(Weighed::weight).sum::<usize>());
                prop_assert!(queue.waiting.len() <= BOUNDS.items);
                prop_assert!(queue.bytes <= BOUNDS.bytes || queue.waiting.len() == 1);
                prop_assert_eq!(queue.waiting.len() as u64 + queue.dropped, pushed as u64 + 1);
            }
        }
    }
}
