//! Recovery after a reconnect: `since`, `resume` and `key`.

use dialogue::event::{EventDefinition, HistorySetting};
use dialogue::prelude::*;
use dialogue::{Dialogue, Limits, RoomConfig};
use dialogue_tests::{Booth, Gate, Message, Project, Rooms, TestClient, TestServer, message, until};
use serde_json::{Value, json};

/// Triggers a message with each of these texts in the booth, as the server.
async fn say(server: &TestServer, texts: &[&str]) {
    for text in texts {
        server.trigger::<Message>(Booth, message(text)).await.expect("an event");
    }
}

async fn rejoin(client: &mut TestClient, room: &str, epoch: &Value, seq: u64) -> Value {
    let since = json!({ "epoch": epoch, "seq": seq });
    client
        .request(json!({ "type": "join", "roomId": room, "subscriptions": ["*"], "since": since }))
        .await
}

fn numbers(joined: &Value) -> Vec<u64> {
    let events = joined["events"]
        .as_array()
        .unwrap_or_else(|| panic!("no events: {joined}"));
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

#[tokio::test]
async fn a_client_that_rejoins_gets_the_events_that_it_missed_and_none_twice() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let epoch = ada.join("booth").await["epoch"].clone();
    say(&server, &["1", "2"]).await;
    ada.close().await;
    say(&server, &["3", "4"]).await;
    for (seen, missed) in [(2, vec![3, 4]), (0, vec![1, 2, 3, 4]), (4, vec![]), (3, vec![4])] {
        let mut ada = server.connect_as("ada").await;
        let joined = rejoin(&mut ada, "booth", &epoch, seen).await;
        assert_eq!(joined["recovered"], true, "{seen}");
        assert_eq!(numbers(&joined), missed, "{seen}");
        assert_eq!(joined["seq"], 4);
        ada.assert_nothing_came().await;
        ada.close().await;
    }
}

#[tokio::test]
async fn a_rejoin_that_cannot_recover_everything_gets_the_same_as_a_first_join() {
    let server = TestServer::plain().await;
    let epoch = json!(server.room(Booth).await.expect("the room").epoch());
    // The room keeps five events; the first two are evicted.
    say(&server, &["1", "2", "3", "4", "5", "6", "7"]).await;
    for (what, epoch, seen, recovered) in [
        ("every missed event is kept", &epoch, 2, true),
        ("one event is gone", &epoch, 1, false),
        ("the position is ahead of the room", &epoch, 8, false),
        ("the position is the largest possible one", &epoch, u64::MAX, false),
        ("the epoch is a different one", &json!("another"), 3, false),
    ] {
        let mut ada = server.connect_as("ada").await;
        let joined = rejoin(&mut ada, "booth", epoch, seen).await;
        assert_eq!(joined["recovered"], recovered, "{what}");
        let expected = if recovered { vec![3, 4, 5, 6, 7] } else { vec![6, 7] };
        assert_eq!(numbers(&joined), expected, "{what}");
        ada.close().await;
        until("the room to be empty", || {
            server.here().room(Booth).is_some_and(|room| room.here().size() == 0)
        })
        .await;
    }
}

#[tokio::test]
async fn evicted_events_that_the_client_is_not_subscribed_to_do_not_prevent_recovery() {
    let server = TestServer::plain().await;
    let kept = EventDefinition::new("kept").history(HistorySetting::Limit(50));
    let config = RoomConfig::new("log")
        .event::<Message>()
        .events([kept.build().expect("a definition")])
        .subscribe_to_all();
    let room = server.create_room(config).await.expect("a room");
    let mut bob = server.joined("bob", "log").await;
    bob.request(json!({ "type": "trigger", "roomId": "log", "event": "kept", "data": 1 }))
        .await;
    for _ in 0..10 {
        room.trigger(message("hi")).await.expect("an event");
    }
    let mut ada = server.connect_as("ada").await;
    let since = json!({ "epoch": room.epoch(), "seq": 0 });
    let join = json!({ "type": "join", "roomId": "log", "subscriptions": ["kept"], "since": since });
    let joined = ada.request(join).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![1]));
}

#[tokio::test]
async fn a_rejoin_that_exceeds_the_replay_limits_is_not_recovered() {
    let limits = [
        Limits::default().with_replay_events(2),
        Limits::default().with_replay_bytes(300),
    ];
    for limits in limits {
        let server = TestServer::limited(limits).await;
        let epoch = json!(server.room(Booth).await.expect("the room").epoch());
        say(&server, &["1", "2", "3"]).await;
        let mut ada = server.connect_as("ada").await;
        let joined = rejoin(&mut ada, "booth", &epoch, 0).await;
        assert_eq!(joined["recovered"], false);
        assert_eq!(numbers(&joined), [2, 3]);
        let mut bob = server.connect_as("bob").await;
        let joined = rejoin(&mut bob, "booth", &epoch, 1).await;
        assert_eq!(joined["recovered"], true);
    }
}

