//! What waits for a reader: the newest items within two bounds, and how many older ones were dropped. What marks a break between
//! them is not dropped with them.
//!
//! Whoever puts something in never waits, so that a reader that stalls holds up nobody but itself.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

/// The most that a buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BufferLimits {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// What can wait.
pub(super) trait Weighed {
    /// How many bytes it counts for.
    fn weight(&self) -> usize;

    /// Whether it is a mark between the others: it says something of all that comes behind it.
    fn is_barrier(&self) -> bool {
        false
    }
}

/// A queue that drops its oldest item over its bounds. Whatever the bounds, it holds the newest one, and the mark that the
/// oldest ones are behind.
#[derive(Debug)]
pub(super) struct BoundedQueue<T> {
    /// The last mark that was in the way.
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
                Some(barrier) if barrier.is_barrier() => self.barrier = Some(barrier),
                _ => self.dropped += 1,
            }
        }
    }

    /// What is next.
    pub(super) fn next(&mut self) -> Option<NextItem<T>> {
        // First the mark: what was dropped may have been behind it.
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

    /// Drops all that waits.
    pub(super) fn clear(&mut self) {
        self.dropped += self.waiting.len() as u64;
        self.waiting.clear();
        self.bytes = 0;
    }

    /// Takes out what `wanted` picks, in order, as a queue of its own, which knows what was dropped.
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

/// A queue with one reader that waits for what comes.
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

/// What the reader finds next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextItem<T> {
    Item(T),
    /// So many were dropped before what comes next.
    Dropped(u64),
    End,
}

impl<T: Weighed> ItemBuffer<T> {
    /// A buffer in which this waits already.
    pub(super) fn of(queue: BoundedQueue<T>) -> Self {
        Self {
            state: Mutex::new(BufferState {
                queue,
                ended: false,
                reader: None,
            }),
        }
    }

    /// Puts an item in, unless the buffer has ended.
    pub(super) fn push(&self, item: T) {
        let mut state = self.state.lock();
        if !state.ended {
            state.queue.push(item);
            wake(state);
        }
    }

    /// Ends it: what waits is still read.
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

    /// The next of it. Safe to drop: nothing is lost.
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

    /// What weighs nothing is a mark.
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
    async fn a_reader_that_is_too_slow_loses_the_oldest_and_is_told_how_many() {
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
    async fn a_reader_that_waits_is_woken_by_an_item_and_by_the_end() {
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
    fn what_is_taken_out_weighs_nothing_any_more_and_knows_what_was_dropped() {
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
    fn a_mark_is_told_however_much_of_what_is_around_it_was_dropped() {
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

    proptest! {
        #[test]
        fn never_holds_more_than_its_bounds_or_one_item(weights in prop::collection::vec(1..200_usize, 0..50)) {
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
