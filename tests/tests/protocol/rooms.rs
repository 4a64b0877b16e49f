//! `join`, `leave`, subscriptions, and listing, creating and deleting rooms.

use dialogue::{Limits, RoomConfig};
use dialogue_tests::{Bell, Chat, Message, Project, TestServer, Typing, message};
use serde_json::{Value, json};

#[tokio::test]
async fn joined_has_the_rooms_name_subscriptions_and_position() {
    let server = TestServer::plain().await;
    let joined = server.connect_as("ada").await.join("chat").await;
    assert_eq!(joined["roomId"], "chat");
    assert_eq!(joined["roomName"], "Chat");
    assert_eq!(joined["subscriptions"], json!(["message", "user-joined"]));
    assert_eq!(joined["epoch"], server.room(Chat).await.expect("the room").epoch());
    assert_eq!(joined["seq"], 0);
    assert_eq!(joined["events"], json!([]), "this room replays no history");
    assert!(joined.get("recovered").is_none(), "`since` was not sent");
    server.trigger(Chat, message("one")).await.expect("an event");
    assert_eq!(server.connect_as("bob").await.join("chat").await["seq"], 1);
}

#[tokio::test]
async fn a_join_names_the_events_that_the_client_subscribes_to() {
    let server = TestServer::plain().await;
    for (wanted, expected) in [
        (json!([]), json!([])),
        (json!(["typing"]), json!(["typing"])),
        (json!(["typing", "typing", "bell"]), json!(["bell", "typing"])),
    ] {
        let mut client = server.connect_as("ada").await;
        let joined = client
            .request(json!({ "type": "join", "roomId": "chat", "subscriptions": wanted }))
            .await;
        assert_eq!(joined["subscriptions"], expected);
    }
    let mut client = server.connect_as("ada").await;
    let refused = json!({ "type": "join", "roomId": "chat", "subscriptions": ["message", "unknown"] });
    assert_eq!(client.refused(refused).await, "EVENT_NOT_ALLOWED");
    assert!(
        !server
            .room(Chat)
            .await
            .expect("the room")
            .here()
            .participants()
            .iter()
            .any(|there| *there.id() == *client.connected["clientId"].as_str().unwrap_or_default())
    );
}

#[tokio::test]
async fn the_wildcard_is_listed_before_the_names() {
    let server = TestServer::plain().await;
    let joined = server.connect_as("ada").await.join_for("chat", &["typing", "*"]).await;
    let listed = joined["subscriptions"].as_array().expect("a list");
    assert_eq!(listed[0], "*");
    let joined = server.connect_as("ada").await.join("open").await;
    assert_eq!(joined["subscriptions"][0], "*");
}

#[tokio::test]
async fn a_room_that_syncs_history_sends_a_new_member_the_latest_events_oldest_first() {
    let server = TestServer::plain().await;
    for text in ["one", "two", "three"] {
        server
            .trigger::<Message>(dialogue_tests::Booth, message(text))
            .await
            .expect("an event");
    }
    let joined = server.connect_as("ada").await.join("booth").await;
    let texts: Vec<&Value> = joined["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| &event["data"]["text"])
        .collect();
    assert_eq!(texts, ["two", "three"]);
    assert_eq!(joined["events"][1]["seq"], joined["seq"]);
    assert!(joined["events"][0].get("type").is_none());
}

#[tokio::test]
async fn history_on_join_covers_only_the_events_that_the_client_subscribes_to() {
    let server = TestServer::plain().await;
    server
        .trigger::<Message>(dialogue_tests::Booth, message("one"))
        .await
        .expect("an event");
    let joined = server.connect_as("ada").await.join_for("booth", &[]).await;
    assert_eq!(joined["events"], json!([]));
}

#[tokio::test]
async fn joining_again_is_answered_again_and_replaces_the_subscriptions_only_if_given() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("booth", &["message"]).await;
    let mut bob = server.joined("bob", "booth").await;
    assert_eq!(
        ada.join("booth").await["subscriptions"],
        json!(["message"]),
        "the room is full, but ada is already a member"
    );
    assert_eq!(ada.join_for("booth", &[]).await["subscriptions"], json!([]));
    assert_eq!(server.room("booth").await.expect("the room").size().await, 2);
    bob.say("booth", "hi").await;
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn a_full_room_refuses_joins_until_a_member_leaves() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "booth").await;
    let _bob = server.joined("bob", "booth").await;
    let mut eve = server.connect_as("eve").await;
    let join = json!({ "type": "join", "roomId": "booth" });
    assert_eq!(eve.refused(join.clone()).await, "ROOM_FULL");
    ada.request(json!({ "type": "leave", "roomId": "booth" })).await;
    assert_eq!(eve.request(join).await["type"], "joined");
}

