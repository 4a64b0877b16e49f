//! Hooks that set off each other, or themselves, are stopped by the depth limit.

use std::sync::{Arc, OnceLock};

use dialogue::{Dialogue, JoinError, TriggerError};
use dialogue_tests::{Booth, Chat, Record, TestServer, message};
use futures_util::FutureExt;
use serde_json::json;

#[tokio::test]
async fn before_join_that_joins_endlessly_denies_the_join() {
    let server = TestServer::with(|builder| {
        builder.before_join(|client, _| async move {
            // The join of the booth runs this hook again, which joins the booth again.
            client.join(Booth).await?;
            Ok(())
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    let join = json!({ "type": "join", "roomId": "chat" });
    assert_eq!(ada.refused(join).await, "UNAVAILABLE");
    assert_eq!(server.room(Booth).await.map(|room| room.here().size()), Some(0));
}

#[tokio::test]
async fn load_history_that_requests_history_is_unavailable() {
    let itself: Arc<OnceLock<Dialogue>> = Arc::default();
    let known = Arc::clone(&itself);
    let server = TestServer::with(|builder| {
        builder.load_history(move |query| {
            let room = known
                .get()
                .and_then(|dialogue| dialogue.here().room(query.room_id.as_str()));
            async move { Ok(room.expect("the room").history_named(&query.event, 0..10).await?) }
        })
    })
    .await;
    itself.set(server.dialogue().clone()).expect("it is set once");
    let mut ada = server.joined("ada", "chat").await;
    let history = json!({ "type": "history", "roomId": "chat", "event": "message" });
    assert_eq!(ada.refused(history).await, "UNAVAILABLE");
}

#[tokio::test]
async fn hooks_that_set_off_each_other_are_stopped() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder
            .on_joined(|client, room, _| async move {
                client.leave(room.id().as_str()).await;
            })
            .on_left(move |client, _, _| {
                let noted = noted.clone();
                async move {
                    if let Err(JoinError::LimitExceeded(_)) = client.join(Chat).await {
                        noted.note("refused");
                    }
                }
            })
    })
    .await;
    let ada = server.joined("ada", "chat").await;
    record.expect(&["refused"]).await;
    ada.close().await;
}

#[tokio::test]
async fn hooks_that_set_off_each_other_before_their_first_await_are_stopped() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder
            .on_triggered(|_, room| {
                // This runs before the hook returns its future.
                for client in room.here().participants() {
                    let _ = client.leave(room.clone()).now_or_never();
                }
                async {}
            })
            .on_left(move |client, room, _| {
                let noted = noted.clone();
                async move {
                    // Yield, so that the test ends even if the loop does not.
                    tokio::task::yield_now().await;
                    if let Err(JoinError::LimitExceeded(_)) = client.join(Chat).await {
                        noted.note("refused");
                    }
                    let _ = room.trigger(message("gone, and back")).await;
                }
            })
    })
    .await;
    let ada = server.joined("ada", "chat").await;
    server.trigger(Chat, message("hi")).await.expect("an event");
    record.expect(&["refused"]).await;
    ada.close().await;
}

#[tokio::test]
async fn on_history_evicted_that_evicts_endlessly_is_stopped() {
    let itself: Arc<OnceLock<Dialogue>> = Arc::default();
    let (known, record) = (Arc::clone(&itself), Record::default());
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_history_evicted(move |_| {
            let (dialogue, noted) = (known.get().cloned().expect("it is set"), noted.clone());
            async move {
                // Yield, so that the test ends even if the loop does not.
                tokio::task::yield_now().await;
                // The history is full, so this trigger evicts the next event.
                if let Err(TriggerError::LimitExceeded(_)) = dialogue.trigger(Chat, message("stored one more")).await {
                    noted.note("refused");
                }
                Ok(())
            }
        })
    })
    .await;
    itself.set(server.dialogue().clone()).expect("it is set once");
    for _ in 0..6 {
        server.trigger(Chat, message("hi")).await.expect("an event");
    }
    record.expect(&["refused"]).await;
    // An event that the server itself triggers starts a new chain.
    server.trigger(Chat, message("hi")).await.expect("an event");
    record.expect(&["refused"]).await;
    server.stop().await;
}

#[tokio::test]
async fn after_each_that_triggers_endlessly_is_stopped() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.after_each(move |_, _| {
            let server = known_server();
            // This runs inside the trigger that called the hook.
            let outcome = server.trigger(Chat, message("again")).now_or_never();
            if let Some(Err(TriggerError::LimitExceeded(_))) = outcome {
                noted.note("refused");
            }
        })
    })
    .await;
    SERVER.set(server.dialogue().clone()).expect("it is set once");
    server.trigger(Chat, message("first")).await.expect("an event");
    record.expect(&["refused"]).await;
    assert!(record.rest().await.is_empty());
}

/// The server of the test above.
static SERVER: OnceLock<Dialogue> = OnceLock::new();

fn known_server() -> Dialogue {
    SERVER.get().expect("it is set before the first event").clone()
}
