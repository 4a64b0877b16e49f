//! How hooks learn that a user comes, comes back, and goes.

use dialogue::prelude::*;
use dialogue_tests::{Chat, Message, Project, Record, TestServer, message, until};
use serde_json::{Value, json};

/// A server on which the hooks note who comes and goes.
async fn noting(record: &Record) -> TestServer {
    let (came, went, ended) = (record.clone(), record.clone(), record.clone());
    TestServer::with(move |builder| {
        builder
            .on_joined(move |client, room, arrival| {
                let new = if arrival.user_is_new() { "new" } else { "known" };
                came.note(format!("{} in {}: {arrival:?}, {new}", client.user_id(), room.id()));
                async { Ok(()) }
            })
            .on_left(move |client, room, left| {
                let gone = if left.user_is_gone() { "gone" } else { "still known" };
                went.note(format!(
                    "{} out of {}: {:?}, {gone}",
                    client.user_id(),
                    room.id(),
                    left.reason
                ));
                async { Ok(()) }
            })
            .on_disconnected(move |client, end| {
                ended.note(format!("{} off: {:?} {}", client.user_id(), end.code, end.reason));
                async { Ok(()) }
            })
    })
    .await
}

/// Connects as Ada again, with the `resume` of an earlier connection.
async fn resumed(server: &TestServer, connected: &Value) -> dialogue_tests::TestClient {
    let mut client = server.open().await;
    let resume = &connected["resume"];
    client
        .send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" }, "resume": resume }))
        .await;
    client.connected = client.recv_type("connected").await;
    client
}

#[tokio::test]
async fn a_second_connection_is_additional_and_only_the_last_one_takes_the_user_away() {
    let record = Record::default();
    let server = noting(&record).await;
    let mut first = server.joined("ada", "chat").await;
    record.expect(&["ada in chat: First, new"]).await;
    let second = server.joined("ada", "chat").await;
    record.expect(&["ada in chat: Additional, known"]).await;
    first.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["ada out of chat: Requested, still known"]).await;
    first.join("chat").await;
    record.expect(&["ada in chat: Additional, known"]).await;
    second.close().await;
    record
        .expect(&["ada off: None ", "ada out of chat: Disconnected, still known"])
        .await;
    first.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["ada out of chat: Requested, gone"]).await;
}

#[tokio::test]
async fn a_connection_that_replaces_a_lost_one_is_a_comeback_that_nobody_needs_to_hear_of() {
    let record = Record::default();
    let server = noting(&record).await;
    let first = server.joined("ada", "chat").await;
    record.expect(&["ada in chat: First, new"]).await;
    let mut second = resumed(&server, &first.connected).await;
    record
        .expect(&[
            "ada off: Some(Disconnected) a newer connection has replaced this one",
            "ada out of chat: Replaced, still known",
        ])
        .await;
    second.join("chat").await;
    record
        .expect(&["ada in chat: Comeback { was_gone: false }, known"])
        .await;
    second.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["ada out of chat: Requested, gone"]).await;
    second.join("chat").await;
    record.expect(&["ada in chat: First, new"]).await;
}

#[tokio::test]
async fn a_connection_that_continues_an_ended_one_comes_back_to_its_rooms_only() {
    let record = Record::default();
    let server = noting(&record).await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let first = server.joined("ada", "chat").await;
    let connected = first.connected.clone();
    first.close().await;
    until("the end of the connection", || server.here().clients().is_empty()).await;
    let mut second = resumed(&server, &connected).await;
    second.join("chat").await;
    second.join("project-7").await;
    record
        .expect(&[
            "ada in chat: First, new",
            "ada off: None ",
            "ada out of chat: Disconnected, gone",
            "ada in chat: Comeback { was_gone: true }, new",
            "ada in project-7: First, new",
        ])
        .await;
}

#[tokio::test]
async fn a_connection_that_is_lost_before_it_has_rejoined_changes_nothing() {
    let record = Record::default();
    let server = noting(&record).await;
    let first = server.joined("ada", "chat").await;
    record.expect(&["ada in chat: First, new"]).await;
    let second = resumed(&server, &first.connected).await;
    record
        .expect(&[
            "ada off: Some(Disconnected) a newer connection has replaced this one",
            "ada out of chat: Replaced, still known",
        ])
        .await;
    let connected = second.connected.clone();
    second.close().await;
    record.expect(&["ada off: None "]).await;
    until("the end of the second connection", || {
        server.here().clients().is_empty()
    })
    .await;
    let mut third = resumed(&server, &connected).await;
    third.join("chat").await;
    record
        .expect(&["ada in chat: Comeback { was_gone: false }, known"])
        .await;
}