#[tokio::test]
async fn requests_for_a_room_that_does_not_exist_are_refused_with_room_not_found() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    for request in [
        json!({ "type": "join" }),
        json!({ "type": "leave" }),
        json!({ "type": "subscribe", "event": "message" }),
        json!({ "type": "unsubscribe", "event": "message" }),
        json!({ "type": "subscribeAll" }),
        json!({ "type": "trigger", "event": "message", "data": { "text": "hi" } }),
        json!({ "type": "history", "event": "message" }),
        json!({ "type": "deleteRoom" }),
    ] {
        for room in [
            "elsewhere",
            "project-7",
            "",
            "__proto__",
            "*",
            "a\r\nb",
            "\u{202e}tahc",
            &"x".repeat(129),
        ] {
            let mut request = request.clone();
            request["roomId"] = json!(room);
            assert_eq!(ada.refused(request.clone()).await, "ROOM_NOT_FOUND", "{request}");
        }
    }
}

#[tokio::test]
async fn requests_of_a_client_that_is_not_in_the_room_are_refused_with_not_in_room() {
    let server = TestServer::plain().await;
    server.trigger(Chat, message("a secret")).await.expect("an event");
    let mut member = server.joined("bob", "chat").await;
    let mut ada = server.connect_as("ada").await;
    for request in [
        json!({ "type": "leave", "roomId": "chat" }),
        json!({ "type": "subscribe", "roomId": "chat", "event": "message" }),
        json!({ "type": "unsubscribe", "roomId": "chat", "event": "message" }),
        json!({ "type": "subscribeAll", "roomId": "chat" }),
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" } }),
        json!({ "type": "history", "roomId": "chat", "event": "message" }),
    ] {
        let error = ada.request(request.clone()).await;
        assert_eq!(error["code"], "NOT_IN_ROOM", "{request}");
        assert_eq!(error["roomId"], "chat", "{error}");
    }
    member.assert_nothing_came().await;
    assert_eq!(server.history().count("chat", "message").await, 1);
}

#[tokio::test]
async fn an_event_that_the_room_does_not_have_is_not_allowed() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    for event in ["unknown", "*", "", "__proto__", "dialogue:x", "a\r\nb", &"x".repeat(65)] {
        for kind in ["subscribe", "unsubscribe", "trigger", "history"] {
            let error = ada
                .request(json!({ "type": kind, "roomId": "chat", "event": event }))
                .await;
            assert_eq!(error["code"], "EVENT_NOT_ALLOWED", "{kind} {event:?}");
        }
    }
}

#[tokio::test]
async fn a_client_receives_the_events_that_it_subscribes_to_until_it_unsubscribes() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("chat", &[]).await;
    server.trigger(Chat, message("before")).await.expect("an event");
    let ok = ada
        .request(json!({ "type": "subscribe", "roomId": "chat", "event": "message" }))
        .await;
    assert_eq!((&ok["type"], &ok["seq"]), (&json!("ok"), &json!(1)));
    server.trigger(Chat, message("subscribed")).await.expect("an event");
    server
        .trigger(Chat, Typing { is_typing: true })
        .await
        .expect("an event");
    let event = ada.recv_type("event").await;
    assert_eq!(
        (&event["data"]["text"], &event["seq"]),
        (&json!("subscribed"), &json!(2))
    );
    let ok = ada
        .request(json!({ "type": "unsubscribe", "roomId": "chat", "event": "message" }))
        .await;
    assert_eq!(ok["type"], "ok");
    server.trigger(Chat, message("after")).await.expect("an event");
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn unsubscribing_excludes_an_event_from_the_wildcard_and_subscribe_all_restores_it() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("chat", &["*"]).await;
    ada.request(json!({ "type": "unsubscribe", "roomId": "chat", "event": "message" }))
        .await;
    server.trigger(Chat, message("excluded")).await.expect("an event");
    server.trigger(Chat, Bell).await.expect("an event");
    assert_eq!(ada.recv_type("event").await["event"], "bell");
    ada.request(json!({ "type": "subscribeAll", "roomId": "chat" })).await;
    server.trigger(Chat, message("included")).await.expect("an event");
    assert_eq!(ada.recv_type("event").await["event"], "message");
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn under_a_wildcard_with_exclusions_unknown_events_of_an_open_room_still_arrive() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "open").await;
    let mut bob = server.joined("bob", "open").await;
    ada.request(json!({ "type": "unsubscribe", "roomId": "open", "event": "typing" }))
        .await;
    bob.send(json!({ "type": "trigger", "roomId": "open", "event": "typing", "data": { "isTyping": true } }))
        .await;
    bob.send(json!({ "type": "trigger", "roomId": "open", "event": "never-seen-before" }))
        .await;
    assert_eq!(ada.recv_type("event").await["event"], "never-seen-before");
}

