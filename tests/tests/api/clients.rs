//! `Client`, `clients`, `clients_of`, `rooms_of` and `is_in_room`.

use dialogue::prelude::*;
use dialogue::{Client, Dialogue, JoinError, LimitExceeded, Limits, TriggerError};
use dialogue_tests::{
    Booth, Chat, Gate, Message, Project, Record, Rooms, TestServer, Typing, UserJoined, message, until,
};
use serde_json::json;

fn client(server: &Dialogue, user: &str) -> Client {
    server.here().clients_of(user).into_iter().next().expect("a client")
}

#[tokio::test]
async fn a_client_handle_reports_the_address_of_its_peer_without_authenticate() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let mut socket = server.open().await;
    socket.connect(json!({})).await;
    let clients = server.here().clients();
    let peer = clients[0].peer().expect("an address");
    assert!(peer.ip().is_loopback() && peer.port() != 0, "{peer}");
}

#[tokio::test]
async fn a_client_handle_reports_its_identity() {
    let builder = Dialogue::builder().rooms::<Rooms>().authenticate(|_| async {
        let meta = json!({ "plan": "gold" }).as_object().cloned().unwrap_or_default();
        Ok(Identity::user("ada")
            .with_claims(json!({ "role": "editor" }))
            .with_meta(meta))
    });
    let server = TestServer::start(builder).await;
    let mut socket = server.open().await;
    socket.connect(json!({ "token": "one" })).await;
    let ada = client(&server, "ada");
    assert_eq!(socket.connected["clientId"], ada.id().as_str());
    assert_eq!(*ada.user_id(), "ada");
    assert_eq!(*ada.auth(), json!({ "token": "one" }));
    assert_eq!(*ada.claims(), json!({ "role": "editor" }));
    assert_eq!(ada.meta()["plan"], "gold");
    assert!(ada.is_connected());
    assert!(ada.dialogue().here().room(Chat).is_some());
    socket
        .request(json!({ "type": "connect", "protocol": 1, "auth": { "token": "two" } }))
        .await;
    assert_eq!(
        *ada.auth(),
        json!({ "token": "two" }),
        "a renewal replaces the credentials"
    );
    assert!(!format!("{ada:?}").contains("two"));
}

#[tokio::test]
async fn clients_of_a_user_are_listed_in_the_order_in_which_they_connected() {
    let server = TestServer::plain().await;
    let first = server.connect_as("ada").await;
    let second = server.connect_as("ada").await;
    let _bob = server.connect_as("bob").await;
    let ids: Vec<_> = server
        .here()
        .clients_of("ada")
        .iter()
        .map(|client| client.id().to_string())
        .collect();
    let expected = [&first, &second].map(|socket| socket.connected["clientId"].as_str().unwrap_or_default().to_owned());
    assert_eq!(ids, expected);
    assert_eq!(server.here().clients().len(), 3);
    assert!(server.here().clients_of("eve").is_empty());
    let oldest = &server.here().clients_of("ada")[0];
    assert_eq!(server.here().client(oldest.id()).as_ref(), Some(oldest));
    assert_eq!(server.here().client("nobody"), None);
    first.close().await;
    until("the removal of the first client", || {
        server.here().clients_of("ada").len() == 1
    })
    .await;
}

#[tokio::test]
async fn the_server_can_join_a_room_on_behalf_of_a_client() {
    let server = TestServer::plain().await;
    server
        .trigger::<Message>(Booth, message("earlier"))
        .await
        .expect("an event");
    let mut ada = server.connect_as("ada").await;
    let handle = client(&server, "ada");
    let room = handle.join(Booth).await.expect("joined");
    assert_eq!(room.id().as_str(), "booth");
    let joined = ada.recv_type("joined").await;
    assert!(joined.get("id").is_none(), "the client did not request it");
    assert_eq!(joined["events"][0]["data"]["text"], "earlier");
    assert_eq!(ada.say("booth", "here I am").await["type"], "ok");
    handle.join(Booth).await.expect("still joined");
    assert_eq!(room.size().await, 1);
}