#[tokio::test]
async fn a_room_that_on_disconnected_leaves_is_left_for_good() {
    let record = Record::default();
    let (came, went) = (record.clone(), record.clone());
    let server = TestServer::with(move |builder| {
        builder
            .on_joined(move |_, _, arrival| {
                came.note(format!("new: {}", arrival.user_is_new()));
                async { Ok(()) }
            })
            .on_disconnected(|client, _| async move {
                client.dialogue().rooms_of(client.user_id()).leave_all().await;
                Ok(())
            })
            .on_left(move |_, _, left| {
                went.note(format!("gone: {}", left.user_is_gone()));
                async { Ok(()) }
            })
    })
    .await;
    let first = server.joined("ada", "chat").await;
    let mut second = resumed(&server, &first.connected).await;
    second.join("chat").await;
    record.expect(&["new: true", "gone: true", "new: true"]).await;
}

#[tokio::test]
async fn a_client_that_the_application_disconnects_is_expelled() {
    let record = Record::default();
    let server = noting(&record).await;
    let _ada = server.joined("ada", "chat").await;
    record.expect(&["ada in chat: First, new"]).await;
    server.here().clients_of("ada")[0].disconnect().await;
    record
        .expect(&[
            "ada off: Some(Disconnected) disconnected by the server",
            "ada out of chat: Expelled, gone",
        ])
        .await;
}

#[tokio::test]
async fn a_deleted_room_takes_each_user_away_once() {
    let record = Record::default();
    let server = noting(&record).await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let _tabs = (
        server.joined("ada", "project-7").await,
        server.joined("ada", "project-7").await,
        server.joined("bob", "project-7").await,
    );
    let came = [record.next().await, record.next().await, record.next().await];
    assert_eq!(came.iter().filter(|line| line.ends_with("new")).count(), 2);
    server.delete_room(Project { id: 7 }).await.expect("a deletion");
    let mut went = [record.next().await, record.next().await, record.next().await];
    went.sort();
    assert_eq!(
        went,
        [
            "ada out of project-7: RoomDeleted, gone",
            "ada out of project-7: RoomDeleted, still known",
            "bob out of project-7: RoomDeleted, gone",
        ]
    );
}

#[tokio::test]
async fn a_comeback_after_the_last_other_tab_has_left_is_new_again() {
    let record = Record::default();
    let server = noting(&record).await;
    let first = server.joined("ada", "chat").await;
    let connected = first.connected.clone();
    let mut tab = server.joined("ada", "chat").await;
    record
        .expect(&["ada in chat: First, new", "ada in chat: Additional, known"])
        .await;
    first.close().await;
    record
        .expect(&["ada off: None ", "ada out of chat: Disconnected, still known"])
        .await;
    tab.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["ada out of chat: Requested, gone"]).await;
    until("the end of the first connection", || server.here().clients().len() == 1).await;
    let mut back = resumed(&server, &connected).await;
    back.join("chat").await;
    record.expect(&["ada in chat: Comeback { was_gone: true }, new"]).await;
}

#[tokio::test]
async fn a_new_tab_is_not_new_while_a_replaced_connection_is_on_its_way_back() {
    let record = Record::default();
    let server = noting(&record).await;
    let first = server.joined("ada", "chat").await;
    let mut back = resumed(&server, &first.connected).await;
    record
        .expect(&[
            "ada in chat: First, new",
            "ada off: Some(Disconnected) a newer connection has replaced this one",
            "ada out of chat: Replaced, still known",
        ])
        .await;
    let mut tab = server.joined("ada", "chat").await;
    record.expect(&["ada in chat: Additional, known"]).await;
    // Now the tab is the only one in the room, and whoever leaves last takes the user away.
    tab.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["ada out of chat: Requested, gone"]).await;
    back.join("chat").await;
    record.expect(&["ada in chat: Comeback { was_gone: true }, new"]).await;
    back.request(json!({ "type": "leave", "roomId": "chat" })).await;
    record.expect(&["ada out of chat: Requested, gone"]).await;
}

#[tokio::test]
async fn a_page_that_is_reloaded_comes_first_again_or_is_additional_while_the_old_one_lasts() {
    let record = Record::default();
    let server = noting(&record).await;
    let first = server.joined("ada", "chat").await;
    first.close().await;
    record
        .expect(&[
            "ada in chat: First, new",
            "ada off: None ",
            "ada out of chat: Disconnected, gone",
        ])
        .await;
    // A page keeps `resume` in memory only, so that a reloaded page has none.
    let lost = server.joined("ada", "chat").await;
    let _reloaded = server.joined("ada", "chat").await;
    drop(lost);
    record
        .expect(&[
            "ada in chat: First, new",
            "ada in chat: Additional, known",
            "ada off: None ",
            "ada out of chat: Disconnected, still known",
        ])
        .await;
}

