//! Example-based tests of idempotency keys.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::key::WINDOW;
use super::*;
use crate::room::{EventPolicy, Origin, RoomCell, RoomTemplate, Subscriptions, SyncHistory};

fn keys() -> IdempotencyKeys {
    IdempotencyKeys::new(&Limits::default())
}

fn limited(keys: usize, keys_per_user: usize) -> IdempotencyKeys {
    IdempotencyKeys::new(&Limits::default().with_keys(keys).with_keys_per_user(keys_per_user))
}

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

fn trigger(user: &str, room: &RoomCell, key: &str) -> KeyedTrigger {
    KeyedTrigger {
        user: user.into(),
        holder: Holder::User(user.into()),
        connection: "c".into(),
        epoch: Arc::clone(&room.incarnation),
        key: key.to_owned(),
        repeats: None,
        is_stored: false,
        recall: None,
    }
}

async fn delivers(keys: &IdempotencyKeys, user: &str, room: &RoomCell, seq: u64) -> Option<u64> {
    let run = |_| async move { Ok::<_, ()>(Delivery::new(0, Some(seq))) };
    keys.run_once(trigger(user, room, "key"), run).await.ok()?.seq
}

#[tokio::test(start_paused = true)]
async fn a_repeated_trigger_gets_the_first_outcome_until_its_key_expires() {
    let (keys, here) = (keys(), room("a"));
    assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
    tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
    assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(1));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(delivers(&keys, "ada", &here, 3).await, Some(3));
}

#[tokio::test]
async fn a_key_belongs_to_one_user_and_one_room() {
    let (keys, here, there) = (keys(), room("a"), room("b"));
    assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
    assert_eq!(delivers(&keys, "grace", &here, 2).await, Some(2));
    assert_eq!(delivers(&keys, "ada", &there, 3).await, Some(3));
}

#[tokio::test]
async fn a_failed_trigger_frees_its_key() {
    let (keys, here) = (keys(), room("a"));
    let fails = async { Err::<Delivery, _>("no") };
    assert_eq!(
        keys.run_once(trigger("ada", &here, "key"), |_| fails).await,
        Err(NotRun::Failed("no"))
    );
    assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_remembered_from_the_time_of_its_delivery() {
    let (keys, here) = (keys(), room("a"));
    let fails = async { Err::<Delivery, _>("unavailable") };
    assert!(keys.run_once(trigger("ada", &here, "key"), |_| fails).await.is_err());
    tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
    assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(delivers(&keys, "ada", &here, 2).await, Some(1), "delivered again");
}

#[tokio::test]
async fn an_undelivered_trigger_leaves_no_key() {
    let (keys, here) = (keys(), room("a"));
    let fails = async { Err::<Delivery, _>("no") };
    assert!(keys.run_once(trigger("ada", &here, "key"), |_| fails).await.is_err());
    let never = keys.run_once(trigger("ada", &here, "other"), |_| {
        std::future::pending::<Result<_, ()>>()
    });
    assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err(), "dropped");
    assert_eq!(keys.state.lock().len(), 0);
}

#[test]
fn triggers_that_end_at_the_same_time_on_two_threads_leave_no_key() {
    let (keys, here) = (keys(), room("a"));
    // Both threads continue within nanoseconds of each other. A barrier that sleeps would not achieve that.
    let started = AtomicUsize::new(0);
    let run_and_drop = || {
        for number in 1..=2_000 {
            let key = Key {
                user: "ada".into(),
                epoch: Arc::clone(&here.incarnation),
                key: number.to_string(),
            };
            let guard = KeyGuard::new(&keys, key);
            let outcome = guard.outcome();
            started.fetch_add(1, Ordering::SeqCst);
            while started.load(Ordering::SeqCst) < 2 * number {
                std::thread::yield_now();
            }
            drop((outcome, guard));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(run_and_drop);
        scope.spawn(run_and_drop);
    });
    assert_eq!(keys.state.lock().len(), 0);
}

#[tokio::test]
async fn the_keys_of_other_users_do_not_make_the_server_forget_a_key() {
    let (keys, here) = (limited(100, 40), room("a"));
    assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
    for user in ["eve", "mallory", "oscar", "trudy"] {
        for number in 0..100 {
            let run = |_| async { Ok::<_, ()>(Delivery::new(0, Some(2))) };
            let delivered = keys.run_once(trigger(user, &here, &number.to_string()), run).await;
            assert!(delivered.is_ok());
        }
    }
    assert_eq!(delivers(&keys, "ada", &here, 3).await, Some(1));
    let mut state = keys.state.lock();
    let of = |user: &str| state.count_of(&Holder::User(user.into()));
    let counts: Vec<_> = ["ada", "eve", "mallory", "oscar", "trudy"].map(of).into();
    assert_eq!(counts.iter().sum::<usize>(), 100);
    assert!(counts[1..].iter().all(|count| (24..=40).contains(count)), "{counts:?}");
    state.len();
    state.expire(Instant::now() + key::WINDOW);
    assert_eq!(state.len(), 0);
}

#[tokio::test]
async fn of_holders_with_equally_many_keys_the_newest_loses_one() {
    let (keys, here) = (limited(10, 10), room("a"));
    assert_eq!(delivers(&keys, "ada", &here, 1).await, Some(1));
    for number in 0..100 {
        delivers(&keys, &number.to_string(), &here, 2).await;
    }
    assert_eq!(delivers(&keys, "ada", &here, 3).await, Some(1));
}

#[tokio::test]
async fn a_key_stays_reserved_if_its_trigger_is_dropped_after_the_event_was_published() {
    let (keys, here) = (keys(), room("a"));
    for (key, is_delivered) in [("delivered", true), ("sequenced", false)] {
        let run = |receipt: Receipt| async move {
            receipt.sequenced();
            if is_delivered {
                receipt.delivered(Delivery::new(0, Some(7)));
            }
            std::future::pending::<Result<_, ()>>().await
        };
        let dropped = keys.run_once(trigger("ada", &here, key), run);
        assert!(tokio::time::timeout(Duration::ZERO, dropped).await.is_err());
        let run = |_| async { Ok::<_, ()>(Delivery::new(0, Some(8))) };
        let again = keys.run_once(trigger("ada", &here, key), run).await;
        let expected = match is_delivered {
            true => Ok(Some(7)),
            false => Err(NotRun::OutcomeUnknown),
        };
        assert_eq!(again.map(|delivery| delivery.seq), expected, "{key}");
    }
}

#[tokio::test]
async fn two_triggers_with_one_key_at_the_same_time_are_delivered_once() {
    let (keys, here) = (keys(), room("a"));
    let slow = async {
        tokio::task::yield_now().await;
        Ok::<_, ()>(Delivery::new(0, Some(1)))
    };
    let (first, second) = tokio::join!(
        keys.run_once(trigger("ada", &here, "key"), |_| slow),
        delivers(&keys, "ada", &here, 2)
    );
    assert_eq!(first.map(|delivery| delivery.seq), Ok(Some(1)));
    assert_eq!(second, Some(1));
}

#[tokio::test(start_paused = true)]
async fn forgotten_keys_take_no_memory() {
    let (keys, here) = (limited(10, 5), room("a"));
    for number in 0..1_000 {
        for user in ["ada", "eve", "grace"] {
            let run = |_| async { Ok::<_, ()>(Delivery::new(0, Some(1))) };
            let trigger = trigger(user, &here, &number.to_string());
            assert!(keys.run_once(trigger, run).await.is_ok());
        }
    }
    let entries = keys.state.lock().len();
    assert!(entries < 100, "{entries}");
}
