//! The requests of the page: rooms, a room, its history, a trigger.

use dialogue::{Limits, RoomConfig, refuse};
use dialogue_tests::{Chat, Message, Project, message, within};
use serde_json::{Value, json};

use super::{JSON, ask, open, send, trigger, with};

#[tokio::test]
async fn rooms_are_found_by_id_and_name_and_listed_in_pages() {
    let server = open().await;
    for id in 0..250 {
        server.create_room(Project { id }).await.expect("a room");
    }
    let first = ask(server.address(), "inspect/rooms?filter=DISCUSSION").await.json();
    assert_eq!((&first["more"], &first["total"]), (&json!(true), &json!(250)));
    let page = first["rooms"].as_array().expect("rooms");
    assert_eq!(page.len(), 200);
    let last = page[199]["id"].as_str().expect("an id");
    let path = format!("inspect/rooms?filter=discussion&after={last}");
    let second = ask(server.address(), &path).await.json();
    assert_eq!(second["more"], false);
    let mut ids: Vec<_> = page
        .iter()
        .chain(second["rooms"].as_array().expect("rooms"))
        .map(|room| room["id"].to_string())
        .collect();
    assert!(ids.is_sorted(), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 250);
    let found = ask(server.address(), "inspect/rooms?filter=boo").await.json();
    assert_eq!(
        found["rooms"],
        json!([{ "id": "booth", "name": "Booth", "size": 0, "maxSize": 2 }])
    );
}

#[tokio::test]
async fn a_room_is_shown_with_its_members_and_the_schemas_of_its_events() {
    let server = open().await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("chat", &["typing"]).await;
    server
        .trigger(Chat, message("kept"))
        .await
        .expect("the trigger succeeds");
    let room = ask(server.address(), "inspect/rooms/chat").await.json();
    assert_eq!(
        (&room["name"], &room["size"], &room["seq"], &room["open"]),
        (&json!("Chat"), &json!(1), &json!(1), &json!(false))
    );
    let member = json!({ "clientId": ada.connected["clientId"], "userId": "ada", "subscriptions": ["typing"] });
    assert_eq!(room["members"], json!([member]));
    let events = room["events"].as_array().expect("events");
    let by_name = |name: &str| events.iter().find(|event| event["name"] == name).expect("the event");
    let message = by_name("message");
    assert_eq!(
        (&message["clients"], &message["history"], &message["kept"]),
        (&json!(true), &json!(5), &json!(1))
    );
    assert_eq!(message["schema"]["properties"]["text"]["maxLength"], 1000);
    assert_eq!(by_name("user-joined")["clients"], false);
    assert_eq!(by_name("typing")["history"], Value::Null);
    let open = ask(server.address(), "inspect/rooms/open").await.json();
    assert_eq!(open["open"], true);
    assert!(
        open["events"].to_string().contains("user-joined"),
        "an open room lists every event that the server knows: {open}"
    );
    assert_eq!(ask(server.address(), "inspect/rooms/none").await.status, 404);
}

#[tokio::test]
async fn rooms_whose_ids_are_dot_segments_can_be_inspected() {
    let server = open().await;
    for id in [".", ".."] {
        server.create_room(RoomConfig::new(id)).await.expect("the id is free");
        // A browser resolves these ids as path segments, even percent-encoded, and would request `rooms/` or its
        // parent.
        let shown = ask(server.address(), &format!("inspect/rooms/~{id}")).await.json();
        assert_eq!(shown["id"], id);
        let triggered = trigger(
            server.address(),
            &format!("~{id}"),
            json!({ "event": "any", "data": 1 }),
        )
        .await;
        assert_eq!(triggered.status, 200, "{}", triggered.body);
    }
    assert_eq!(ask(server.address(), "inspect/rooms/~chat").await.json()["id"], "chat");
}

