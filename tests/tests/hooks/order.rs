//! The arguments of each hook, and the order in which hooks run.

use dialogue_tests::{Chat, Gate, Message, Project, Record, TestServer, message};
use serde_json::json;

/// A server on which every hook notes its arguments.
async fn noting(record: &Record) -> TestServer {
    let noted = || record.clone();
    let [
        connected,
        disconnected,
        before,
        joined,
        left,
        created,
        deleted,
        asked,
        after,
        triggered,
    ] = std::array::from_fn(|_| noted());
    TestServer::with(move |builder| {
        builder
            .on_connected(move |client| {
                connected.note(format!("connected {}", client.user_id()));
                async {}
            })
            .on_disconnected(move |client, _| {
                disconnected.note(format!("disconnected {}", client.user_id()));
                async {}
            })
            .before_join(move |client, room| {
                before.note(format!(
                    "before_join {} {} {}",
                    client.user_id(),
                    room.id(),
                    room.here().size()
                ));
                async { Ok(()) }
            })
            .on_joined(move |client, room, _| {
                joined.note(format!(
                    "joined {} {} {}",
                    client.user_id(),
                    room.id(),
                    room.here().size()
                ));
                async {}
            })
            .on_left(move |client, room, _| {
                left.note(format!(
                    "left {} {} {}",
                    client.user_id(),
                    room.id(),
                    room.here().size()
                ));
                async {}
            })
            .on_room_created(move |room| {
                created.note(format!("created {} {:?}", room.id(), room.created_by()));
                async {}
            })
            .on_room_deleted(move |room| {
                deleted.note(format!("deleted {} {}", room.id(), room.here().size()));
                async {}
            })
            .before_each(move |message, room| {
                asked.note(format!("before_each {} {} {:?}", message.event, room.id(), message.seq));
                async { Ok(message) }
            })
            .after_each(move |message, delivery| {
                after.note(format!(
                    "after_each {} {:?} {}",
                    message.event, delivery.seq, delivery.recipients
                ));
            })
            .on_triggered(move |message, room| {
                triggered.note(format!("triggered {} {} {:?}", message.event, room.id(), message.seq));
                async {}
            })
    })
    .await
}

#[tokio::test]
async fn hooks_run_in_order_for_a_clients_visit() {
    let record = Record::default();
    let server = noting(&record).await;
    let mut ada = server.connect_as("ada").await;
    record.expect(&["connected ada"]).await;
    ada.join("chat").await;
    record.expect(&["before_join ada chat 0", "joined ada chat 1"]).await;
    ada.join("chat").await;
    assert!(record.rest().await.is_empty(), "joining again runs no hook");
    ada.say("chat", "hi").await;
    record
        .expect(&[
            "before_each message chat None",
            "after_each message Some(1) 1",
            "triggered message chat Some(1)",
        ])
        .await;
    ada.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["left ada chat 0"]).await;
    ada.join("chat").await;
    record.expect(&["before_join ada chat 0", "joined ada chat 1"]).await;
    ada.close().await;
    record.expect(&["disconnected ada", "left ada chat 0"]).await;
    server.stop().await;
    assert!(record.rest().await.is_empty());
}

#[tokio::test]
async fn hooks_run_in_order_for_a_rooms_life() {
    let record = Record::default();
    let server = noting(&record).await;
    server
        .create_room(Project { id: 7 })
        .created_by("ada")
        .await
        .expect("a room");
    record.expect(&["created project-7 Some(\"ada\")"]).await;
    let mut ada = server.joined("ada", "project-7").await;
    record
        .expect(&["connected ada", "before_join ada project-7 0", "joined ada project-7 1"])
        .await;
    ada.request(json!({ "type": "deleteRoom", "roomId": "project-7" }))
        .await;
    let mut notes = [record.next().await, record.next().await];
    notes.sort();
    assert_eq!(notes, ["deleted project-7 0", "left ada project-7 0"]);
    ada.request(json!({ "type": "createRoom", "room": { "id": "table-1" } }))
        .await;
    record.expect(&["created table-1 Some(\"ada\")"]).await;
}

#[tokio::test]
async fn the_first_command_runs_after_on_connected() {
    let server = TestServer::with(|builder| {
        builder.on_connected(|client| async move {
            tokio::task::yield_now().await;
            client.join(Chat).await
        })
    })
    .await;
    let mut ada = server.open().await;
    ada.send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" } }))
        .await;
    ada.send(json!({ "type": "trigger", "id": 1, "roomId": "chat", "event": "message", "data": { "text": "hi" } }))
        .await;
    for kind in ["connected", "joined", "event", "ok"] {
        ada.recv_type(kind).await;
    }
}