#[tokio::test]
async fn a_room_that_was_deleted_and_created_again_recovers_nothing_of_the_old_one() {
    let server = TestServer::plain().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let mut ada = server.connect_as("ada").await;
    let epoch = ada.join("project-7").await["epoch"].clone();
    ada.say("project-7", "old").await;
    server.delete_room(Project { id: 7 }).await.expect("a deletion");
    server.create_room(Project { id: 7 }).await.expect("a room");
    server
        .trigger(Project { id: 7 }, message("new"))
        .await
        .expect("an event");
    let joined = rejoin(&mut ada, "project-7", &epoch, 0).await;
    assert_eq!(joined["recovered"], false);
    assert_eq!(joined["events"][0]["data"]["text"], "new");
}

#[tokio::test]
async fn before_join_also_runs_when_a_client_rejoins() {
    let allowed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let asked = allowed.clone();
    let server = TestServer::with(|builder| {
        builder.before_join(move |_, _| {
            let allowed = asked.load(std::sync::atomic::Ordering::SeqCst);
            async move { if allowed { Ok(()) } else { refuse("no more") } }
        })
    })
    .await;
    let mut ada = server.connect_as("ada").await;
    let epoch = ada.join("booth").await["epoch"].clone();
    ada.close().await;
    allowed.store(false, std::sync::atomic::Ordering::SeqCst);
    say(&server, &["a secret"]).await;
    let mut ada = server.connect_as("ada").await;
    let error = rejoin(&mut ada, "booth", &epoch, 0).await;
    assert_eq!(error["code"], "JOIN_DENIED");
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn a_client_that_is_cut_again_and_again_sees_each_event_once_and_in_order() {
    let server = TestServer::plain().await;
    let noted = EventDefinition::new("noted").history(HistorySetting::Limit(10_000));
    let config = RoomConfig::new("log")
        .events([noted.build().expect("a definition")])
        .subscribe_to_all();
    server.create_room(config).await.expect("a room");
    let mut speaker = server.connect_as("bob").await;
    speaker.join_for("log", &[]).await;
    let mut reader = server.connect_as("ada").await;
    let epoch = reader.join("log").await["epoch"].clone();
    let mut position = 0;
    for round in 0..15 {
        for number in 0..8 {
            speaker
                .send(json!({ "type": "trigger", "roomId": "log", "event": "noted", "data": number }))
                .await;
        }
        // The client reads some of the events, while the rest are in flight or not yet sent.
        for _ in 0..round % 8 {
            position += 1;
            assert_eq!(reader.recv_type("event").await["seq"], position);
        }
        drop(reader);
        reader = server.connect_as("ada").await;
        let joined = rejoin(&mut reader, "log", &epoch, position).await;
        assert_eq!(joined["recovered"], true);
        for seq in numbers(&joined) {
            position += 1;
            assert_eq!(seq, position);
        }
        assert_eq!(joined["seq"], position);
        speaker.request(json!({ "type": "ping" })).await;
        while position < 8 * (round + 1) {
            position += 1;
            assert_eq!(reader.recv_type("event").await["seq"], position);
        }
    }
    reader.assert_nothing_came().await;
}

#[tokio::test]
async fn resume_closes_the_users_old_connection_so_that_it_does_not_take_a_place_in_the_room() {
    let server = TestServer::plain().await;
    let mut ghost = server.joined("ada", "booth").await;
    let _bob = server.joined("bob", "booth").await;
    let resume = ghost.connected["resume"].clone();
    let mut ada = server.open().await;
    ada.send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": "ada" }, "resume": resume }))
        .await;
    let connected = ada.recv_type("connected").await;
    assert_ne!(connected["resume"], resume, "each connection gets a new secret");
    assert_ne!(connected["clientId"], ghost.connected["clientId"]);
    assert_eq!(ghost.expect_close().await, 4501);
    assert_eq!(server.here().clients_of("ada").len(), 1);
    ada.join("booth").await;
}

#[tokio::test]
async fn an_anonymous_user_keeps_its_id_with_a_resume_secret_that_works_once() {
    let server = TestServer::start(Dialogue::builder().rooms::<Rooms>()).await;
    let first = server.connect_as("nobody").await;
    let (user, resume) = (first.connected["userId"].clone(), first.connected["resume"].clone());
    first.close().await;
    let mut users = Vec::new();
    for _ in 0..2 {
        let mut client = server.open().await;
        client
            .send(json!({ "type": "connect", "protocol": 1, "resume": resume }))
            .await;
        users.push(client.recv_type("connected").await["userId"].clone());
    }
    assert_eq!(users[0], user);
    assert_ne!(users[1], user, "a resume secret works only once");
}

#[tokio::test]
async fn a_client_lost_during_a_renewal_can_resume_with_its_old_secret() {
    let gate = Gate::default();
    let held = gate.clone();
    let builder = Dialogue::builder().rooms::<Rooms>().before_join(move |client, _| {
        let held = held.clone();
        async move {
            if !client.rooms().is_empty() {
                held.pass().await;
            }
            Ok(())
        }
    });
    let server = TestServer::start(builder).await;
    let mut first = server.joined("nobody", "chat").await;
    let (user, resume) = (first.connected["userId"].clone(), first.connected["resume"].clone());
    first.send(json!({ "type": "connect", "protocol": 1 })).await;
    gate.arrival().await;
    let mut second = server.open().await;
    second
        .send(json!({ "type": "connect", "protocol": 1, "resume": resume }))
        .await;
    assert_eq!(second.recv_type("connected").await["userId"], user);
    assert_eq!(first.expect_close().await, 4501, "the old connection is closed");
}

#[tokio::test]
async fn another_users_resume_secret_closes_no_connection() {
    let server = TestServer::plain().await;
    let mut ada = server.joined("ada", "chat").await;
    let mut eve = server.open().await;
    eve.send(
        json!({ "type": "connect", "protocol": 1, "auth": { "userId": "eve" }, "resume": ada.connected["resume"] }),
    )
    .await;
    assert_eq!(eve.recv_type("connected").await["userId"], "eve");
    let mut nobody = server.open().await;
    nobody
        .send(json!({ "type": "connect", "protocol": 1, "resume": ada.connected["resume"] }))
        .await;
    assert_ne!(nobody.recv_type("connected").await["userId"], "ada");
    assert_eq!(ada.say("chat", "still here").await["type"], "ok");
}

#[tokio::test]
async fn a_trigger_that_is_repeated_with_its_key_is_sent_once() {
    let server = TestServer::plain().await;
    let mut bob = server.joined("bob", "chat").await;
    let trigger = |text: &str, key: &str| json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": text }, "key": key });
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(ada.request(trigger("hi", "one")).await["seq"], 1);
    ada.close().await;
    let mut ada = server.joined("ada", "chat").await;
    let again = ada.request(trigger("hi", "one")).await;
    assert_eq!((&again["type"], &again["seq"]), (&json!("ok"), &json!(1)));
    ada.assert_nothing_came().await;
    assert_eq!(
        ada.request(trigger("hi", "two")).await["seq"],
        2,
        "another key means another event"
    );
    assert_eq!(
        bob.request(trigger("hi", "one")).await["seq"],
        3,
        "keys of different users are independent"
    );
    for seq in 1..=3 {
        assert_eq!(bob.recv_type("event").await["seq"], seq);
    }
    bob.assert_nothing_came().await;
}

#[tokio::test]
async fn a_refused_trigger_may_be_repeated_with_its_key() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let trigger =
        json!({ "type": "trigger", "roomId": "chat", "event": "message", "data": { "text": "hi" }, "key": "k" });
    assert_eq!(ada.refused(trigger.clone()).await, "NOT_IN_ROOM");
    ada.join("chat").await;
    assert_eq!(ada.request(trigger).await["seq"], 1);
}

#[tokio::test]
async fn a_joined_without_a_request_sets_the_position_and_earlier_ones_are_not_recovered() {
    let builder = Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .on_connected(|client| async move { client.join("booth").await.map(|_| ()).map_err(Into::into) });
    let server = TestServer::start(builder).await;
    let mut ada = server.connect_as("ada").await;
    let first = ada.recv_type("joined").await;
    assert_eq!((first.get("id"), &first["seq"]), (None, &json!(0)));
    ada.close().await;
    say(&server, &["one", "two"]).await;
    let mut ada = server.connect_as("ada").await;
    let joined = ada.recv_type("joined").await;
    assert_eq!((joined.get("recovered"), &joined["seq"]), (None, &json!(2)));
    for (seq, recovered) in [(0, false), (2, true)] {
        let again = rejoin(&mut ada, "booth", &joined["epoch"], seq).await;
        assert_eq!(again["recovered"], recovered, "since {seq}");
    }
}
