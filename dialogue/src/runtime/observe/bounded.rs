//! The queue of a slow reader. It is bounded in items and bytes, drops its oldest items, and counts the dropped ones.
//!
//! Pure: it has no lock and wakes no task.

use std::collections::VecDeque;

/// An empty queue keeps memory for at most this many items.
const KEPT_CAPACITY: usize = 64;

/// A bounded queue that prefers new items to old ones.
#[derive(Debug)]
pub(crate) struct Bounded<T> {
    /// Each item with its size in bytes.
    items: VecDeque<(T, usize)>,
    bytes: usize,
    dropped: u64,
    max_items: usize,
    max_bytes: usize,
}

impl<T> Bounded<T> {
    pub(crate) const fn new(max_items: usize, max_bytes: usize) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            max_items,
            max_bytes,
        }
    }

    /// Adds an item of this size, and drops the oldest items that no longer fit. An item that is too large for the whole
    /// queue is dropped too.
    pub(crate) fn push(&mut self, item: T, bytes: usize) {
        self.bytes += bytes;
        self.items.push_back((item, bytes));
        while self.items.len() > self.max_items || self.bytes > self.max_bytes {
            let Some((_, bytes)) = self.items.pop_front() else {
                return;
            };
            self.bytes -= bytes;
            self.dropped += 1;
        }
    }

    /// Takes the oldest item.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (item, bytes) = self.items.pop_front()?;
        self.bytes -= bytes;
        if self.items.is_empty() && self.items.capacity() > KEPT_CAPACITY {
            self.items = VecDeque::new();
        }
        Some(item)
    }

    /// Takes all items, the oldest first.
    #[cfg(any(test, feature = "inspector"))]
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.bytes = 0;
        std::mem::take(&mut self.items).into_iter().map(|(item, _)| item)
    }

    /// How many items were dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Pop,
        TakeAll,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![6 => (0..20_usize).prop_map(Step::Push), 2 => Just(Step::Pop), 1 => Just(Step::TakeAll)]
    }

    proptest! {
        #[test]
        fn keeps_the_newest_items_within_both_bounds_and_counts_the_rest(
            steps in prop::collection::vec(step(), 0..60),
            max_items in 1..6_usize,
            max_bytes in 1..40_usize,
        ) {
            let mut queue = Bounded::new(max_items, max_bytes);
            let mut model: Vec<(usize, usize)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                let mut dropped = 0;
                match step {
                    Step::Push(bytes) => {
                        queue.push(number, bytes);
                        model.push((number, bytes));
                        while model.len() > max_items || model.iter().map(|(_, bytes)| bytes).sum::<usize>() > max_bytes {
                            model.remove(0);
                            dropped += 1;
                        }
                    }
                    Step::Pop => {
                        let oldest = (!model.is_empty()).then(|| model.remove(0).0);
                        prop_assert_eq!(queue.pop(), oldest);
                    }
                    Step::TakeAll => {
                        let all: Vec<_> = model.drain(..).map(|(number, _)| number).collect();
                        prop_assert_eq!(queue.take_all().collect::<Vec<_>>(), all);
                    }
                }
                prop_assert_eq!(queue.take_dropped(), dropped);
                prop_assert_eq!(queue.items.len(), model.len());
            }
        }
    }

    #[test]
    fn an_empty_queue_keeps_little_memory() {
        let mut queue = Bounded::new(1_000, 1_000);
        for number in 0..1_000 {
            queue.push(number, 1);
        }
        while queue.pop().is_some() {}
        assert!(queue.items.capacity() <= KEPT_CAPACITY);
    }
}