#[tokio::test]
async fn a_join_can_carry_the_exceptions_from_its_wildcard() {
    let server = TestServer::plain().await;
    for (room, unknown) in [("chat", "no-such-event"), ("open", "a b")] {
        let mut ada = server.connect_as("ada").await;
        let join = |events: Value, except: Value| json!({ "type": "join", "roomId": room, "subscriptions": events, "except": except });
        let joined = ada.request(join(json!(["*"]), json!(["typing", unknown]))).await;
        assert_eq!(joined["except"], json!(["typing"]), "{room}: {joined}");
        assert_eq!(joined["subscriptions"][0], "*");
        let listed = joined["subscriptions"].as_array().expect("a list");
        assert!(!listed.contains(&json!("typing")), "{room}: {joined}");
        let mut bob = server.joined("bob", room).await;
        let typing = json!({ "type": "trigger", "roomId": room, "event": "typing", "data": { "isTyping": true } });
        bob.send(typing.clone()).await;
        bob.say(room, "hello").await;
        assert_eq!(ada.recv_type("event").await["event"], "message", "{room}");
        let again = ada.request(json!({ "type": "join", "roomId": room })).await;
        assert_eq!(again["except"], json!(["typing"]), "{room}: they stay");
        ada.request(json!({ "type": "subscribe", "roomId": room, "event": "typing" }))
            .await;
        ada.request(json!({ "type": "unsubscribe", "roomId": room, "event": "message" }))
            .await;
        let again = ada.request(json!({ "type": "join", "roomId": room })).await;
        assert_eq!(again["except"], json!(["message"]), "{room}: they change one by one");
        bob.say(room, "hello").await;
        bob.send(typing).await;
        assert_eq!(ada.recv_type("event").await["event"], "typing", "{room}");
        let replaced = ada.request(join(json!(["*"]), json!([]))).await;
        assert!(replaced.get("except").is_none(), "{room}: {replaced}");
    }
}

#[tokio::test]
async fn exceptions_without_a_wildcard_are_an_invalid_request() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    for (rest, code) in [
        (json!({ "except": ["typing"] }), "INVALID_REQUEST"),
        (
            json!({ "subscriptions": ["message"], "except": ["typing"] }),
            "INVALID_REQUEST",
        ),
        (json!({ "subscriptions": ["*"], "except": "typing" }), "INVALID_REQUEST"),
        (
            json!({ "subscriptions": ["*"], "except": vec!["typing"; 1_001] }),
            "LIMIT_EXCEEDED",
        ),
    ] {
        let mut join = rest.clone();
        join["type"] = json!("join");
        join["roomId"] = json!("chat");
        assert_eq!(ada.refused(join).await, code, "{rest}");
    }
    assert_eq!(server.room(Chat).await.expect("the room").size().await, 0);
}

#[tokio::test]
async fn the_exceptions_of_a_join_count_towards_the_limit_of_subscriptions() {
    let server = TestServer::limited(Limits::default().with_subscriptions_per_client(3)).await;
    let mut ada = server.connect_as("ada").await;
    let join = |room: &str, except: &[&str]| json!({ "type": "join", "roomId": room, "subscriptions": ["*"], "except": except });
    assert_eq!(ada.refused(join("open", &["a", "b", "c"])).await, "LIMIT_EXCEEDED");
    assert_eq!(ada.request(join("open", &["a"])).await["type"], "joined");
    let closed = ada.request(join("chat", &["message", "typing", "bell"])).await;
    assert_eq!(
        closed["type"], "joined",
        "those of a room with fixed events do not count: {closed}"
    );
}

