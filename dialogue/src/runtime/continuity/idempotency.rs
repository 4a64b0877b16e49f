//! A client's trigger that comes twice is one: the keys by which a repetition is known.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::delivery::Delivery;
use crate::id::UserId;
use crate::room::RoomCell;

/// How long a key is remembered: longer than a client that lost its connection takes to come back and try again.
const WINDOW: Duration = Duration::from_secs(120);

/// The most keys that are remembered. Over it the oldest are forgotten, and a repetition of them would be new; some 30 MB.
const MAX_KEYS: usize = 100_000;

/// The keys of recent triggers. A key is a user's, and an incarnation's of a room.
#[derive(Default)]
pub(crate) struct IdempotencyKeys {
    state: Mutex<State>,
}

type Key = (UserId, Arc<str>, String);

#[derive(Default)]
struct State {
    slots: HashMap<Key, Arc<Slot>>,
    /// The keys of what was delivered, with the time of it, oldest first. Others have a slot only while they run.
    delivered: VecDeque<(Instant, Key)>,
}

/// What became of a key: held while its trigger runs, so that a repetition waits for the outcome.
type Slot = tokio::sync::Mutex<Option<Delivery>>;

impl IdempotencyKeys {
    /// Runs a trigger unless one of the same key has been delivered; then it returns what that came to. A trigger that
    /// fails has delivered nothing, and its key is free again.
    ///
    /// Safe to drop: dropped before the trigger is delivered, the key is free.
    pub(crate) async fn run_once<E>(
        &self,
        user: &UserId,
        room: &RoomCell,
        key: String,
        run: impl Future<Output = Result<Delivery, E>>,
    ) -> Result<Delivery, E> {
        // The slot is let go of before the guard looks whether anybody else has it.
        let guard = KeyGuard {
            keys: self,
            key: (user.clone(), Arc::clone(&room.epoch), key),
        };
        let slot = guard.slot();
        let mut outcome = slot.lock().await;
        if let Some(delivery) = *outcome {
            return Ok(delivery);
        }
        let delivery = run.await?;
        *outcome = Some(delivery);
        self.state
            .lock()
            .delivered
            .push_back((Instant::now(), guard.key.clone()));
        Ok(delivery)
    }
}

impl State {
    /// Forgets what was delivered too long ago, and the oldest of what is too much.
    fn forget(&mut self, now: Instant) {
        while let Some((at, _)) = self.delivered.front() {
            if now.duration_since(*at) < WINDOW && self.delivered.len() < MAX_KEYS {
                break;
            }
            if let Some((_, key)) = self.delivered.pop_front() {
                self.slots.remove(&key);
            }
        }
    }
}

/// One run of a key's trigger, or its wait for another.
struct KeyGuard<'a> {
    keys: &'a IdempotencyKeys,
    key: Key,
}

impl KeyGuard<'_> {
    /// What the attempts of this key share.
    fn slot(&self) -> Arc<Slot> {
        let mut state = self.keys.state.lock();
        state.forget(Instant::now());
        Arc::clone(state.slots.entry(self.key.clone()).or_default())
    }
}

impl Drop for KeyGuard<'_> {
    /// Forgets a key under which nothing was delivered, once nobody tries.
    fn drop(&mut self) {
        let mut state = self.keys.state.lock();
        let untried = state.slots.get_mut(&self.key).and_then(Arc::get_mut);
        if untried.is_some_and(|slot| slot.get_mut().is_none()) {
            state.slots.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::room::{EventPolicy, Origin, RoomTemplate, Subscriptions, SyncHistory};

    fn room(epoch: &str) -> RoomCell {
        let template = RoomTemplate {
            declaration: None,
            name: String::new(),
            description: None,
            policy: Arc::new(EventPolicy::listed([], [], Arc::default())),
            default_subscriptions: Subscriptions::all(),
            max_size: None,
            sync_history_on_join: SyncHistory::Off,
            family: Default::default(),
        };
        RoomCell::new("room".into(), Arc::new(template), None, Origin::Server, epoch.into())
    }

    async fn delivers(keys: &IdempotencyKeys, user: &str, room: &RoomCell, seq: u64) -> Option<u64> {
        let run = async { Ok::<_, ()>(Delivery::new(0, Some(seq))) };
        keys.run_once(&user.into(), room, "key".to_owned(), run).await.ok()?.seq
    }

    #[tokio::test(start_paused = true)]
    async fn a_repetition_gets_the_first_outcome_until_it_is_forgotten() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(delivers(&keys, "ada", &here, 3).await, Some(3));
    }

    #[tokio::test]
    async fn a_key_is_a_users_and_a_rooms() {
        let (keys, here, there) = (IdempotencyKeys::default(), room("a"), room("b"));
        assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
        assert_eq!(delivers(&keys, "grace", &here, 2).await, Some(2));
        assert_eq!(delivers(&keys, "ada", &there, 3).await, Some(3));
    }

    #[tokio::test]
    async fn a_failed_trigger_frees_its_key() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        let fails = async { Err::<Delivery, _>("no") };
        assert_eq!(
            keys.run_once(&"ada".into(), &here, "key".to_owned(), fails).await,
            Err("no")
        );
        assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_remembered_from_its_delivery_on() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        let fails = async { Err::<Delivery, _>("unavailable") };
        assert!(
            keys.run_once(&"ada".into(), &here, "key".to_owned(), fails)
                .await
                .is_err()
        );
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(1), "delivered again");
    }

    #[tokio::test]
    async fn what_is_not_delivered_takes_no_place() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        let fails = async { Err::<Delivery, _>("no") };
        assert!(
            keys.run_once(&"ada".into(), &here, "key".to_owned(), fails)
                .await
                .is_err()
        );
        let ada = UserId::from("ada");
        let never = keys.run_once(&ada, &here, "other".to_owned(), std::future::pending::<Result<_, ()>>());
        assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err(), "given up");
        let state = keys.state.lock();
        assert!(state.slots.is_empty() && state.delivered.is_empty());
    }

    #[test]
    fn attempts_that_end_at_once_on_two_threads_leave_no_key() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        // Both go on within nanoseconds of each other, as they do not behind a barrier that sleeps.
        let begun = AtomicUsize::new(0);
        let attempts = || {
            for number in 1..=2_000 {
                let guard = KeyGuard {
                    keys: &keys,
                    key: ("ada".into(), Arc::clone(&here.epoch), number.to_string()),
                };
                let slot = guard.slot();
                begun.fetch_add(1, Ordering::SeqCst);
                while begun.load(Ordering::SeqCst) < 2 * number {
                    std::thread::yield_now();
                }
                drop((slot, guard));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(attempts);
            scope.spawn(attempts);
        });
        assert_eq!(keys.state.lock().slots.len(), 0);
    }

    #[tokio::test]
    async fn two_at_once_are_delivered_once() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        let slow = async {
            tokio::task::yield_now().await;
            Ok::<_, ()>(Delivery::new(0, Some(1)))
        };
        let ada = UserId::from("ada");
        let (first, second) = tokio::join!(
            keys.run_once(&ada, &here, "key".to_owned(), slow),
            delivers(&keys, "ada", &here, 2)
        );
        assert_eq!(first.map(|delivery| delivery.seq), Ok(Some(1)));
        assert_eq!(second, Some(1));
    }
}
