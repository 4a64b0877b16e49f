//! Erasing events: what remains of them, who learns of it, and `on_erased`.

use dialogue::EventMessage;
use dialogue::event::Unreadable;
use dialogue::prelude::*;
use dialogue_tests::{Bell, Chat, Gate, Message, Open, Project, Record, TestServer, message};
use serde_json::{Value, json};

/// Numbers 1 to `count` in the chat, from these users in turn.
async fn fill(server: &TestServer, users: &[&str], count: usize) {
    for number in 0..count {
        let said = message(&(number + 1).to_string()).sent_by(users[number % users.len()]);
        server.trigger(Chat, said).await.expect("an event");
    }
}

fn page() -> Value {
    json!({ "type": "history", "roomId": "chat", "event": "message", "before": 99 })
}

fn asking(room: &str) -> Value {
    json!({ "type": "join", "roomId": room, "erasures": true })
}

/// The data of each event, or whether it was erased.
fn shown(events: &Value) -> Vec<String> {
    let events = events["events"].as_array().expect("events");
    let shown = events.iter().map(|event| match event.get("erased") {
        Some(erased) => {
            assert_eq!((erased, &event["data"]), (&json!(true), &Value::Null));
            assert_eq!(event.get("meta"), None);
            format!("{} erased", event["from"].as_str().expect("a sender"))
        }
        None => event["data"]["text"].as_str().expect("a text").to_owned(),
    });
    shown.collect()
}

#[tokio::test]
async fn an_erased_event_keeps_its_place_and_its_data_is_gone() {
    let server = TestServer::plain().await;
    let with_meta = message("1").sent_by("ada").with_meta(json!({ "device": "phone" }));
    server.trigger(Chat, with_meta).await.expect("an event");
    fill(&server, &["bob"], 2).await;
    let chat = server.room(Chat).await.expect("the room");
    assert!(chat.erase(1).await.expect("no store"));
    assert!(!chat.erase(1).await.expect("no store"), "it was erased before");
    for unknown in [0, 4, u64::MAX] {
        assert!(!chat.erase(unknown).await.expect("no store"), "{unknown}");
    }
    let mut eve = server.connect_as("eve").await;
    let since = json!({ "epoch": chat.epoch(), "seq": 0 });
    let join = json!({ "type": "join", "roomId": "chat", "since": since });
    let joined = eve.request(join).await;
    assert_eq!(shown(&joined), ["ada erased", "1", "2"]);
    assert_eq!(
        (&joined["recovered"], &joined["events"][0]["seq"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(shown(&eve.request(page()).await), ["2", "1", "ada erased"]);
}

#[tokio::test]
async fn members_that_asked_are_told_after_the_event_and_others_are_not() {
    let server = TestServer::plain().await;
    let [mut ada, mut bob, mut eve] = [
        server.connect_as("ada").await,
        server.connect_as("bob").await,
        server.connect_as("eve").await,
    ];
    ada.request(asking("chat")).await;
    // Whatever a member is subscribed to: it may have the event from the history.
    let mut unsubscribed = asking("chat");
    unsubscribed["subscriptions"] = json!([]);
    bob.request(unsubscribed).await;
    eve.join("chat").await;
    fill(&server, &["ada"], 1).await;
    let chat = server.room(Chat).await.expect("the room");
    chat.erase(1).await.expect("no store");
    let erased = json!({ "type": "erased", "roomId": "chat", "seq": 1 });
    assert_eq!(ada.recv().await["data"], json!({ "text": "1" }));
    assert_eq!(ada.recv().await, erased);
    assert_eq!(bob.recv().await, erased);
    assert_eq!(eve.recv().await["data"], json!({ "text": "1" }));
    eve.assert_nothing_came().await;
    // A further join without the field changes nothing; with `false`, it does.
    ada.join("chat").await;
    chat.erase(1).await.expect("no store");
    assert_eq!(ada.recv().await, erased);
    ada.request(json!({ "type": "join", "roomId": "chat", "erasures": false }))
        .await;
    chat.erase(1).await.expect("no store");
    ada.assert_nothing_came().await;
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "chat", "erasures": 1 }))
            .await,
        "INVALID_REQUEST"
    );
}

#[tokio::test]
async fn archives_are_informed_after_they_have_stored_the_event() {
    let (record, gate) = (Record::default(), Gate::default());
    let (stored, noted, held) = (record.clone(), record.clone(), gate.clone());
    let server = TestServer::with(|builder| {
        builder
            .on_history_evicted(move |batch| {
                let (stored, held) = (stored.clone(), held.clone());
                async move {
                    held.pass().await;
                    for message in batch.messages {
                        let number = message.seq.expect("a number");
                        stored.note(format!(
                            "stored {number}{}",
                            if message.erased { " erased" } else { "" }
                        ));
                    }
                }
            })
            .on_erased(move |erased| {
                let event = erased.event.as_ref().map_or("?", |event| event.as_str());
                noted.note(format!("erased {} {event} {:?}", erased.room_id, erased.seqs));
                async {}
            })
    })
    .await;
    // Memory has five events. The hook has the first one when it is erased, and the second one waits.
    fill(&server, &["ada"], 6).await;
    gate.arrival().await;
    fill(&server, &["ada"], 1).await;
    let chat = server.room(Chat).await.expect("the room");
    assert!(chat.erase(1).await.expect("no store"), "the hook has not taken it yet");
    assert!(chat.erase(2).await.expect("no store"), "it waits for the archive");
    assert!(chat.erase(3).await.expect("no store"));
    gate.open();
    record
        .expect(&[
            "stored 1",
            "stored 2 erased",
            "erased chat message [1]",
            "erased chat message [2]",
            "erased chat message [3]",
        ])
        .await;
    assert!(!chat.erase(1).await.expect("no store"), "only the archive has it");
    record.expect(&["erased chat ? [1]"]).await;
}