#[tokio::test]
async fn history_is_read_newest_first_and_in_pages() {
    let server = with(|builder| builder.limits(Limits::default().with_history_page_events(2))).await;
    for text in ["one", "two", "three"] {
        server.trigger(Chat, message(text)).await.expect("the trigger succeeds");
    }
    let texts = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().expect("events").iter();
        events
            .map(|event| event["data"]["text"].as_str().expect("a text").to_owned())
            .collect()
    };
    let first = ask(server.address(), "inspect/rooms/chat/history?event=message")
        .await
        .json();
    assert_eq!(
        (texts(&first), &first["more"]),
        (vec!["three".to_owned(), "two".to_owned()], &json!(true))
    );
    let second = ask(server.address(), "inspect/rooms/chat/history?event=message&before=2")
        .await
        .json();
    assert_eq!(
        (texts(&second), &second["more"]),
        (vec!["one".to_owned()], &json!(false))
    );
    let all = ask(server.address(), "inspect/rooms/chat/history").await.json();
    assert_eq!(texts(&all), ["three", "two"]);
}

#[tokio::test]
async fn an_event_is_triggered_as_the_server_or_on_behalf_of_a_user() {
    let server = open().await;
    let address = server.address();
    let mut ada = server.joined("ada", "chat").await;
    // Clients may not trigger this event.
    let sent = trigger(
        address,
        "chat",
        json!({ "event": "user-joined", "data": { "username": "grace", "other": 1 } }),
    )
    .await;
    assert_eq!(sent.json(), json!({ "recipients": 1, "seq": null }));
    let event = ada.recv_type("event").await;
    assert_eq!(event["from"], "system");
    assert_eq!(
        event["data"],
        json!({ "username": "grace" }),
        "the type's serialisation drops the unknown field"
    );
    let sent = trigger(
        address,
        "chat",
        json!({ "event": "message", "data": { "text": "hi" }, "from": "grace" }),
    )
    .await;
    assert_eq!(sent.json()["seq"], 1);
    assert_eq!(ada.recv_type("event").await["from"], "grace");
}

#[tokio::test]
async fn a_failed_trigger_reports_the_reason() {
    let server = with(|builder| {
        builder.before_each(|message, _| async move {
            if message.data["text"] == "spam" {
                return refuse("no spam");
            }
            Ok(message)
        })
    })
    .await;
    let address = server.address();
    let mut ada = server.joined("ada", "chat").await;
    let invalid = trigger(address, "chat", json!({ "event": "message", "data": { "text": "" } })).await;
    assert_eq!(invalid.status, 422);
    let violation = &invalid.json()["violations"][0];
    assert_eq!(
        (&violation["path"], &violation["rule"]),
        (&json!("/text"), &json!("minLength"))
    );
    for (room, event, status, code) in [
        ("none", json!({ "event": "message", "data": {} }), 404, "ROOM_NOT_FOUND"),
        ("chat", json!({ "event": "other" }), 403, "EVENT_NOT_ALLOWED"),
        (
            "chat",
            json!({ "event": "message", "data": { "text": "spam" } }),
            403,
            "BLOCKED",
        ),
        ("chat", json!({ "data": {} }), 400, "INVALID_REQUEST"),
        (
            "chat",
            json!({ "event": "message", "data": {}, "as": 1 }),
            400,
            "INVALID_REQUEST",
        ),
    ] {
        let answer = trigger(address, room, event).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        assert_eq!(answer.json()["code"], code);
    }
    let twice = r#"{"event":"message","data":{"text":"a","text":"b"}}"#;
    let answer = send(address, "POST", "inspect/rooms/chat/trigger", JSON, twice).await;
    assert_eq!(answer.status, 400);
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn a_typed_handler_receives_an_event_that_the_inspector_triggers() {
    let server = open().await;
    let mut events = Box::pin(server.stream::<Message>(Chat));
    let sent = trigger(
        server.address(),
        "chat",
        json!({ "event": "message", "data": { "text": "hi" } }),
    )
    .await;
    assert_eq!(sent.status, 200);
    let next = futures_util::StreamExt::next(&mut events);
    let received = within("the event", next).await.expect("a stream").expect("an event");
    assert_eq!(received.data, message("hi"));
}