#[tokio::test]
async fn after_a_restart_everybody_is_new() {
    let record = Record::default();
    let server = noting(&record).await;
    let first = server.joined("ada", "chat").await;
    server.stop().await;
    record
        .expect(&[
            "ada in chat: First, new",
            "ada off: Some(Restarting) the server is restarting",
            "ada out of chat: Disconnected, gone",
        ])
        .await;
    let restarted = noting(&record).await;
    let mut second = resumed(&restarted, &first.connected).await;
    second.join("chat").await;
    record.expect(&["ada in chat: First, new"]).await;
}

#[tokio::test]
async fn a_connection_that_takes_over_from_another_tab_leaves_the_user_known() {
    let record = Record::default();
    let server = noting(&record).await;
    let one = server.joined("ada", "chat").await;
    let _two = server.joined("ada", "chat").await;
    let mut three = resumed(&server, &one.connected).await;
    three.join("chat").await;
    record
        .expect(&[
            "ada in chat: First, new",
            "ada in chat: Additional, known",
            "ada off: Some(Disconnected) a newer connection has replaced this one",
            "ada out of chat: Replaced, still known",
            "ada in chat: Comeback { was_gone: false }, known",
        ])
        .await;
}

#[tokio::test]
async fn an_anonymous_user_comes_back_with_its_secret_and_is_another_one_without() {
    let record = Record::default();
    let server = noting(&record).await;
    let mut first = server.open().await;
    first.connect(json!(null)).await;
    first.join("chat").await;
    let (user, secret) = (first.connected["userId"].clone(), first.connected["resume"].clone());
    let user = user.as_str().expect("an id");
    first.close().await;
    record
        .expect(&[
            &format!("{user} in chat: First, new"),
            &format!("{user} off: None "),
            &format!("{user} out of chat: Disconnected, gone"),
        ])
        .await;
    until("the end of the connection", || server.here().clients().is_empty()).await;
    let mut back = server.open().await;
    back.send(json!({ "type": "connect", "protocol": 1, "resume": secret }))
        .await;
    assert_eq!(back.recv_type("connected").await["userId"], user);
    back.join("chat").await;
    record
        .expect(&[&format!("{user} in chat: Comeback {{ was_gone: true }}, new")])
        .await;
    let mut other = server.open().await;
    other.connect(json!(null)).await;
    other.join("chat").await;
    let other = other.connected["userId"].as_str().expect("an id").to_owned();
    assert_ne!(other, user);
    record.expect(&[&format!("{other} in chat: First, new")]).await;
}

#[tokio::test]
async fn a_client_that_was_kicked_or_revoked_is_new_when_it_returns() {
    let record = Record::default();
    let server = noting(&record).await;
    let mut ada = server.joined("ada", "chat").await;
    server.here().clients_of("ada")[0].leave(Chat).await;
    ada.join("chat").await;
    record
        .expect(&[
            "ada in chat: First, new",
            "ada out of chat: Removed, gone",
            "ada in chat: First, new",
        ])
        .await;
    server.here().clients_of("ada")[0].disconnect().await;
    record
        .expect(&[
            "ada off: Some(Disconnected) disconnected by the server",
            "ada out of chat: Expelled, gone",
        ])
        .await;
    until("the end of the connection", || server.here().clients().is_empty()).await;
    let mut back = resumed(&server, &ada.connected).await;
    back.join("chat").await;
    record.expect(&["ada in chat: Comeback { was_gone: true }, new"]).await;
    server.revoke("ada").await;
    record
        .expect(&[
            "ada off: Some(Disconnected) the session was revoked",
            "ada out of chat: Expelled, gone",
        ])
        .await;
    let mut again = resumed(&server, &back.connected).await;
    again.join("chat").await;
    record.expect(&["ada in chat: First, new"]).await;
}

#[tokio::test]
async fn a_handler_can_receive_the_room_and_the_client_that_triggered_the_event() {
    let record = Record::default();
    let noted = record.clone();
    let server = TestServer::plain().await;
    server.on_with_sender(Chat, move |said: EventMessage<Message>, room, sender| {
        noted.note(format!(
            "{} in {} by a client: {}",
            said.data.text,
            room.name(),
            sender.is_some()
        ));
        async move {
            if let Some(client) = sender {
                client.send(message("for you alone"))?;
            }
            Ok(())
        }
    });
    let mut ada = server.joined("ada", "chat").await;
    let mut bob = server.joined("bob", "chat").await;
    ada.say("chat", "hi").await;
    ada.recv_type("event").await;
    assert_eq!(ada.recv_type("direct").await["data"]["text"], "for you alone");
    let chat = server.room(Chat).await.expect("the room");
    chat.trigger(message("from the server")).await.expect("an event");
    record
        .expect(&[
            "hi in Chat by a client: true",
            "from the server in Chat by a client: false",
        ])
        .await;
    bob.recv_type("event").await;
    bob.recv_type("event").await;
    bob.assert_nothing_came().await;
}
