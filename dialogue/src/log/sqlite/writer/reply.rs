//! Answers, each of which is given exactly once, whatever happens to the change that it belongs to.

use crate::containment::contain_sync;
use crate::log::durable::{Appended, Done, StoreFailure};

/// Where the outcome of a change goes. Without an answer, it gives [`Lost::lost`] when it is dropped.
pub(super) struct Reply<T: Lost>(Option<Done<T>>);

/// The outcome of a change that got lost.
pub(super) trait Lost {
    fn lost() -> Self;
}

impl<T: Lost> Reply<T> {
    pub(super) fn new(done: Done<T>) -> Self {
        Self(Some(done))
    }

    /// Calls the receiver. Its panic affects nothing else.
    pub(super) fn send(mut self, outcome: T) {
        self.give(outcome);
    }

    /// Does the same without using up the reply. Only the first outcome counts.
    pub(super) fn give(&mut self, outcome: T) {
        if let Some(done) = self.0.take() {
            let panicked = contain_sync(|| done(outcome));
            if let Err(failure) = panicked {
                let _contained = contain_sync(|| tracing::error!(%failure, "the receiver of a store's answer failed"));
            }
        }
    }
}

impl<T: Lost> Drop for Reply<T> {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.give(T::lost());
        }
    }
}

impl Lost for Appended {
    fn lost() -> Self {
        Self::Unknown(StoreFailure::Closed)
    }
}

impl<T> Lost for Result<T, StoreFailure> {
    fn lost() -> Self {
        Err(StoreFailure::Closed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_reply_is_given_once_even_if_it_is_dropped_or_its_receiver_panics() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counting = || {
            let calls = Arc::clone(&calls);
            Reply::<Result<(), StoreFailure>>::new(Box::new(move |outcome| {
                calls.fetch_add(1, Ordering::Relaxed);
                assert_eq!(outcome, Ok(()));
            }))
        };
        counting().send(Ok(()));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        drop(counting());
        assert_eq!(calls.load(Ordering::Relaxed), 2, "it panicked, once");
    }
}
