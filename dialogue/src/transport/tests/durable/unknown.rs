//! Events whose outcome is unknown: what they owe to members, to the counts, and to the end of the server.

use super::*;
use crate::log::tests::fake_store::broken;
use crate::{RoomHandle, WeakDialogue};

fn room(dialogue: &Dialogue) -> RoomHandle {
    dialogue.here().room("room").expect("a room")
}

fn unknown(dialogue: &Dialogue) -> u64 {
    dialogue.stats().store.expect("a store").unknown
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_another_event_does_not_settle_an_unknown_outcome() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    store.commit();
    ada.with_key(2, "k").await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1", "error 2 UNAVAILABLE"]);
    ben.plenty(3).await;
    store.repeat(1);
    pass(2).await;
    assert_eq!(ada.received().await, ["event 2 #2"]);
    assert_eq!(ben.received().await, ["event 1 #1", "event 2 #2", "ok 3 #1"]);
    ada.with_key(4, "k").await;
    assert_eq!(ada.received().await, ["ok 4 #2"]);
}

/// A room with event 1, which a member has received, and event 2, which is stored without an answer and then removed.
async fn with_a_removed_event() -> (Arc<FakeStore>, Dialogue, Member) {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1"]);
    ada.plenty(2).await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["error 2 OUTCOME_UNKNOWN"]);
    store.let_expire("room", 2);
    pass(11).await;
    assert_eq!(store.events("room"), []);
    (store, dialogue, ada)
}

/// Joins again after event 1. Returns whether the room claims that nothing is missing.
async fn is_recovered(dialogue: &Dialogue, epoch: &Value) -> Value {
    let mut peer = Peer::new_as(dialogue, json!("ada")).await;
    let since = json!({ "epoch": epoch, "seq": 1 });
    peer.send(&json!({ "type": "join", "roomId": "room", "subscriptions": ["*"], "since": since }))
        .await;
    peer.receive_type("joined").await["recovered"].clone()
}

#[tokio::test(start_paused = true)]
async fn members_reconnect_with_a_gap_if_the_store_has_lost_an_event_of_unknown_outcome() {
    let (store, dialogue, mut ada) = with_a_removed_event().await;
    store.recover();
    pass(2).await;
    assert_eq!(ada.peer.receive_close().await, 4000);
    assert_eq!(is_recovered(&dialogue, &ada.epoch).await, false);
}

#[tokio::test(start_paused = true)]
async fn members_reconnect_with_a_gap_if_the_store_has_lost_an_event_before_the_next_one() {
    let (store, dialogue, mut ada) = with_a_removed_event().await;
    let seen: Arc<parking_lot::Mutex<Vec<u64>>> = Arc::default();
    let sees = Arc::clone(&seen);
    let _handler = room(&dialogue).on(move |event: crate::EventMessage<Plenty>| {
        sees.lock().push(event.data.number);
        async {}
    });
    ada.plenty(3).await;
    store.commit();
    assert_eq!(ada.peer.receive_close().await, 4000);
    assert_eq!(is_recovered(&dialogue, &ada.epoch).await, false);
    assert_eq!(*seen.lock(), [3], "what follows is applied as always");
}

/// Drops every handle to a server. Returns whether it still exists after a few seconds.
async fn outlives_its_handles(weak: WeakDialogue, handles: impl Sized) -> bool {
    drop(handles);
    pass(5).await;
    weak.upgrade().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_does_not_outlive_the_shutdown_of_its_server() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.hide(broken());
    store.fail_reads(Some(broken()));
    ada.with_key(2, "k").await;
    store.commit();
    assert!(dialogue.stop().await.is_err(), "event 2 waits for event 1");
    assert!(!outlives_its_handles(dialogue.downgrade(), (dialogue, ada)).await);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_does_not_outlive_the_shutdown_of_its_server() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.with_key(1, "k").await;
    store.lose(broken());
    settle().await;
    let cell = Arc::downgrade(&room(&dialogue).cell);
    dialogue.stop().await.expect("an end in time");
    assert!(!outlives_its_handles(dialogue.downgrade(), (dialogue, ada)).await);
    assert!(cell.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_does_not_end_does_not_delay_the_shutdown() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.hide(broken());
    settle().await;
    store.hold_reads(true);
    store.recover();
    pass(2).await;
    dialogue.stop().await.expect("an end in time");
    assert!(!outlives_its_handles(dialogue.downgrade(), (dialogue, ada)).await);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_keeps_no_server_alive() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.with_key(1, "k").await;
    store.lose(broken());
    settle().await;
    let cell = Arc::downgrade(&room(&dialogue).cell);
    assert!(!outlives_its_handles(dialogue.downgrade(), (dialogue, ada)).await);
    assert!(cell.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_unknown_outcome_of_a_dropped_trigger_is_counted_once() {
    let (store, dialogue) = plain().await;
    let triggered = |number| {
        let trigger = tokio::spawn(room(&dialogue).trigger(Plenty { number }));
        let store = Arc::clone(&store);
        async move {
            store.until_waiting(1).await;
            store.begin();
            trigger.abort();
            settle().await;
        }
    };
    triggered(1).await;
    store.lose(broken());
    settle().await;
    assert_eq!(unknown(&dialogue), 1, "the store says so");
    triggered(2).await;
    pass(11).await;
    assert_eq!(unknown(&dialogue), 2, "its deadline has passed");
    store.lose(broken());
    settle().await;
    assert_eq!(unknown(&dialogue), 2, "it was counted");
}
