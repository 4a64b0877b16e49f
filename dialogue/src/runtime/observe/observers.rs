//! The register of observers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::observation::Observation;

/// How many observers there may be at once. The bound is needed because each observer costs a lock for each event. It is
/// far above the usual number of exporters and open inspector pages.
pub(crate) const MAX_OBSERVERS: usize = 16;

/// Why a server cannot be observed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The server has as many observers as it may have, viewers of the inspector included. Drop one first.
    #[error("observer limit reached ({max} at once)")]
    TooMany {
        /// How many observers there may be at once.
        max: usize,
    },
}

/// Receives observations.
pub(crate) trait Observer: Send + Sync {
    /// Receives one observation. It may run under a room's lock, so it must not wait, and must not call the server.
    fn observe(&self, observation: &Observation);

    /// Learns that the server has stopped, and that no observation follows.
    fn end(&self);
}

/// All observers of a server.
#[derive(Default)]
pub(crate) struct Observers {
    /// The number of observers, readable without the lock.
    count: AtomicUsize,
    register: RwLock<ObserverList>,
}

#[derive(Default)]
struct ObserverList {
    observers: Vec<(u64, Arc<dyn Observer>)>,
    next: u64,
    closed: bool,
}

impl Observers {
    /// Whether there are no observers. Costs one atomic load.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Shows an observation to every observer.
    pub(super) fn show(&self, observation: &Observation) {
        for (_, observer) in &self.register.read().observers {
            observer.observe(observation);
        }
    }

    /// Adds an observer, until the registration is dropped. If the server has stopped, this calls [`Observer::end`] at once.
    pub(crate) fn add(self: &Arc<Self>, observer: Arc<dyn Observer>) -> Result<Registration, ObserveError> {
        let mut register = self.register.write();
        if register.closed {
            drop(register);
            observer.end();
            return Ok(Registration {
                observers: Arc::clone(self),
                key: None,
            });
        }
        if register.observers.len() >= MAX_OBSERVERS {
            return Err(ObserveError::TooMany { max: MAX_OBSERVERS });
        }
        let key = register.next;
        register.next += 1;
        register.observers.push((key, observer));
        self.count.store(register.observers.len(), Ordering::Relaxed);
        Ok(Registration {
            observers: Arc::clone(self),
            key: Some(key),
        })
    }

    fn remove(&self, key: u64) {
        let mut register = self.register.write();
        let removed: Vec<_> = register.observers.extract_if(.., |(other, _)| *other == key).collect();
        self.count.store(register.observers.len(), Ordering::Relaxed);
        // The observer and its buffer are dropped outside the lock.
        drop(register);
        drop(removed);
    }

    /// Ends every present and every later observer: the server has stopped.
    pub(crate) fn close(&self) {
        let mut register = self.register.write();
        register.closed = true;
        let observers = std::mem::take(&mut register.observers);
        self.count.store(0, Ordering::Relaxed);
        drop(register);
        for (_, observer) in observers {
            observer.end();
        }
    }
}

/// An observer's place in the register. Dropping it removes the observer.
pub(crate) struct Registration {
    observers: Arc<Observers>,
    /// `None` if the server had stopped before.
    key: Option<u64>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.observers.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the observations that it receives.
    #[derive(Default)]
    struct Counting {
        shown: AtomicUsize,
        ended: AtomicUsize,
    }

    impl Observer for Counting {
        fn observe(&self, _: &Observation) {
            self.shown.fetch_add(1, Ordering::Relaxed);
        }

        fn end(&self) {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counting {
        fn seen(&self) -> (usize, usize) {
            (self.shown.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
        }
    }

    fn observation() -> Observation {
        Observation::RoomDeleted { room: "room".into() }
    }

    #[test]
    fn rejects_an_observer_at_the_limit_until_another_is_dropped() {
        let observers = Arc::new(Observers::default());
        let add = || observers.add(Arc::new(Counting::default()));
        let mut places: Vec<_> = (0..MAX_OBSERVERS).map(|_| add().expect("a place")).collect();
        let refused = add().err().expect("no place is left");
        assert_eq!(refused, ObserveError::TooMany { max: 16 });
        assert_eq!(refused.to_string(), "observer limit reached (16 at once)");
        places.pop();
        assert!(add().is_ok());
    }

    #[test]
    fn shows_each_observation_to_every_observer_that_has_a_place() {
        let observers = Arc::new(Observers::default());
        let (first, second) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        let place = observers.add(Arc::clone(&first) as Arc<dyn Observer>).expect("a place");
        let _other = observers
            .add(Arc::clone(&second) as Arc<dyn Observer>)
            .expect("a place");
        observers.show(&observation());
        drop(place);
        observers.show(&observation());
        assert_eq!((first.seen(), second.seen()), ((1, 0), (2, 0)));
    }

    #[test]
    fn ends_each_observer_once_even_if_it_is_added_after_the_end() {
        let observers = Arc::new(Observers::default());
        let (before, after) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        let _before = observers
            .add(Arc::clone(&before) as Arc<dyn Observer>)
            .expect("a place");
        observers.close();
        observers.close();
        let _after = observers.add(Arc::clone(&after) as Arc<dyn Observer>).expect("a place");
        observers.show(&observation());
        assert!(observers.is_empty());
        assert_eq!((before.seen(), after.seen()), ((0, 1), (0, 1)));
    }
}
