//! Idempotency keys: a trigger that a client sends twice with the same key is delivered once.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::delivery::Delivery;
use crate::id::UserId;
use crate::room::RoomCell;

/// How long a key is remembered. A client that loses its connection reconnects and repeats its triggers within this
/// time.
const WINDOW: Duration = Duration::from_secs(120);

/// How many keys are remembered at most; they take about 30 MB. Beyond that, the oldest keys are forgotten, and a
/// trigger that repeats one of them is delivered again.
const MAX_KEYS: usize = 100_000;

/// The keys of recent triggers. A key belongs to one user and to one incarnation of a room.
#[derive(Default)]
pub(crate) struct IdempotencyKeys {
    state: Mutex<KeyTable>,
}

type Key = (UserId, Arc<str>, String);

#[derive(Default)]
struct KeyTable {
    slots: HashMap<Key, Arc<KeyOutcome>>,
    /// The keys of delivered triggers and the times of delivery, oldest first. Other keys have a slot only while their
    /// trigger runs.
    delivered: VecDeque<(Instant, Key)>,
}

/// The outcome of a key's trigger. Locked while the trigger runs, so that a repeated trigger waits for the outcome.
type KeyOutcome = tokio::sync::Mutex<Option<Delivery>>;

impl IdempotencyKeys {
    /// Runs a trigger, unless a trigger with the same key has been delivered. In that case, returns the earlier
    /// delivery. A trigger that fails has delivered nothing, so its key can be used again.
    ///
    /// Safe to drop: if the trigger has not been delivered, its key can be used again.
    pub(crate) async fn run_once<E>(
        &self,
        user: &UserId,
        room: &RoomCell,
        key: String,
        run: impl Future<Output = Result<Delivery, E>>,
    ) -> Result<Delivery, E> {
        // Declared before the slot, so that the slot is released before the guard checks for other users of it.
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

impl KeyTable {
    /// Forgets keys that were delivered too long ago, and the oldest keys if there are too many.
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

/// One trigger that runs with a key, or waits for another trigger with the same key. Cleans up when it ends.
struct KeyGuard<'a> {
    keys: &'a IdempotencyKeys,
    key: Key,
}

impl KeyGuard<'_> {
    /// The slot that all triggers with this key share.
    fn slot(&self) -> Arc<KeyOutcome> {
        let mut state = self.keys.state.lock();
        state.forget(Instant::now());
        Arc::clone(state.slots.entry(self.key.clone()).or_default())
    }
}

impl Drop for KeyGuard<'_> {
    /// Forgets the key if nothing was delivered with it and no other trigger uses it.
    fn drop(&mut self) {
        let mut state = self.keys.state.lock();
        let unused = state.slots.get_mut(&self.key).and_then(Arc::get_mut);
        if unused.is_some_and(|slot| slot.get_mut().is_none()) {
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
    async fn a_repeated_trigger_gets_the_first_outcome_until_its_key_expires() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(delivers(&keys, "ada", &here, 3).await, Some(3));
    }

    #[tokio::test]
    async fn a_key_belongs_to_one_user_and_one_room() {
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
    async fn a_key_is_remembered_from_the_time_of_its_delivery() {
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
    async fn an_undelivered_trigger_leaves_no_key() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        let fails = async { Err::<Delivery, _>("no") };
        assert!(
            keys.run_once(&"ada".into(), &here, "key".to_owned(), fails)
                .await
                .is_err()
        );
        let ada = UserId::from("ada");
        let never = keys.run_once(&ada, &here, "other".to_owned(), std::future::pending::<Result<_, ()>>());
        assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err(), "dropped");
        let state = keys.state.lock();
        assert!(state.slots.is_empty() && state.delivered.is_empty());
    }

    #[test]
    fn triggers_that_end_at_the_same_time_on_two_threads_leave_no_key() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        // Both threads continue within nanoseconds of each other. A barrier that sleeps would not achieve that.
        let started = AtomicUsize::new(0);
        let run_and_drop = || {
            for number in 1..=2_000 {
                let guard = KeyGuard {
                    keys: &keys,
                    key: ("ada".into(), Arc::clone(&here.epoch), number.to_string()),
                };
                let slot = guard.slot();
                started.fetch_add(1, Ordering::SeqCst);
                while started.load(Ordering::SeqCst) < 2 * number {
                    std::thread::yield_now();
                }
                drop((slot, guard));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(run_and_drop);
            scope.spawn(run_and_drop);
        });
        assert_eq!(keys.state.lock().slots.len(), 0);
    }

    #[tokio::test]
    #[ignore = "fails until B05"]
    async fn the_keys_of_other_users_do_not_make_the_server_forget_a_key() {
        let (keys, here) = (IdempotencyKeys::default(), room("a"));
        assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
        for user in ["eve", "mallory"] {
            for number in 0..MAX_KEYS {
                let run = async { Ok::<_, ()>(Delivery::new(0, Some(2))) };
                let _delivered = keys.run_once(&user.into(), &here, number.to_string(), run).await;
            }
        }
        assert_eq!(delivers(&keys, "ada", &here, 3).await, Some(1));
    }

    #[tokio::test]
    async fn two_triggers_with_one_key_at_the_same_time_are_delivered_once() {
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