#[tokio::test]
async fn no_event_of_a_room_arrives_after_left() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let left = ada.request(json!({ "type": "leave", "roomId": "chat" })).await;
    assert_eq!((&left["type"], &left["roomId"]), (&json!("left"), &json!("chat")));
    assert!(left.get("reason").is_none());
    let delivery = server.trigger(Chat, message("after leaving")).await.expect("an event");
    assert_eq!(delivery.recipients, 0);
    ada.assert_nothing_came().await;
}

#[tokio::test]
async fn limits_bound_a_clients_rooms_and_subscriptions() {
    let server = TestServer::limited(
        Limits::default()
            .with_rooms_per_client(2)
            .with_subscriptions_per_client(4),
    )
    .await;
    let mut ada = server.connect_as("ada").await;
    ada.join_for("chat", &["message", "typing", "bell"]).await;
    ada.join("booth").await;
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "news" })).await,
        "LIMIT_EXCEEDED"
    );
    let one_more = json!({ "type": "subscribe", "roomId": "chat", "event": "user-joined" });
    assert_eq!(ada.refused(one_more.clone()).await, "LIMIT_EXCEEDED");
    ada.request(json!({ "type": "leave", "roomId": "booth" })).await;
    assert_eq!(ada.request(one_more).await["type"], "ok");
    let news = json!({ "type": "join", "roomId": "news" });
    assert_eq!(
        ada.refused(news.clone()).await,
        "LIMIT_EXCEEDED",
        "single subscriptions count towards the limit"
    );
    assert_eq!(server.room("news").await.expect("the room").size().await, 0);
    ada.request(json!({ "type": "unsubscribe", "roomId": "chat", "event": "typing" }))
        .await;
    assert_eq!(ada.request(news).await["type"], "joined");
    let many: Vec<String> = (0..1_001).map(|number| format!("event-{number}")).collect();
    let too_many = json!({ "type": "join", "roomId": "open", "subscriptions": many });
    assert_eq!(ada.refused(too_many).await, "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn rooms_are_listed_in_pages_with_their_public_details() {
    let server = TestServer::limited(Limits::default().with_room_page(3)).await;
    server
        .create_room(
            RoomConfig::new("attic")
                .name("The attic")
                .description("Dusty.")
                .max_size(3),
        )
        .created_by("ada")
        .await
        .expect("a room");
    let mut ada = server.joined("ada", "chat").await;
    let _bob = server.joined("bob", "chat").await;
    let first = ada.request(json!({ "type": "listRooms" })).await;
    assert_eq!(first["type"], "rooms");
    assert_eq!(
        first["rooms"],
        json!([
            { "id": "attic", "name": "The attic", "description": "Dusty.", "size": 0, "maxSize": 3, "createdById": "ada" },
            { "id": "booth", "name": "Booth", "description": "A room for two that replays recent messages to new members.", "size": 0, "maxSize": 2 },
            { "id": "chat", "name": "Chat", "description": "Where everyone talks.", "size": 2 },
        ])
    );
    assert_eq!(first["more"], true);
    let rest = ada.request(json!({ "type": "listRooms", "after": "chat" })).await;
    let ids: Vec<&Value> = rest["rooms"]
        .as_array()
        .expect("rooms")
        .iter()
        .map(|room| &room["id"])
        .collect();
    assert_eq!(ids, ["news", "open"]);
    assert_eq!(rest["more"], false);
}

