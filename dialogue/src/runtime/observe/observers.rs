//! The register of observers: whoever takes observations in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::observation::Observation;

/// How many observers there may be at once. Each of them costs a lock for each event, so there is a bound; it is far above
/// the number of exporters of a server and of people who look at its inspector.
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

/// Takes observations in.
pub(crate) trait Observer: Send + Sync {
    /// Takes one observation in. It may run under a room's lock: it must not wait, and must not call the server.
    fn observe(&self, observation: &Observation);

    /// Notes that the server has stopped and nothing more follows.
    fn end(&self);
}

/// All observers of a server.
#[derive(Default)]
pub(crate) struct Observers {
    /// How many there are, to be read without a lock.
    count: AtomicUsize,
    register: RwLock<Register>,
}

#[derive(Default)]
struct Register {
    observers: Vec<(u64, Arc<dyn Observer>)>,
    next: u64,
    closed: bool,
}

impl Observers {
    /// Whether nobody observes. One atomic load.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Shows an observation to every observer.
    pub(super) fn show(&self, observation: &Observation) {
        for (_, observer) in &self.register.read().observers {
            observer.observe(observation);
        }
    }

    /// Adds an observer, until the registration is dropped. If the server has stopped, the observer is told that at once.
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
        // What an observer holds is dropped outside the lock.
        drop(register);
        drop(removed);
    }

    /// Tells every observer that the server has stopped, and every later one.
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

/// An observer's place in the register, which it gives back when this is dropped.
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

    /// Counts what it is shown.
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
    fn gives_as_many_places_as_it_has_and_takes_them_back() {
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
    fn shows_each_observation_to_every_observer_until_its_place_is_dropped() {
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
    fn tells_observers_the_end_once_also_those_that_come_after_it() {
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
