//! Hooks that set each other off, or themselves, come to an end.

use std::sync::{Arc, OnceLock};

use dialogue::{Dialogue, JoinError, TriggerError};
use dialogue_tests::{Booth, Chat, Record, TestServer, message};
use serde_json::json;

#[tokio::test]
async fn before_join_that_joins_for_ever_denies() {
    let server = TestServer::with(|builder| {
        builder.before_join(|client, _| async move {
            // Asked for the booth too, it joins the booth again.
            client.join(Booth).await?;
            Ok(())
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    let join = json!({ "type": "join", "roomId": "chat" });
    assert_eq!(ada.refused(join).await, "JOIN_DENIED");
    assert_eq!(server.room(Booth).map(|room| room.size()), Some(0));
}

#[tokio::test]
async fn load_history_that_asks_for_history_is_unavailable() {
    let itself: Arc<OnceLock<Dialogue>> = Arc::default();
    let known = Arc::clone(&itself);
    let server = TestServer::with(|builder| {
        builder.load_history(move |query| {
            let room = known.get().and_then(|dialogue| dialogue.room(query.room_id.as_str()));
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
async fn hooks_that_set_each_other_off_come_to_an_end() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder
            .on_joined(|client, room| async move {
                client.leave(room.id().as_str());
            })
            .on_left(move |client, _| {
                let noted = noted.clone();
                async move {
                    if let Err(JoinError::Limited { .. }) = client.join(Chat).await {
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
async fn hooks_that_set_each_other_off_before_they_wait_come_to_an_end() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder
            .on_triggered(|_, room| {
                // Not in the future that is returned.
                for client in room.participants() {
                    client.leave(room.clone());
                }
                async {}
            })
            .on_left(move |client, room| {
                let noted = noted.clone();
                async move {
                    // So that the test ends if this does not.
                    tokio::task::yield_now().await;
                    if let Err(JoinError::Limited { .. }) = client.join(Chat).await {
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
async fn on_history_evicted_that_evicts_for_ever_comes_to_an_end() {
    let itself: Arc<OnceLock<Dialogue>> = Arc::default();
    let (known, record) = (Arc::clone(&itself), Record::default());
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_history_evicted(move |_| {
            let (dialogue, noted) = (known.get().cloned().expect("it is set"), noted.clone());
            async move {
                // So that the test ends if this does not.
                tokio::task::yield_now().await;
                // The room is full: this evicts the next one.
                if let Err(TriggerError::Limited { .. }) = dialogue.trigger(Chat, message("stored one more")).await {
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
    // What the server itself triggers begins anew.
    server.trigger(Chat, message("hi")).await.expect("an event");
    record.expect(&["refused"]).await;
    server.stop().await;
}
