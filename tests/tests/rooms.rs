//! How rooms are created and deleted: families, on-demand rooms, quotas, capacity, and the races between all of these.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dialogue::calls::CreateRoomError;
use dialogue::prelude::*;
use dialogue::{JoinError, LimitExceeded, Limits, RoomConfig};
use dialogue_tests::{
    Booth, Chat, Gate, Lobby, Project, Record, Stage, Table, TestClient, TestServer, message, until, within,
};
use futures_util::future::join_all;
use serde_json::json;

fn idle(milliseconds: u64) -> Limits {
    Limits::default().with_on_demand_idle(Duration::from_millis(milliseconds))
}

fn lobby(name: &str) -> Lobby {
    Lobby { name: name.to_owned() }
}

#[tokio::test]
async fn an_id_that_is_not_in_canonical_form_is_not_a_room() {
    let server = TestServer::plain().await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let mut ada = server.joined("ada", "project-7").await;
    for id in [
        "project-007",
        "project-+7",
        "project-",
        "project-7 ",
        "project-x",
        "project-18446744073709551616",
    ] {
        assert_eq!(
            ada.refused(json!({ "type": "join", "roomId": id })).await,
            "ROOM_NOT_FOUND",
            "{id}"
        );
    }
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "project-8" })).await,
        "ROOM_NOT_FOUND",
        "not created"
    );
}

#[tokio::test]
async fn a_familys_field_is_encoded_into_the_id_and_decoded_again() {
    let server = TestServer::plain().await;
    let mut ada = server.connect_as("ada").await;
    let joined = ada
        .request(json!({ "type": "join", "roomId": "lobby-caf%C3%A9%2F1" }))
        .await;
    assert_eq!(joined["type"], "joined", "{joined}");
    server.trigger(lobby("café/1"), message("hi")).await.expect("an event");
    assert_eq!(ada.recv_type("event").await["data"]["text"], "hi");
    for id in ["lobby-caf%c3%a9%2f1", "lobby-%63af"] {
        assert_eq!(
            ada.refused(json!({ "type": "join", "roomId": id })).await,
            "ROOM_NOT_FOUND",
            "{id}"
        );
    }
}

#[tokio::test]
async fn ids_of_declared_rooms_and_families_are_reserved() {
    let server = TestServer::plain().await;
    for id in ["project-7", "table-1", "lobby-x"] {
        let error = server.create_room(RoomConfig::new(id)).await.expect_err("reserved");
        assert_eq!(error, CreateRoomError::Reserved { room: id.into() });
    }
    server
        .create_room(RoomConfig::new("project-007"))
        .await
        .expect("no family has this id");
    assert!(server.delete_room(Chat).await.expect("a deletion"));
    let error = server.create_room(RoomConfig::new("chat")).await.expect_err("reserved");
    assert_eq!(error, CreateRoomError::Reserved { room: "chat".into() });
    server
        .create_room(Chat)
        .await
        .expect("a declared room can be created again");
}

#[tokio::test]
async fn an_on_demand_room_is_created_for_its_first_client_and_deleted_after_its_last() {
    let record = Record::default();
    let (created, deleted) = (record.clone(), record.clone());
    let server = TestServer::with(|builder| {
        builder
            .limits(idle(1))
            .on_room_created(move |room| {
                created.note(format!("created {}", room.id()));
                async {}
            })
            .on_room_deleted(move |room| {
                deleted.note(format!("deleted {}", room.id()));
                async {}
            })
    })
    .await;
    assert!(server.room(lobby("x")).await.is_none());
    let mut ada = server.joined("ada", "lobby-x").await;
    record.expect(&["created lobby-x"]).await;
    ada.request(json!({ "type": "leave", "roomId": "lobby-x" })).await;
    record.expect(&["deleted lobby-x"]).await;
    assert!(server.room(lobby("x")).await.is_none());
    ada.join("lobby-x").await;
    record.expect(&["created lobby-x"]).await;
    ada.close().await;
    record.expect(&["deleted lobby-x"]).await;
    assert!(server.room(lobby("x")).await.is_none());
}

