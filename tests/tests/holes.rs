//! Security holes and defects that other room servers have had. Each test shows that Dialogue does not have one of
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dialogue::prelude::*;
use dialogue::{Dialogue, RoomConfig};
use dialogue_tests::{Booth, CapturedLog, Chat, Message, Record, Rooms, TestServer, message};
use serde_json::json;

#[tokio::test]
async fn a_client_cannot_trigger_into_a_room_that_it_is_not_in() {
    let server = TestServer::plain().await;
    let mut member = server.joined("ada", "chat").await;
    let mut stranger = server.connect_as("eve").await;
    assert_eq!(stranger.say("chat", "let me in").await["code"], "NOT_IN_ROOM");
    member.assert_nothing_came().await;
    assert_eq!(server.history().count("chat", "message").await, 0);
}

#[tokio::test]
async fn a_client_cannot_read_the_history_of_a_room_that_it_is_not_in() {
    let server = TestServer::plain().await;
    server.trigger(Chat, message("a secret")).await.expect("an event");
    let mut stranger = server.connect_as("eve").await;
    let history = json!({ "type": "history", "roomId": "chat", "event": "message" });
    let error = stranger.request(history.clone()).await;
    assert_eq!(error["code"], "NOT_IN_ROOM");
    assert!(!error.to_string().contains("secret"));
    stranger.join("chat").await;
    stranger.request(json!({ "type": "leave", "roomId": "chat" })).await;
    assert_eq!(
        stranger.refused(history).await,
        "NOT_IN_ROOM",
        "a client that has left is not a member"
    );
}

#[tokio::test]
async fn a_client_cannot_delete_a_configured_room() {
    let server = TestServer::plain().await;
    server.create_room(RoomConfig::new("lounge")).await.expect("a room");
    let mut eve = server.joined("eve", "chat").await;
    for room in ["chat", "lounge"] {
        let delete = json!({ "type": "deleteRoom", "roomId": room });
        assert_eq!(eve.refused(delete).await, "PERMISSION_DENIED");
        assert!(server.room(room).await.is_some());
    }
}

#[tokio::test]
async fn a_client_cannot_choose_its_own_user_id() {
    let anonymous = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let mut eve = anonymous.open().await;
    eve.send(json!({ "type": "connect", "protocol": 1, "userId": "ada", "auth": { "userId": "ada", "token": "ada" } }))
        .await;
    let connected = eve.recv_type("connected").await;
    assert_ne!(connected["userId"], "ada");
    eve.join("chat").await;
    eve.say("chat", "it is me, ada").await;
    assert_eq!(eve.recv_type("event").await["from"], connected["userId"]);
}

#[tokio::test]
async fn a_token_appears_in_no_frame_and_in_no_log() {
    let log = CapturedLog::default();
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .logger(log.dispatch())
        .authenticate(|handshake| async move {
            if handshake.bearer_token() == Some("t0p-s3cret") {
                return Ok(Identity::user("ada").with_claims(json!({ "secret": "t0p-s3cret" })));
            }
            Err(std::io::Error::other("no such token").into())
        })
        .on_connected(|_| async { Err::<(), _>("a failure to log".into()) });
    let server = TestServer::start(builder).await;
    let mut watcher = server.open().await;
    watcher.connect(json!({ "token": "t0p-s3cret" })).await;
    let mut ada = server.open().await;
    ada.connect(json!({ "token": "t0p-s3cret" })).await;
    watcher.join("chat").await;
    ada.join("chat").await;
    ada.say("chat", "hi").await;
    let refused = json!({ "type": "connect", "protocol": 1, "auth": { "token": "wr0ng-s3cret" } });
    let error = ada.request(refused).await;
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let event = watcher.recv_type("event").await;
    for frame in [&event, &ada.connected, &watcher.connected] {
        assert!(!frame.to_string().contains("s3cret"), "{frame}");
    }
    log.line_with(&["a failure to log"]).await;
    assert!(!log.text().contains("s3cret"), "{}", log.text());
}

#[tokio::test]
async fn an_asynchronous_before_join_is_awaited_and_its_refusal_denies_the_join() {
    let server = TestServer::with(|builder| {
        builder.before_join(|client, _| async move {
            tokio::task::yield_now().await;
            if *client.user_id() == "eve" {
                return refuse("not you");
            }
            Ok(())
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    let mut eve = server.connect_as("eve").await;
    let error = eve.request(json!({ "type": "join", "roomId": "chat" })).await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("JOIN_DENIED"), &json!("not you"))
    );
    assert_eq!(server.room(Chat).await.expect("the room").size().await, 1);
    ada.say("chat", "psst").await;
    eve.assert_nothing_came().await;
}

#[tokio::test]
async fn a_client_that_finds_the_room_full_gets_no_history_and_on_joined_does_not_run() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_joined(move |client, _, _| {
            noted.note(client.user_id().to_string());
            async {}
        })
    })
    .await;
    let _ada = server.joined("ada", "booth").await;
    let _bob = server.joined("bob", "booth").await;
    server
        .trigger::<Message>(Booth, message("between us"))
        .await
        .expect("an event");
    let mut eve = server.connect_as("eve").await;
    let error = eve.request(json!({ "type": "join", "roomId": "booth" })).await;
    assert_eq!(error["code"], "ROOM_FULL");
    assert!(!error.to_string().contains("between us"));
    eve.assert_nothing_came().await;
    record.expect(&["ada", "bob"]).await;
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn on_left_runs_when_a_client_disconnects() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_left(move |client, room, _| {
            noted.note(format!("{} left {}", client.user_id(), room.id()));
            async {}
        })
    })
    .await;
    server.joined("ada", "chat").await.close().await;
    record.expect(&["ada left chat"]).await;
    // A connection that breaks without a close.
    drop(server.joined("bob", "chat").await);
    record.expect(&["bob left chat"]).await;
}