#[tokio::test]
async fn every_reason_for_a_failed_join_has_its_own_error() {
    let server = TestServer::with(|builder| {
        builder
            .limits(Limits::default().with_rooms_per_client(1))
            .before_join(|_, room| async move {
                match room.id().as_str() {
                    "news" => refuse("no news for you"),
                    _ => Ok(()),
                }
            })
    })
    .await;
    let _filling = (server.joined("x", "booth").await, server.joined("y", "booth").await);
    let ada = server.connect_as("ada").await;
    let handle = client(&server, "ada");
    let failed = async |room: &str| handle.join(room).await.expect_err("the join fails");
    let elsewhere = failed("elsewhere").await;
    assert!(
        matches!(&elsewhere, JoinError::NoSuchRoom { room } if *room == "elsewhere"),
        "{elsewhere:?}"
    );
    assert!(matches!(failed("booth").await, JoinError::Full));
    let denied = failed("news").await;
    assert!(
        matches!(&denied, JoinError::Refused(refusal) if refusal.reason() == "no news for you"),
        "{denied:?}"
    );
    assert_eq!(denied.to_string(), "the join was refused");
    assert!(matches!(handle.subscribe(Chat, "message"), Err(JoinError::NotInRoom)));
    handle.join(Chat).await.expect("joined");
    let limited = failed("open").await;
    let expected = LimitExceeded::RoomsPerClient { limit: 1 };
    assert!(
        matches!(&limited, JoinError::LimitExceeded(exceeded) if *exceeded == expected),
        "{limited:?}"
    );
    let unknown = handle.subscribe(Chat, "unknown");
    assert!(
        matches!(&unknown, Err(JoinError::NoSuchEvent { event }) if *event == "unknown"),
        "{unknown:?}"
    );
    ada.close().await;
    until("the end of ada's connection", || !handle.is_connected()).await;
    until("the removal of ada's client", || {
        server.here().clients_of("ada").is_empty()
    })
    .await;
    assert!(matches!(failed("chat").await, JoinError::Disconnected));
}

#[tokio::test]
async fn a_client_that_the_server_removes_from_a_room_receives_left() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let handle = client(&server, "ada");
    assert!(handle.leave(Chat).await);
    assert!(!handle.leave(Chat).await);
    assert_eq!(
        ada.recv().await,
        json!({ "type": "left", "roomId": "chat", "reason": "removed" })
    );
    assert_eq!(ada.say("chat", "hello?").await["code"], "NOT_IN_ROOM");
}

#[tokio::test]
async fn the_server_can_change_a_clients_subscriptions() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let handle = client(&server, "ada");
    assert_eq!(handle.rooms(), ["chat"]);
    assert_eq!(handle.subscriptions(Chat), ["message", "user-joined"]);
    assert!(handle.subscriptions(Booth).is_empty());
    handle.subscribe(Chat, "typing").expect("in the room");
    handle.unsubscribe(Chat, "message").expect("in the room");
    assert_eq!(handle.subscriptions(Chat), ["typing", "user-joined"]);
    server.trigger(Chat, message("not subscribed")).await.expect("an event");
    server
        .trigger(Chat, Typing { is_typing: true })
        .await
        .expect("an event");
    assert_eq!(ada.recv_type("event").await["event"], "typing");
    handle.subscribe_all(Chat).expect("in the room");
    assert_eq!(handle.subscriptions(Chat)[0], "*");
    server.trigger(Chat, message("subscribed")).await.expect("an event");
    assert_eq!(ada.recv_type("event").await["data"]["text"], "subscribed");
}

#[tokio::test]
async fn a_client_receives_direct_events_typed_and_raw() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let mut bob = server.connect_as("bob").await;
    let handle = client(&server, "ada");
    assert!(handle.send(message("typed")).expect("a valid event"));
    assert!(handle.send_raw("anything", json!([1, 2])).expect("valid JSON"));
    assert_eq!(
        ada.recv().await,
        json!({ "type": "direct", "event": "message", "data": { "text": "typed" } })
    );
    assert_eq!(
        ada.recv().await,
        json!({ "type": "direct", "event": "anything", "data": [1, 2] })
    );
    assert!(matches!(handle.send(message("")), Err(TriggerError::Invalid { .. })));
    assert!(matches!(
        handle.send_raw("big", "x".repeat(1 << 20)),
        Err(TriggerError::LimitExceeded(LimitExceeded::EventBytes { .. }))
    ));
    ada.assert_nothing_came().await;
    bob.assert_nothing_came().await;
    ada.close().await;
    until("the end of ada's connection", || !handle.is_connected()).await;
    assert!(!handle.send(message("too late")).expect("a valid event"));
}