#[tokio::test]
async fn an_on_demand_room_stays_when_a_client_rejoins_in_time() {
    let server = TestServer::limited(idle(100)).await;
    let mut ada = server.joined("ada", "lobby-x").await;
    let mut bob = server.joined("bob", "lobby-other").await;
    let epoch = server.room(lobby("x")).await.expect("the room").epoch();
    ada.request(json!({ "type": "leave", "roomId": "lobby-x" })).await;
    ada.join("lobby-x").await;
    // `bob` leaves later than `ada`. When his room is gone, the idle time of `ada`'s room is over, too.
    bob.request(json!({ "type": "leave", "roomId": "lobby-other" })).await;
    until("the other room's deletion", || {
        server.here().room(lobby("other")).is_none()
    })
    .await;
    assert_eq!(server.room(lobby("x")).await.expect("it stays").epoch(), epoch);
}

#[tokio::test]
async fn an_on_demand_room_whose_first_join_is_denied_is_never_created() {
    let server = TestServer::with(|builder| builder.before_join(|_, _| async { refuse("no") })).await;
    let mut ada = server.connect_as("ada").await;
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "lobby-x" })).await,
        "JOIN_DENIED"
    );
    assert!(server.room(lobby("x")).await.is_none());
}

#[tokio::test]
async fn an_on_demand_room_that_no_client_joins_is_deleted() {
    let server = TestServer::limited(idle(1).with_rooms_per_client(1)).await;
    let mut ada = server.joined("ada", "chat").await;
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "lobby-x" })).await,
        "LIMIT_EXCEEDED"
    );
    until("the deletion of the empty room", || {
        server.here().room(lobby("x")).is_none()
    })
    .await;
}

#[tokio::test]
async fn on_demand_rooms_are_announced_and_listed_only_if_their_family_says_so() {
    let server = TestServer::limited(idle(1)).await;
    let mut watcher = server.connect_as("bob").await;
    let mut ada = server.connect_as("ada").await;
    ada.join("lobby-x").await;
    ada.join("stage-x").await;
    let created = watcher.recv_type("roomCreated").await;
    assert_eq!(created["room"]["id"], "stage-x");
    let listed = watcher.request(json!({ "type": "listRooms" })).await.to_string();
    assert!(listed.contains("stage-x") && !listed.contains("lobby-x"), "{listed}");
    ada.close().await;
    assert_eq!(watcher.recv_type("roomDeleted").await["roomId"], "stage-x");
    until("the deletion of both rooms", || {
        server.here().room(lobby("x")).is_none() && server.here().room("stage-x").is_none()
    })
    .await;
    watcher.assert_nothing_came().await;
    assert!(server.room(Stage { name: "x".to_owned() }).await.is_none());
}

