//! The order of events, replies and commands.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::EventMessage;
use crate::log::tests::fake_store::broken;

#[tokio::test(start_paused = true)]
async fn an_event_is_delivered_and_then_confirmed_once_the_store_has_it() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    assert_eq!(ada.received().await, [""; 0]);
    assert_eq!(ben.received().await, [""; 0]);
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1"]);
    assert_eq!(ben.received().await, ["event 1 #1"]);
}

#[tokio::test(start_paused = true)]
async fn events_are_applied_in_the_order_of_the_log_whichever_trigger_waits() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let mut triggers = Vec::new();
    for number in 1..=20 {
        triggers.push(tokio::spawn(room.trigger(Plenty { number })));
        settle().await;
    }
    // The order in which somebody waits for the outcomes means nothing.
    triggers.reverse();
    store.commit_all();
    for trigger in triggers {
        trigger.await.expect("a task").expect("a delivery");
    }
    let expected: Vec<_> = (1..=20).map(|number| format!("event {number} #{number}")).collect();
    assert_eq!(ada.received().await, expected);
    assert_eq!(store.events("room").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn the_next_command_of_a_connection_waits_for_the_event_before_it() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    ada.trigger(2, "fleeting", None, None).await;
    ada.plenty(3).await;
    ada.command(4, "leave").await;
    assert_eq!(ada.received().await, [""; 0]);
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1", "event 2", "ok 2"]);
    store.commit();
    assert_eq!(ada.received().await, ["event 3 #2", "ok 3 #2", "left 4"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_history_overtakes_another_sender_but_never_its_own_connection() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    ben.trigger(2, "fleeting", None, None).await;
    assert_eq!(ben.received().await, ["event 2", "ok 2"]);
    // The outcome of the first event stays unknown, so that the connection runs its next command.
    store.begin();
    pass(11).await;
    assert_eq!(ada.received().await, ["event 2", "error 1 OUTCOME_UNKNOWN"]);
    ada.trigger(3, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["error 3 UNAVAILABLE"]);
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1"]);
    ada.trigger(4, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["event 4", "ok 4"]);
    assert_eq!(ben.received().await, ["event 1 #1", "event 4"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_history_that_waits_too_long_for_its_own_connection_is_refused() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.begin();
    ada.trigger(2, "fleeting", None, None).await;
    pass(21).await;
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN", "error 2 UNAVAILABLE"]);
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1"]);
    ada.trigger(3, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["event 3", "ok 3"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_history_does_not_wait_for_an_unknown_outcome() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    ada.plenty(1).await;
    store.begin();
    pass(11).await;
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    for id in 2..=4 {
        ada.trigger(id, "fleeting", None, None).await;
        assert_eq!(ada.received().await, [format!("error {id} UNAVAILABLE")], "at once");
    }
    ben.trigger(5, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["event 5"], "others go on");
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1"]);
    ada.trigger(6, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["event 6", "ok 6"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_history_does_not_wait_for_an_outcome_that_is_unknown_early() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.hide(broken());
    assert_eq!(ada.received().await, ["error 1 OUTCOME_UNKNOWN"]);
    ada.trigger(2, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["error 2 UNAVAILABLE"], "at once");
    store.recover();
    pass(2).await;
    assert_eq!(ada.received().await, ["event 1 #1"]);
    ada.trigger(3, "fleeting", None, None).await;
    assert_eq!(ada.received().await, ["event 3", "ok 3"]);
}

#[tokio::test(start_paused = true)]
async fn no_event_is_delivered_to_a_client_that_was_removed_while_it_waited() {
    let (store, dialogue) = plain().await;
    let (mut ada, mut ben) = (member(&dialogue).await, member_as(&dialogue, "ben").await);
    let mut eve = member_as(&dialogue, "eve").await;
    ada.plenty(1).await;
    ben.plenty(2).await;
    dialogue.rooms_of("ben").leave_all().await;
    dialogue.revoke("eve").await;
    store.commit();
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1"]);
    store.commit();
    assert_eq!(ada.received().await, ["event 2 #2"]);
    assert_eq!(
        ben.received().await,
        ["left", "ok 2 #2"],
        "its own event was accepted before"
    );
    let last = eve.received().await;
    assert!(!last.iter().any(|frame| frame.starts_with("event")), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn handlers_receive_the_sender_and_every_event_once_in_order() {
    let (store, dialogue) = plain().await;
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let sees = Arc::clone(&seen);
    let room = find_room(&dialogue, "room").await.expect("a room");
    let _handler = room.on(move |event: EventMessage<Plenty>| {
        sees.lock().push(event.data.number);
        async {}
    });
    let mut ada = member(&dialogue).await;
    for number in 1..=3 {
        ada.plenty(number).await;
    }
    assert_eq!(*seen.lock(), [0; 0]);
    for _ in 1..=3 {
        store.commit();
        settle().await;
    }
    assert_eq!(*seen.lock(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_triggers_what_it_handles_ends_at_the_depth_limit() {
    let store = FakeStore::new();
    let limits = Limits::default().with_handler_depth(3);
    let dialogue = server(&store, limits, |builder| builder).await;
    let weak = dialogue.downgrade();
    let room = find_room(&dialogue, "room").await.expect("a room");
    let _handler = room.on(move |event: EventMessage<Plenty>| {
        let dialogue = weak.upgrade();
        async move {
            let number = event.data.number + 1;
            let dialogue = dialogue.expect("a server");
            let _at_the_limit = find_room(&dialogue, "room")
                .await
                .expect("a room")
                .trigger(Plenty { number })
                .await;
        }
    });
    room.trigger(Plenty { number: 0 }).await.expect("a delivery");
    pass(1).await;
    assert_eq!(store.events("room").len(), 4, "one at each depth up to the limit");
}

#[tokio::test]
async fn events_are_applied_on_another_thread_than_the_stores() {
    let store = FakeStore::manual();
    let applied_on: Arc<Mutex<Vec<std::thread::ThreadId>>> = Arc::default();
    let notes = Arc::clone(&applied_on);
    let dialogue = server(&store, Limits::default(), |builder| {
        builder.after_each(move |_, _| {
            notes.lock().push(std::thread::current().id());
            Ok(())
        })
    })
    .await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let triggered = tokio::spawn(room.trigger(Plenty { number: 1 }));
    store.until_waiting(1).await;
    let (sender, of_store) = oneshot::channel();
    let commits = Arc::clone(&store);
    std::thread::spawn(move || {
        commits.commit();
        let _ = sender.send(std::thread::current().id());
    });
    triggered.await.expect("a task").expect("a delivery");
    let of_store = of_store.await.expect("a thread");
    assert_eq!(applied_on.lock().len(), 1);
    assert!(!applied_on.lock().contains(&of_store));
}

/// One event after the other, each with a pause in which it waits in the store.
#[tokio::test(start_paused = true)]
async fn a_client_that_joins_while_an_event_waits_receives_it_live_and_once() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    let mut ben = member_as(&dialogue, "ben").await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    store.commit();
    assert_eq!(ben.received().await, ["event 1 #1"]);
    assert_eq!(ada.received().await, ["event 1 #1", "ok 1 #1"]);
}
