//! The graceful shutdown with a store.

use super::*;
use crate::Error;
use crate::log::tests::fake_store::broken;

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_events_that_the_store_has_and_then_closes_it() {
    let (store, dialogue) = plain().await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let trigger = tokio::spawn(room.trigger(Plenty { number: 1 }));
    store.until_waiting(1).await;
    let stops = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.stop().await }
    });
    pass(2).await;
    assert!(!stops.is_finished() && !store.is_closed());
    store.commit();
    stops.await.expect("a task").expect("an end in time");
    trigger.await.expect("a task").expect("a delivery");
    assert!(store.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_at_its_deadline_although_the_store_does_not_answer() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.begin();
    let started = tokio::time::Instant::now();
    let stopped = dialogue.stop().await;
    assert!(matches!(stopped, Err(Error::DrainTimedOut { .. })), "{stopped:?}");
    assert!(started.elapsed() <= Duration::from_secs(30));
    assert!(store.is_closed());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_does_not_delay_the_shutdown() {
    let (store, dialogue) = plain().await;
    let mut ada = member(&dialogue).await;
    ada.plenty(1).await;
    store.lose(broken());
    settle().await;
    dialogue.stop().await.expect("an end in time");
    assert!(store.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_trigger_until_the_shutdown_has_ended_it() {
    let store = FakeStore::new();
    let dialogue = server(&store, Limits::default(), |builder| {
        builder.on_disconnected(|client, _| async move {
            let room = find_room(&client.dialogue(), "room").await.expect("a room");
            room.trigger(Plenty { number: 1 }).await?;
            Ok(())
        })
    })
    .await;
    let _ada = member(&dialogue).await;
    dialogue.stop().await.expect("an end in time");
    assert_eq!(store.events("room").len(), 1);
}