#[tokio::test]
async fn on_demand_rooms_count_towards_max_rooms() {
    let server = TestServer::limited(idle(60_000).with_max_rooms(5)).await;
    // Four rooms are declared.
    let mut ada = server.joined("ada", "lobby-1").await;
    assert_eq!(
        ada.refused(json!({ "type": "join", "roomId": "lobby-2" })).await,
        "LIMIT_EXCEEDED"
    );
    let error = server.create_room(Project { id: 7 }).await.expect_err("too many");
    assert_eq!(
        error,
        CreateRoomError::LimitExceeded(LimitExceeded::MaxRooms { limit: 5 })
    );
    let create = json!({ "type": "createRoom", "room": { "id": "table-1" } });
    assert_eq!(ada.refused(create).await, "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn the_quota_of_created_rooms_holds_after_many_attempts() {
    let server = TestServer::limited(Limits::default().with_inbound_frames(usize::MAX)).await;
    let mut ada = server.connect_as("ada").await;
    let before = server.here().rooms().len();
    for number in 0..1_000 {
        ada.send(json!({ "type": "createRoom", "room": { "id": format!("table-{number}") } }))
            .await;
        ada.recv().await;
    }
    assert_eq!(server.here().rooms().len(), before + 2);
    server
        .create_room(Table { number: 999 })
        .await
        .expect("the quota does not apply to the server");
}

#[tokio::test]
async fn only_max_size_clients_join_when_many_try_at_once() {
    let (gate, joined) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let (held, counted) = (gate.clone(), Arc::clone(&joined));
    let server = TestServer::with(|builder| {
        builder
            .limits(Limits::default().with_hook_deadline(Duration::from_secs(60)))
            .before_join(move |_, _| {
                let held = held.clone();
                async move {
                    held.pass().await;
                    Ok(())
                }
            })
            .on_joined(move |_, _, _| {
                counted.fetch_add(1, Ordering::SeqCst);
                async {}
            })
    })
    .await;
    let small = RoomConfig::new("small").max_size(10);
    server.create_room(small).await.expect("a room");
    let mut sockets = Vec::new();
    for number in 0..20 {
        let mut client = server.connect_as(&format!("socket-{number}")).await;
        client.send(json!({ "type": "join", "id": 1, "roomId": "small" })).await;
        sockets.push(client);
    }
    // The rest join from the server's side, where one client can try several times at once.
    for number in 0..98 {
        sockets.push(server.connect_as(&format!("user-{number}")).await);
    }
    let others: Vec<_> = (0..98)
        .flat_map(|number| server.here().clients_of(&format!("user-{number}")))
        .collect();
    let tries: Vec<_> = others
        .iter()
        .flat_map(|client| (0..10).map(move |_| client.clone()))
        .map(|client| tokio::spawn(async move { client.join("small").await.map(|_| client.id().clone()) }))
        .collect();
    for _ in 0..1_000 {
        gate.arrival().await;
    }
    gate.open();
    let mut members = std::collections::HashSet::new();
    for tried in tries {
        match within("the result of a join", tried).await.expect("no panic") {
            Ok(id) => drop(members.insert(id)),
            Err(error) => assert!(matches!(error, JoinError::Full), "{error:?}"),
        }
    }
    let mut in_by_socket = 0;
    for client in &mut sockets[..20] {
        let reply = client.recv().await;
        match reply["type"].as_str() {
            Some("joined") => in_by_socket += 1,
            _ => assert_eq!(reply["code"], "ROOM_FULL"),
        }
        client.assert_nothing_came().await;
    }
    let room = server.room("small").await.expect("the room");
    assert_eq!((members.len() + in_by_socket, room.size().await), (10, 10));
    assert!(room.is_full().await);
    until("the hooks", || joined.load(Ordering::SeqCst) >= 10).await;
    server.stop().await;
    assert_eq!(joined.load(Ordering::SeqCst), 10);
}

/// A server whose `before_join` waits at a gate.
async fn gated(limits: Limits) -> (TestServer, Gate) {
    let gate = Gate::default();
    let held = gate.clone();
    let server = TestServer::with(|builder| {
        builder.limits(limits).before_join(move |_, _| {
            let held = held.clone();
            async move {
                held.pass().await;
                Ok(())
            }
        })
    })
    .await;
    (server, gate)
}

#[tokio::test]
async fn a_room_deleted_while_before_join_runs_is_not_joined_and_can_be_created_again() {
    let (server, gate) = gated(Limits::default()).await;
    server.create_room(Project { id: 7 }).await.expect("a room");
    let mut ada = server.connect_as("ada").await;
    ada.send(json!({ "type": "join", "id": 1, "roomId": "project-7" }))
        .await;
    gate.arrival().await;
    assert!(server.delete_room(Project { id: 7 }).await.expect("a deletion"));
    assert_eq!(ada.recv_type("roomDeleted").await["roomId"], "project-7");
    gate.open();
    assert_eq!(ada.recv_type("error").await["code"], "ROOM_NOT_FOUND");
    assert!(server.room(Project { id: 7 }).await.is_none(), "it stays deleted");
    server.create_room(Project { id: 7 }).await.expect("the id is free");
    assert_eq!(ada.recv_type("roomCreated").await["room"]["id"], "project-7");
    ada.join("project-7").await;
}

#[tokio::test]
async fn a_disconnect_while_before_join_runs_leaves_no_stale_member() {
    let (server, gate) = gated(Limits::default()).await;
    let mut ada = server.connect_as("ada").await;
    ada.send(json!({ "type": "join", "roomId": "booth" })).await;
    gate.arrival().await;
    drop(ada);
    gate.open();
    until("the removal of the client", || server.here().clients().is_empty()).await;
    let _bob = server.joined("bob", "booth").await;
    let _eve = server.joined("eve", "booth").await;
    assert_eq!(server.room(Booth).await.expect("the room").size().await, 2);
}

#[tokio::test]
async fn a_client_that_is_kicked_while_it_joins_is_in_no_room() {
    let (server, gate) = gated(Limits::default()).await;
    let mut ada = server.connect_as("ada").await;
    let client = server.here().clients_of("ada")[0].clone();
    ada.send(json!({ "type": "join", "roomId": "booth" })).await;
    gate.arrival().await;
    client.disconnect().await;
    assert_eq!(ada.expect_close().await, 4501, "at once, even while a hook runs");
    gate.open();
    until("the removal of the client", || server.here().clients().is_empty()).await;
    assert_eq!(server.room(Booth).await.expect("the room").size().await, 0);
    assert!(client.rooms().is_empty());
    assert!(client.join(Booth).await.is_err(), "a disconnected client cannot join");
}

#[tokio::test]
async fn two_clients_that_create_an_on_demand_room_at_once_share_it() {
    let (server, gate) = gated(Limits::default()).await;
    let (mut ada, mut bob) = (server.connect_as("ada").await, server.connect_as("bob").await);
    for client in [&mut ada, &mut bob] {
        client.send(json!({ "type": "join", "roomId": "lobby-x" })).await;
        gate.arrival().await;
    }
    gate.open();
    let (one, two) = (ada.recv_type("joined").await, bob.recv_type("joined").await);
    assert_eq!(one["epoch"], two["epoch"]);
    ada.say("lobby-x", "hi").await;
    assert_eq!(bob.recv_type("event").await["data"]["text"], "hi");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_are_announced_in_the_order_of_their_creation_and_deletion() {
    let server = TestServer::limited(
        Limits::default()
            .with_queue_frames(usize::MAX)
            .with_queue_bytes(1 << 30),
    )
    .await;
    let mut ada = server.connect_as("ada").await;
    let busy = [(); 2].map(|()| {
        let dialogue = server.dialogue().clone();
        tokio::spawn(async move {
            for _ in 0..5_000 {
                // Two tasks take the id alternately.
                let _ = dialogue.create_room(Project { id: 7 }).await;
                dialogue.delete_room(Project { id: 7 }).await.expect("a deletion");
            }
        })
    });
    let done = tokio::spawn(async move {
        for task in busy {
            task.await.expect("no panic");
        }
        server.create_room(Project { id: 8 }).await.expect("a room");
        server
    });
    let mut before = "roomDeleted".to_owned();
    loop {
        let frame = ada.recv().await;
        if frame["room"]["id"] == "project-8" {
            break;
        }
        let now = frame["type"].as_str().expect("a type").to_owned();
        assert_ne!(now, before, "creation and deletion alternate");
        before = now;
    }
    assert_eq!(before, "roomDeleted");
    done.await.expect("no panic").stop().await;
}

/// Creates or deletes the room that `number` selects. The reply may also be a refusal.
async fn create_or_delete(client: &mut TestClient, number: usize) {
    let room = format!("table-{}", number % 4);
    let request = if number.is_multiple_of(3) {
        json!({ "type": "deleteRoom", "roomId": room })
    } else {
        json!({ "type": "createRoom", "room": { "id": room } })
    };
    client.request(request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_never_exceeds_its_quota_of_rooms_and_every_deletion_frees_a_place() {
    const QUOTA: usize = 2;
    let server = TestServer::limited(Limits::default().with_inbound_frames(10_000)).await;
    let tables = || {
        (0..4)
            .filter(|number| server.here().room(Table { number: *number }).is_some())
            .count()
    };
    let tab = async |tab: usize| {
        let mut client = server.connect_as("ada").await;
        for number in 0..200 {
            create_or_delete(&mut client, number * (tab + 1) + tab).await;
        }
    };
    join_all((0..4).map(tab)).await;
    assert!(tables() <= QUOTA);
    let mut client = server.connect_as("ada").await;
    for number in 0..4 {
        let room = format!("table-{number}");
        client.request(json!({ "type": "deleteRoom", "roomId": room })).await;
    }
    for number in 0..3 {
        let room = json!({ "id": format!("table-{number}") });
        let created = client.request(json!({ "type": "createRoom", "room": room })).await;
        assert_eq!(created["type"] == "roomCreated", number < QUOTA, "{created}");
    }
}