#[tokio::test]
async fn a_call_of_on_erased_that_fails_is_repeated() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_erased(move |erased| {
            noted.note(format!("{:?}", erased.seqs));
            async { Err::<(), _>("the archive is away".into()) }
        })
    })
    .await;
    fill(&server, &["ada"], 1).await;
    let chat = server.room(Chat).await.expect("the room");
    chat.erase(1).await.expect("no store");
    record.expect(&["[1]"; 5]).await;
}

#[tokio::test]
async fn all_events_of_a_user_are_erased_in_all_rooms() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::with(|builder| {
        builder.on_erased(move |erased| {
            noted.note(format!("{} {:?}", erased.room_id, erased.seqs));
            async {}
        })
    })
    .await;
    fill(&server, &["ada", "bob"], 4).await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    server
        .trigger(Project { id: 7 }, message("hi").sent_by("ada"))
        .await
        .expect("an event");
    let mut pushed = EventMessage::new("message", "chat", json!({ "text": "pushed" }));
    pushed.from = "ada".into();
    server.history().push(&pushed).await;
    let mut eve = server.connect_as("eve").await;
    eve.request(asking("chat")).await;
    assert_eq!(server.erase_user("ada").await.expect("no store"), 4);
    for seq in [1, 3] {
        assert_eq!(
            eve.recv().await,
            json!({ "type": "erased", "roomId": "chat", "seq": seq })
        );
    }
    assert_eq!(
        shown(&eve.request(page()).await),
        ["4", "ada erased", "2", "ada erased", "ada erased"],
        "the event that was pushed has no number, so it counts as the oldest"
    );
    let all = json!({ "type": "history", "roomId": "chat", "event": "message" });
    assert_eq!(
        shown(&eve.request(all).await),
        ["ada erased", "4", "ada erased", "2", "ada erased"],
        "an event without a number is erased, too"
    );
    record.expect(&["chat [1, 3]", "project-7 [1]"]).await;
    assert_eq!(server.erase_user("ada").await.expect("no store"), 0);
    assert_eq!(server.erase_user("system").await.expect("no store"), 0);
}

#[tokio::test]
async fn typed_readers_find_what_they_cannot_read_in_its_place() {
    let server = TestServer::plain().await;
    fill(&server, &["ada"], 2).await;
    let older = EventMessage::new("message", "chat", json!({ "body": "of an older type" }));
    server.history().push(&older).await;
    fill(&server, &["ada"], 1).await;
    let chat = server.room(Chat).await.expect("the room");
    chat.erase(1).await.expect("no store");
    let page = chat.history::<Message>(0..9).await.expect("a page");
    assert!(page[0].is_ok() && page[2].is_ok());
    match (&page[1], &page[3]) {
        (Err(Unreadable::Decode { message, .. }), Err(Unreadable::Erased(erased))) => {
            assert_eq!(message.data, older.data);
            assert_eq!((erased.seq, erased.from.as_str()), (Some(1), "ada"));
        }
        other => panic!("{other:?}"),
    }
    // Clients receive what is stored, whatever today's schema says.
    let mut eve = server.joined("eve", "chat").await;
    let all = json!({ "type": "history", "roomId": "chat", "event": "message" });
    assert_eq!(eve.request(all).await["events"][1]["data"], older.data);
    let json = chat.history_named("message", 3..4).await.expect("a page");
    assert!(json[0].erased && json[0].data.is_null());
}

#[tokio::test]
async fn an_erased_event_is_erased_even_if_its_type_accepts_null() {
    let server = TestServer::plain().await;
    let mut pushed = EventMessage::new("bell", "open", Value::Null);
    pushed.from = "ada".into();
    server.history().push(&pushed).await;
    let open = server.room(Open).await.expect("the room");
    let bells = open.history::<Bell>(0..9).await.expect("a page");
    assert!(matches!(bells[..], [Ok(_)]));
    assert_eq!(server.erase_user("ada").await.expect("no store"), 1);
    let bells = open.history::<Bell>(0..9).await.expect("a page");
    assert!(matches!(bells[..], [Err(Unreadable::Erased(_))]), "{bells:?}");
}

#[tokio::test]
async fn an_erased_event_that_an_archive_returns_stays_erased() {
    let server = TestServer::with(|builder| {
        builder.load_history(|query| async move {
            let mut stored = EventMessage::new(query.event, query.room_id, json!({ "text": "left over" }));
            stored.from = "ada".into();
            stored.erased = true;
            Ok(vec![stored])
        })
    })
    .await;
    let mut eve = server.joined("eve", "chat").await;
    let all = json!({ "type": "history", "roomId": "chat", "event": "message" });
    assert_eq!(shown(&eve.request(all).await), ["ada erased"]);
}