#[tokio::test]
async fn evicted_history_survives_a_failure_to_store_it() {
    let (record, attempts) = (Record::default(), Arc::new(AtomicUsize::new(0)));
    let (noted, counted) = (record.clone(), Arc::clone(&attempts));
    let server = TestServer::with(|builder| {
        builder.on_history_evicted(move |evicted| {
            let (noted, attempt) = (noted.clone(), counted.fetch_add(1, Ordering::SeqCst));
            async move {
                if attempt == 0 {
                    return refuse("the database is away");
                }
                if attempt == 1 {
                    panic!("the database is broken");
                }
                for message in &evicted.messages {
                    noted.note(format!("{} {}", message.seq.unwrap_or(0), message.data["text"]));
                }
                Ok(())
            }
        })
    })
    .await;
    for number in 1..=7 {
        server
            .trigger(Chat, message(&number.to_string()))
            .await
            .expect("an event");
    }
    record.expect(&["1 \"1\"", "2 \"2\""]).await;
    server.stop().await;
    record
        .expect(&["3 \"3\"", "4 \"4\"", "5 \"5\"", "6 \"6\"", "7 \"7\""])
        .await;
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn deleting_and_recreating_a_room_leaves_no_stale_member() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let create = json!({ "type": "createRoom", "room": { "id": "table-1" } });
    ada.request(create.clone()).await;
    let mut bob = server.joined("bob", "table-1").await;
    let first_epoch = bob.join("table-1").await["epoch"].clone();
    bob.say("table-1", "old").await;
    bob.recv_type("event").await;
    ada.request(json!({ "type": "deleteRoom", "roomId": "table-1" })).await;
    assert_eq!(bob.recv_type("left").await["reason"], "roomDeleted");
    bob.recv_type("roomDeleted").await;
    ada.request(create).await;
    bob.recv_type("roomCreated").await;
    assert_eq!(server.room("table-1").await.expect("the room").size().await, 0);
    assert_eq!(bob.say("table-1", "ghost").await["code"], "NOT_IN_ROOM");
    ada.join("table-1").await;
    ada.say("table-1", "new").await;
    bob.assert_nothing_came().await;
    let joined = bob.join("table-1").await;
    assert_ne!(joined["epoch"], first_epoch);
    assert_eq!(joined["seq"], 1, "the numbers start again");
    let history = bob
        .request(json!({ "type": "history", "roomId": "table-1", "event": "message" }))
        .await;
    assert_eq!(history["events"].as_array().map(Vec::len), Some(1), "{history}");
}

#[tokio::test]
async fn every_reply_carries_the_id_of_its_request() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    for (id, frame) in [
        json!({ "type": "join", "roomId": "chat" }),
        json!({ "type": "subscribe", "roomId": "chat", "event": "typing" }),
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": {} }),
        json!({ "type": "history", "roomId": "chat", "event": "message" }),
        json!({ "type": "listRooms" }),
        json!({ "type": "createRoom", "room": { "id": "table-1" } }),
        json!({ "type": "deleteRoom", "roomId": "table-1" }),
        json!({ "type": "nonsense" }),
        json!({ "type": "leave", "roomId": "chat" }),
        json!({ "type": "ping" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut frame = frame;
        frame["id"] = json!(id);
        ada.send(frame).await;
    }
    for id in 0..10 {
        assert_eq!(ada.recv().await["id"], id);
    }
}

#[tokio::test]
async fn a_history_cursor_does_not_shift_while_events_arrive() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    for text in ["one", "two", "three"] {
        ada.say("chat", text).await;
    }
    let page =
        |before: u64| json!({ "type": "history", "roomId": "chat", "event": "message", "before": before, "limit": 1 });
    let newest = ada.request(page(u64::MAX)).await;
    let seq = newest["events"][0]["seq"].as_u64().expect("a number");
    ada.say("chat", "meanwhile").await;
    let next = ada.request(page(seq)).await;
    assert_eq!(next["events"][0]["data"]["text"], "two");
}

#[tokio::test]
async fn hooks_receive_handles_and_not_copies_of_every_client_and_room() {
    let server = TestServer::with(|builder| {
        builder.on_joined(|client, room, _| async move {
            // The hook sees the live server, as it is now.
            let same = room.here().participants().contains(&client);
            room.dialogue()
                .room(room.id())
                .await?
                .filter(|found| *found == room && same)
                .ok_or("a copy")?
                .trigger(dialogue_tests::UserJoined {
                    username: client.user_id().to_string(),
                })
                .await?;
            Ok(())
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.recv_type("event").await["data"], json!({ "username": "ada" }));
}
