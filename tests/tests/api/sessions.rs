//! What a user may do, and for how long: `revoke`, `authorize`, and the renewal of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dialogue::prelude::*;
use dialogue_tests::{Chat, Record, TestServer, message};
use serde_json::json;

#[tokio::test]
async fn revoke_closes_every_connection_of_a_user_and_stops_delivery() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_left(move |client, room, _| {
            noted.note(format!("{} left {}", client.user_id(), room.id()));
            async {}
        })
    })
    .await;
    let mut phone = server.joined("ada", "chat").await;
    let mut laptop = server.connect_as("ada").await;
    let mut bob = server.joined("bob", "chat").await;
    assert_eq!(server.revoke("ada").await.clients, 2);
    assert!(!server.is_in_room("ada", Chat).await);
    let delivery = server.trigger(Chat, message("without ada")).await.expect("an event");
    assert_eq!(delivery.recipients, 1);
    assert_eq!(phone.expect_close().await, 4501);
    assert_eq!(
        phone.recv().await,
        json!({ "type": "left", "roomId": "chat", "reason": "revoked" })
    );
    assert_eq!(laptop.expect_close().await, 4501);
    bob.recv_type("event").await;
    record.expect(&["ada left chat"]).await;
    assert_eq!(server.revoke("nobody").await.clients, 0);
    assert_eq!(bob.say("chat", "still here").await["type"], "ok");
}

#[tokio::test]
async fn authorize_decides_which_client_may_trigger_which_event_in_which_room() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.authorize(move |client, room, event, _| {
            noted.note(format!("{} {} {event}", client.user_id(), room.id()));
            async move {
                if *client.user_id() == "eve" && event == "message" {
                    return refuse("you may only ring");
                }
                Ok(())
            }
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    let mut eve = server.joined("eve", "chat").await;
    let error = eve.say("chat", "hi").await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("PERMISSION_DENIED"), &json!("you may only ring"))
    );
    let ring = json!({ "type": "trigger", "roomId": "chat", "event": "bell" });
    assert_eq!(eve.request(ring).await["type"], "ok");
    ada.assert_nothing_came().await;
    assert_eq!(ada.say("chat", "hi").await["type"], "ok");
    record
        .expect(&["eve chat message", "eve chat bell", "ada chat message"])
        .await;
    server
        .trigger(Chat, message("hi"))
        .await
        .expect("authorize does not run for the server");
    let unknown = json!({ "type": "trigger", "roomId": "chat", "event": "user-joined", "data": { "username": "x" } });
    assert_eq!(eve.refused(unknown).await, "EVENT_NOT_ALLOWED");
    assert!(
        record.rest().await.is_empty(),
        "authorize runs only for events that the room allows"
    );
}

#[tokio::test]
async fn an_authorize_hook_that_panics_denies_the_trigger() {
    let server = TestServer::with(|builder| builder.authorize(|_, _, _, _| async { panic!("broken") })).await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "hi").await["code"], "UNAVAILABLE");
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn before_join_runs_again_for_every_room_when_a_session_is_renewed() {
    let allowed = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&allowed);
    let server = TestServer::with(|builder| {
        builder.before_join(move |_, room| {
            let allowed = asked.load(Ordering::SeqCst) || *room.id() == "news";
            async move { if allowed { Ok(()) } else { refuse("no more") } }
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    ada.join("news").await;
    allowed.store(false, Ordering::SeqCst);
    ada.request(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" } }))
        .await;
    assert_eq!(
        ada.recv().await,
        json!({ "type": "left", "roomId": "chat", "reason": "denied" })
    );
    assert_eq!(ada.say("chat", "hi").await["code"], "NOT_IN_ROOM");
    assert!(server.is_in_room("ada", "news").await);
}
