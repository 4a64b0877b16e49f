//! Retention: the store's oldest events go to `on_history_evicted`, and are removed then.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::history::EvictedHistory;

/// A server whose room has three events, and a hook that fails as often as the counter says.
async fn with_events(failures: usize) -> (Arc<FakeStore>, Dialogue, Arc<Mutex<Vec<EvictedHistory>>>) {
    let store = FakeStore::new();
    let taken: Arc<Mutex<Vec<EvictedHistory>>> = Arc::default();
    let (takes, failures) = (Arc::clone(&taken), Arc::new(AtomicUsize::new(failures)));
    let dialogue = server(&store, Limits::default(), |builder| {
        builder.on_history_evicted(move |batch| {
            let fails = failures.load(Ordering::SeqCst) > 0;
            if fails {
                failures.fetch_sub(1, Ordering::SeqCst);
            } else {
                takes.lock().push(batch);
            }
            async move { if fails { Err("no database".into()) } else { Ok(()) } }
        })
    })
    .await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    for number in 1..=3 {
        room.trigger(Plenty { number }).await.expect("a delivery");
    }
    (store, dialogue, taken)
}

fn numbers(store: &FakeStore) -> Vec<Option<u64>> {
    store.events("room").iter().map(|event| event.seq).collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_removed_once_the_hook_has_taken_it() {
    let (store, dialogue, taken) = with_events(2).await;
    store.let_expire("room", 2);
    pass(11).await;
    let epoch = find_room(&dialogue, "room").await.expect("a room").epoch();
    let [batch] = &taken.lock()[..] else {
        panic!("one batch");
    };
    assert_eq!((batch.room_id.as_str(), &batch.epoch), ("room", &epoch));
    let seqs: Vec<_> = batch.messages.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [Some(1), Some(2)]);
    assert_eq!(numbers(&store), [Some(3)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_removed_once_every_attempt_has_failed_and_not_before() {
    let (store, _dialogue, taken) = with_events(5).await;
    store.let_expire("room", 1);
    pass(10).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(numbers(&store), [Some(1), Some(2), Some(3)], "the hook is called again");
    pass(2).await;
    assert_eq!(numbers(&store), [Some(2), Some(3)]);
    assert_eq!(taken.lock().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_window_evicts_is_not_archived() {
    let (store, dialogue, taken) = with_events(0).await;
    let room = find_room(&dialogue, "room").await.expect("a room");
    for number in 4..=500 {
        room.trigger(Plenty { number }).await.expect("a delivery");
    }
    pass(30).await;
    dialogue.stop().await.expect("an end in time");
    assert_eq!(taken.lock().len(), 0);
    assert_eq!(store.events("room").len(), 500);
}

#[tokio::test(start_paused = true)]
async fn retention_keeps_no_server_alive() {
    let (store, dialogue, _taken) = with_events(0).await;
    pass(1).await;
    let weak = dialogue.downgrade();
    drop(dialogue);
    settle().await;
    assert!(weak.upgrade().is_none());
    drop(store);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_leaves_only_the_window_is_not_observed_as_evicted() {
    let store = FakeStore::new();
    let limits = Limits::default().with_replay_events(2);
    let dialogue = server(&store, limits, |builder| builder).await;
    let mut observations = dialogue.observe().expect("a stream");
    let room = dialogue.here().room("room").expect("a room");
    for number in 1..=20 {
        room.trigger(Plenty { number }).await.expect("a delivery");
    }
    store.let_expire("room", 2);
    pass(11).await;
    let mut evicted = Vec::new();
    while let Some(Some(observed)) = futures_util::FutureExt::now_or_never(observations.next()) {
        if let crate::observe::Observation::Evicted { count, .. } = observed.expect("nothing was missed") {
            evicted.push(count);
        }
    }
    assert_eq!(evicted, [2], "retention has removed two");
}