#[tokio::test]
async fn disconnect_closes_the_connection_with_4501_and_ends_every_membership() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    client(&server, "ada").disconnect().await;
    assert_eq!(ada.expect_close().await, 4501);
    until("the removal of ada's client", || server.here().clients().is_empty()).await;
    assert_eq!(server.room(Chat).await.expect("the room").size().await, 0);
}

#[tokio::test]
async fn a_users_rooms_are_the_rooms_of_all_its_clients() {
    let server = TestServer::plain().await;
    let mut phone = server.joined("ada", "chat").await;
    let mut laptop = server.joined("ada", "booth").await;
    laptop.join("chat").await;
    let _bob = server.joined("bob", "news").await;
    let rooms = server.rooms_of("ada");
    assert_eq!(rooms.clone().await, ["booth", "chat"]);
    assert_eq!(server.here().rooms_of("ada"), ["booth", "chat"]);
    assert!(server.is_in_room("ada", Chat).await && server.is_in_room("ada", "booth").await);
    assert!(!server.is_in_room("ada", "news").await && !server.is_in_room("eve", Chat).await);
    assert_eq!(rooms.leave_all().await, ["booth", "chat"]);
    assert!(rooms.await.is_empty());
    assert_eq!(phone.recv_type("left").await["reason"], "removed");
    for _ in 0..2 {
        laptop.recv_type("left").await;
    }
    assert_eq!(server.rooms_of("bob").await, ["news"]);
}

#[tokio::test]
async fn leave_all_with_runs_its_callback_for_each_room_before_leaving_it() {
    let server = TestServer::plain().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let mut ada = server.joined("ada", "chat").await;
    ada.join("project-7").await;
    let mut bob = server.joined("bob", "chat").await;
    let left = server
        .rooms_of("ada")
        .leave_all_with(|room| {
            let dialogue = server.dialogue().clone();
            async move {
                assert!(dialogue.is_in_room("ada", room.clone()).await);
                room.trigger(message("goodbye")).await.expect("an event");
            }
        })
        .await;
    assert_eq!(left, ["chat", "project-7"]);
    assert_eq!(bob.recv_type("event").await["data"]["text"], "goodbye");
    assert_eq!(ada.recv_type("event").await["roomId"], "chat");
    assert_eq!(ada.recv_type("left").await["roomId"], "chat");
    assert_eq!(ada.recv_type("event").await["roomId"], "project-7");
}

#[tokio::test]
async fn in_on_disconnected_a_client_is_still_in_its_rooms_and_can_say_goodbye() {
    let (record, gate) = (Record::default(), Gate::default());
    let (noted, held) = (record.clone(), gate.clone());
    let server = TestServer::with(|builder| {
        builder.on_disconnected(move |client, _| {
            let (noted, held) = (noted.clone(), held.clone());
            async move {
                let dialogue = client.dialogue();
                noted.note(format!("{:?}", dialogue.rooms_of(client.user_id()).await));
                held.pass().await;
                dialogue
                    .rooms_of(client.user_id())
                    .leave_all_with(|room| {
                        let username = client.user_id().to_string();
                        async move {
                            let _ = room.trigger(UserJoined { username }).await;
                        }
                    })
                    .await;
                noted.note(format!("{:?}", dialogue.rooms_of(client.user_id()).await));
            }
        })
    })
    .await;
    let mut bob = server.joined("bob", "chat").await;
    server.joined("ada", "chat").await.close().await;
    record.expect(&["[\"chat\"]"]).await;
    assert!(server.is_in_room("ada", Chat).await);
    gate.open();
    assert_eq!(bob.recv_type("event").await["data"], json!({ "username": "ada" }));
    record.expect(&["[]"]).await;
    until("the removal of ada's client", || {
        server.here().clients_of("ada").is_empty()
    })
    .await;
}
