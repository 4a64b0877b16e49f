//! The graceful shutdown with a store.

use std::sync::atomic::{AtomicBool, Ordering};

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

/// Lets a change wait for the store while the server stops, and then stores it. Returns the change's outcome: it is known
/// before the store is closed.
async fn stop_during<T: Send + 'static>(
    store: &Arc<FakeStore>,
    dialogue: &Dialogue,
    change: impl Future<Output = T> + Send + 'static,
) -> T {
    store.set_manual(true);
    let change = tokio::spawn(change);
    store.until_waiting(1).await;
    let stops = tokio::spawn({
        let dialogue = dialogue.clone();
        async move { dialogue.stop().await }
    });
    pass(2).await;
    assert!(!stops.is_finished() && !store.is_closed(), "the change waits");
    store.commit();
    stops.await.expect("a task").expect("an end in time");
    assert!(change.is_finished(), "its outcome is known");
    change.await.expect("an outcome")
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_deletion() {
    let store = FakeStore::new();
    let deleted = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&deleted);
    let dialogue = server(&store, Limits::default(), |builder| {
        builder.on_room_deleted(move |_| {
            noted.store(true, Ordering::Relaxed);
            async {}
        })
    })
    .await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let outcome = stop_during(&store, &dialogue, async move { room.delete().await }).await;
    assert_eq!(outcome, Ok(true));
    assert!(deleted.load(Ordering::Relaxed), "its hook has run");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_an_erasure() {
    let store = FakeStore::new();
    let erased = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&erased);
    let dialogue = server(&store, Limits::default(), |builder| {
        builder.on_erased(move |_| {
            noted.store(true, Ordering::Relaxed);
            async { Ok(()) }
        })
    })
    .await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    room.trigger(Plenty { number: 1 }).await.expect("a delivery");
    let outcome = stop_during(&store, &dialogue, async move { room.erase(1).await }).await;
    assert!(outcome.expect("an erasure"));
    assert!(erased.load(Ordering::Relaxed), "archives know");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_creation() {
    let store = FakeStore::new();
    let dialogue = server(&store, Limits::default(), |builder| builder).await;
    let creation = dialogue.create_room(RoomConfig::new("other")).into_future();
    let outcome = stop_during(&store, &dialogue, creation).await;
    assert_eq!(outcome.expect("a room").id().as_str(), "other");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_at_its_deadline_although_a_deletion_gets_no_answer() {
    let (store, dialogue) = plain().await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    let deletion = tokio::spawn(async move { room.delete().await });
    store.until_waiting(1).await;
    let started = tokio::time::Instant::now();
    let _ = dialogue.stop().await;
    assert!(started.elapsed() <= Duration::from_secs(30));
    assert!(store.is_closed());
    assert!(deletion.await.expect("a task").is_err());
}