#[tokio::test]
async fn a_clients_next_command_runs_after_on_joined_and_on_left() {
    let record = Record::default();
    let (joined, left) = (record.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder
            .on_joined(move |_, _, _| {
                let joined = joined.clone();
                async move {
                    tokio::task::yield_now().await;
                    joined.note("joined");
                }
            })
            .on_left(move |_, _, _| {
                let left = left.clone();
                async move {
                    tokio::task::yield_now().await;
                    left.note("left");
                }
            })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    for _ in 0..3 {
        ada.send(json!({ "type": "join", "roomId": "chat" })).await;
        ada.send(json!({ "type": "leave", "roomId": "chat" })).await;
    }
    // Not a ping, which would not wait for the hooks.
    ada.request(json!({ "type": "listRooms" })).await;
    assert_eq!(record.rest().await, ["joined", "left"].repeat(3));
}

#[tokio::test]
async fn the_reply_to_a_join_comes_before_events_that_on_joined_triggers() {
    let server = TestServer::with(|builder| {
        builder.on_joined(|client, room, _| async move {
            let username = client.user_id().to_string();
            room.trigger(dialogue_tests::UserJoined { username }).await
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    ada.send(json!({ "type": "join", "roomId": "chat" })).await;
    ada.recv_type("joined").await;
    assert_eq!(ada.recv_type("event").await["data"], json!({ "username": "ada" }));
}

#[tokio::test]
async fn before_each_may_change_data_and_metadata_and_nothing_else() {
    let server = TestServer::with(|builder| {
        builder.before_each(|mut message, _| async move {
            message.data =
                json!({ "text": format!("{}!", message.data["text"].as_str().unwrap_or_default()), "extra": 1 });
            message.meta = json!({ "checked": true }).as_object().cloned();
            message.room_id = "elsewhere".into();
            message.from = "eve".into();
            message.timestamp = 1;
            message.seq = Some(99);
            Ok(message)
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    ada.say("chat", "hi").await;
    let event = ada.recv_type("event").await;
    assert_eq!(
        event["data"],
        json!({ "text": "hi!" }),
        "the server sends the event as its type serialises it"
    );
    assert_eq!(event["meta"], json!({ "checked": true }));
    assert_eq!(
        (&event["roomId"], &event["from"], &event["seq"]),
        (&json!("chat"), &json!("ada"), &json!(1))
    );
    assert_ne!(event["timestamp"], 1);
}

#[tokio::test]
async fn before_each_also_runs_for_the_servers_own_events() {
    let record = Record::default();
    let server = noting(&record).await;
    server.trigger::<Message>(Chat, message("hi")).await.expect("an event");
    record.expect(&["before_each message chat None"]).await;
}

#[tokio::test]
async fn an_event_is_refused_if_before_each_makes_its_data_invalid_or_renames_it() {
    let server = TestServer::with(|builder| {
        builder.before_each(|mut message, _| async move {
            match message.data["text"].as_str() {
                Some("empty me") => message.data["text"] = json!(""),
                Some("break me") => message.data = json!(7),
                Some("rename me") => message.event = "user-joined".into(),
                _ => {}
            }
            Ok(message)
        })
    })
    .await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.say("chat", "empty me").await["code"], "VALIDATION_FAILED");
    assert_eq!(ada.say("chat", "break me").await["code"], "VALIDATION_FAILED");
    assert_eq!(ada.say("chat", "rename me").await["code"], "BLOCKED");
    assert!(server.trigger(Chat, message("empty me")).await.is_err());
    ada.assert_nothing_came().await;
    assert_eq!(ada.say("chat", "leave me").await["seq"], 1);
}

#[tokio::test]
async fn an_event_is_refused_if_its_client_leaves_while_before_each_runs() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = TestServer::with(|builder| {
        builder.before_each(move |message, _| {
            let held = held.clone();
            async move {
                held.pass().await;
                Ok(message)
            }
        })
    })
    .await;
    let mut bob = server.joined("bob", "chat").await;
    let mut ada = server.joined("ada", "chat").await;
    ada.send(json!({ "type": "trigger", "id": 1, "roomId": "chat", "event": "message", "data": { "text": "hi" } }))
        .await;
    gate.arrival().await;
    assert!(server.here().clients_of("ada")[0].leave(Chat).await);
    gate.open();
    ada.recv_type("left").await;
    assert_eq!(ada.recv_type("error").await["code"], "NOT_IN_ROOM");
    bob.assert_nothing_came().await;
}
