//! The three outcomes of a trigger: accepted, refused, unknown.

use std::sync::Arc;

use super::*;
use crate::TriggerError;
use crate::history::StoreFailure;
use crate::log::tests::fake_store::broken;

#[tokio::test(start_paused = true)]
async fn a_refused_event_is_delivered_to_nobody_and_takes_no_number() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    store.refuse(StoreFailure::Full);
    let error = ada.peer.receive_type("error").await;
    assert_eq!(
        (error["code"].as_str(), error["retryAfter"].as_u64()),
        (Some("UNAVAILABLE"), Some(1_000))
    );
    ada.plenty(2).await;
    store.commit();
    assert_eq!(ada.received().await, ["event 2 #1", "ok 2 #1"]);
    assert_eq!(ben.received().await, ["event 2 #1"]);
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_trigger_learns_why_its_event_was_refused_or_may_be_stored() {
    let (store, dialogue) = plain().await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let refused = tokio::spawn(room.trigger(Plenty { number: 1 }));
    store.until_waiting(1).await;
    store.refuse(StoreFailure::Full);
    let refused = refused.await.expect("a task");
    assert!(
        matches!(refused, Err(TriggerError::NotAccepted(StoreFailure::Full))),
        "{refused:?}"
    );
    let unknown = tokio::spawn(room.trigger(Plenty { number: 2 }));
    store.until_waiting(1).await;
    store.lose(broken());
    let unknown = unknown.await.expect("a task");
    assert!(matches!(unknown, Err(TriggerError::Unknown(_))), "{unknown:?}");
    let late = tokio::spawn(room.trigger(Plenty { number: 3 }));
    let late = late.await.expect("a task");
    assert!(
        matches!(
            late,
            Err(TriggerError::NotAccepted(StoreFailure::TimedOut { seconds: 10 }))
        ),
        "{late:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_unknown_without_a_key_and_unavailable_with_one() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.lose(broken());
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    ada.with_key(2, "k").await;
    store.lose(broken());
    assert_eq!(ada.received().await, ["error 2 UNAVAILABLE"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_still_waits_at_its_deadline_is_withdrawn() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    pass(9).await;
    assert_eq!(ada.received().await, [""; 0]);
    pass(2).await;
    assert_eq!(ada.received().await, ["error 1 UNAVAILABLE"]);
    store.commit();
    assert_eq!(ada.received().await, [""; 0]);
    assert_eq!(store.events("room"), []);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_store_has_begun_at_its_deadline_is_delivered_once_it_is_stored() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.begin();
    pass(11).await;
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_unknown_outcome_that_is_stored_is_delivered_before_the_next_one() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    ada.plenty(2).await;
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "event 2 #2", "ok 2 #2"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_unknown_outcome_that_is_stored_is_delivered_when_the_store_works_again() {
    let store = FakeStore::manual();
    let dialogue = server(&store, Limits::default(), |builder| builder).await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    pass(5).await;
    assert_eq!(ada.received().await, [""; 0], "what a failing store says is not final");
    store.recover();
    pass(2).await;
    assert_eq!(ada.received().await, ["event 1 #1"]);
    ada.plenty(2).await;
    store.commit();
    assert_eq!(ada.received().await, ["event 2 #2", "ok 2 #2"]);
}

#[tokio::test(start_paused = true)]
async fn events_wait_while_the_store_cannot_be_read_after_an_unknown_outcome() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    store.fail_reads(Some(broken()));
    ada.plenty(2).await;
    store.commit();
    pass(3).await;
    assert_eq!(ada.received().await, [""; 0], "the first event comes first");
    store.fail_reads(None);
    pass(2).await;
    assert_eq!(ada.received().await, ["event 1 #1", "event 2 #2", "ok 2 #2"]);
}

#[tokio::test(start_paused = true)]
async fn too_many_bytes_for_the_store_are_refused_at_once() {
    let (store, dialogue) = plain().await;
    store.bound(200);
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    ben.plenty(2).await;
    assert_eq!(ben.received().await, ["error 2 UNAVAILABLE"]);
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1"]);
}

#[tokio::test(start_paused = true)]
async fn hooks_run_and_the_event_is_delivered_although_its_trigger_was_dropped() {
    let calls: Arc<parking_lot::Mutex<Vec<&'static str>>> = Arc::default();
    let (each, triggered) = (Arc::clone(&calls), Arc::clone(&calls));
    let store = FakeStore::manual();
    let dialogue = server(&store, Limits::default(), |builder| {
        builder
            .after_each(move |_, _| {
                each.lock().push("after_each");
                Ok(())
            })
            .on_triggered(move |_, _| {
                triggered.lock().push("on_triggered");
                async { Ok(()) }
            })
    })
    .await;
    let mut ada = member(&dialogue).await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let trigger = tokio::spawn(room.trigger(Plenty { number: 1 }));
    store.until_waiting(1).await;
    trigger.abort();
    settle().await;
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1"]);
    assert_eq!(*calls.lock(), ["after_each", "on_triggered"]);
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_dropped_trigger_is_withdrawn_at_its_deadline() {
    let (store, dialogue) = plain().await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let trigger = tokio::spawn(room.trigger(Plenty { number: 1 }));
    store.until_waiting(1).await;
    trigger.abort();
    pass(11).await;
    store.commit();
    assert_eq!(store.events("room"), []);
}

fn panic_in_hook() -> Result<(), crate::HookError> {
    panic!("this hook panics")
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_takes_nothing_from_the_trigger() {
    let store = FakeStore::manual();
    let dialogue = server(&store, Limits::default(), |builder| {
        builder
            .after_each(|_, _| panic_in_hook())
            .on_triggered(|_, _| async { panic_in_hook() })
    })
    .await;
    let mut ada = member(&dialogue).await;
    for number in 1..=2 {
        ada.plenty(number).await;
        store.commit();
        let place = format!("{number} #{number}");
        assert_eq!(ada.received().await, [format!("event {place}"), format!("ok {place}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_counted_and_a_failing_store_is_reported_once() {
    let (store, dialogue) = plain().await;
    let mut observations = dialogue.observe().expect("a stream");
    let mut ada = member(&dialogue).await;
    for id in 1..=3 {
        ada.plenty(id).await;
        store.refuse(StoreFailure::Full);
        settle().await;
    }
    ada.plenty(4).await;
    store.lose(StoreFailure::Full);
    ada.plenty(5).await;
    let stats = dialogue.stats().store.expect("a store");
    assert_eq!((stats.refused, stats.unknown, stats.waiting), (3, 1, 1));
    assert_eq!(stats.failing, Some(StoreFailure::Full));
    store.commit();
    settle().await;
    let stats = dialogue.stats().store.expect("a store");
    assert_eq!((stats.failing, stats.waiting), (None, 0));
    drop(dialogue);
    let mut reports = Vec::new();
    while let Some(Some(observed)) = futures_util::FutureExt::now_or_never(observations.next()) {
        match observed.expect("nothing was missed") {
            crate::observe::Observation::StoreFailed { failure, .. } => reports.push(Some(failure)),
            crate::observe::Observation::StoreRecovered => reports.push(None),
            _ => {}
        }
    }
    assert_eq!(reports, [Some(StoreFailure::Full), None]);
}