#[tokio::test]
async fn a_client_creates_and_deletes_a_room_and_every_other_client_is_notified() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let mut bob = server.connect_as("bob").await;
    let created = ada
        .request(json!({ "type": "createRoom", "room": { "id": "table-7", "name": "Seven", "description": "By the window", "maxSize": 3 } }))
        .await;
    let room = json!({ "id": "table-7", "name": "Seven", "description": "By the window", "size": 0, "maxSize": 3, "createdById": "ada" });
    assert_eq!((&created["type"], &created["room"]), (&json!("roomCreated"), &room));
    assert_eq!(bob.recv().await, json!({ "type": "roomCreated", "room": room }));
    bob.join("table-7").await;
    let deleted = ada.request(json!({ "type": "deleteRoom", "roomId": "table-7" })).await;
    assert_eq!(
        (&deleted["type"], &deleted["roomId"]),
        (&json!("roomDeleted"), &json!("table-7"))
    );
    assert_eq!(
        bob.recv().await,
        json!({ "type": "left", "roomId": "table-7", "reason": "roomDeleted" })
    );
    assert_eq!(bob.recv().await, json!({ "type": "roomDeleted", "roomId": "table-7" }));
    ada.assert_nothing_came().await;
    assert_eq!(
        ada.refused(json!({ "type": "deleteRoom", "roomId": "table-7" })).await,
        "ROOM_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_room_that_a_client_creates_is_not_larger_than_its_family_allows() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    for (id, wanted, given) in [("table-1", Some(9), 4), ("table-2", None, 4)] {
        let mut room = json!({ "id": id });
        if let Some(wanted) = wanted {
            room["maxSize"] = json!(wanted);
        }
        let created = ada.request(json!({ "type": "createRoom", "room": room })).await;
        assert_eq!(created["room"]["maxSize"], given);
        assert_eq!(created["room"]["name"], "A table");
    }
}

#[tokio::test]
async fn clients_create_rooms_only_in_open_families_and_only_up_to_their_quota() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let create = |id: &str| json!({ "type": "createRoom", "room": { "id": id } });
    for closed in ["project-7", "lobby-here", "anything", "table-x", "table-007"] {
        assert_eq!(ada.refused(create(closed)).await, "PERMISSION_DENIED", "{closed}");
    }
    assert_eq!(ada.refused(create("chat")).await, "ROOM_EXISTS");
    ada.request(create("table-1")).await;
    assert_eq!(ada.refused(create("table-1")).await, "ROOM_EXISTS");
    ada.request(create("table-2")).await;
    assert_eq!(ada.refused(create("table-3")).await, "LIMIT_EXCEEDED");
    let mut other_tab = server.connect_as("ada").await;
    assert_eq!(
        other_tab.refused(create("table-3")).await,
        "LIMIT_EXCEEDED",
        "the quota is per user"
    );
    let mut bob = server.connect_as("bob").await;
    assert_eq!(bob.request(create("table-3")).await["type"], "roomCreated");
    ada.request(json!({ "type": "deleteRoom", "roomId": "table-1" })).await;
    assert_eq!(
        ada.request(create("table-4")).await["type"],
        "roomCreated",
        "a deletion frees a place"
    );
}

#[tokio::test]
async fn clients_delete_only_rooms_that_their_own_user_created() {
    let server = TestServer::plain().await;
    server
        .create_room(Project { id: 7 })
        .created_by("ada")
        .await
        .expect("a room");
    let mut ada = server.connect_as("ada").await;
    let mut bob = server.joined("bob", "project-7").await;
    for room in ["chat", "project-7"] {
        let refused = json!({ "type": "deleteRoom", "roomId": room });
        assert_eq!(bob.refused(refused).await, "PERMISSION_DENIED", "{room}");
    }
    assert!(server.room("project-7").await.is_some());
    let deleted = ada
        .request(json!({ "type": "deleteRoom", "roomId": "project-7" }))
        .await;
    assert_eq!(deleted["type"], "roomDeleted");
}

#[tokio::test]
async fn the_exclusions_from_a_wildcard_count_towards_the_limit_of_subscriptions() {
    let server = TestServer::limited(Limits::default().with_subscriptions_per_client(3)).await;
    let mut ada = server.joined("ada", "open").await;
    let without = |event: &str| json!({ "type": "unsubscribe", "roomId": "open", "event": event });
    for event in ["a", "b", "b"] {
        assert_eq!(ada.request(without(event)).await["type"], "ok", "{event}");
    }
    assert_eq!(ada.refused(without("c")).await, "LIMIT_EXCEEDED");
    ada.request(json!({ "type": "subscribeAll", "roomId": "open" })).await;
    assert_eq!(ada.request(without("c")).await["type"], "ok");
}

#[tokio::test]
async fn a_page_of_rooms_is_bounded_in_bytes_but_has_at_least_one_room_if_there_is_one() {
    let server = TestServer::limited(Limits::default().with_history_page_bytes(10)).await;
    let mut ada = server.connect_as("ada").await;
    let page = ada.request(json!({ "type": "listRooms" })).await;
    assert_eq!(page["rooms"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["more"], true);
}
