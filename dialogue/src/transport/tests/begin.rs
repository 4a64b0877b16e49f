//! A server with a cluster before its first contact, and at it. The cluster is a fake, and the clock is paused.

use std::sync::Arc;

use serde_json::json;
use tower_service::Service;

use super::peer::Peer;
use super::stored::{Hall, Table, join, on, peer, server};
use super::*;
use crate::calls::{CreateRoomError, RoomUnavailable};
use crate::cluster::tests::{FakeNode, Hub};
use crate::log::StoreFailure;
use crate::{BuildError, Error, Limits, RoomConfig, TriggerError};

/// How long calls wait in these tests: `append_deadline`.
const DEADLINE: Duration = Duration::from_secs(3);

fn waiting(hub: &Arc<Hub>) -> (Arc<FakeNode>, Dialogue) {
    let node = hub.node_without_contact();
    let dialogue = on(&hub.store).with_cluster(Arc::clone(&node) as _).build();
    (node, dialogue.expect("a server"))
}

/// The status of `/dialogue/ready`.
async fn ready(dialogue: &Dialogue) -> u16 {
    let request = ::http::Request::get("/dialogue/ready").body(axum::body::Body::empty());
    let answer = dialogue.router().call(request.expect("a request")).await;
    answer.expect("an answer").status().as_u16()
}

/// Lets `node` reach the log after a second.
fn reach_later(node: &Arc<FakeNode>) {
    let node = Arc::clone(node);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.reach();
    });
}

#[tokio::test(start_paused = true)]
async fn before_the_first_contact_a_client_is_told_to_come_back_and_the_server_is_not_ready() {
    let (node, dialogue) = waiting(&Hub::new([]));
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(ready(&dialogue).await, 503);
    let mut early = Peer::new_as(&dialogue, json!({ "userId": "ada" })).await;
    let refused = early.receive_type("error").await;
    assert_eq!(refused["code"], "UNAVAILABLE");
    let wait = refused["retryAfter"].as_u64().expect("a wait");
    assert!((40_000..=60_000).contains(&wait), "{refused}");
    assert_eq!(early.receive_close().await, 4003);
    node.reach();
    settle().await;
    assert_eq!(ready(&dialogue).await, 200);
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
}

#[tokio::test(start_paused = true)]
async fn in_a_later_outage_the_server_stays_ready_and_admits_clients() {
    let hub = Hub::new([]);
    let (node, dialogue) = waiting(&hub);
    node.reach();
    settle().await;
    node.lose();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(ready(&dialogue).await, 200);
    peer(&dialogue, "ada").await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_the_application_wait_for_the_first_contact() {
    let hub = Hub::new([]);
    // Another node has created a room.
    let other = server(&hub.store);
    other.create_room(Table { number: 1 }).await.expect("a room");
    let (node, dialogue) = waiting(&hub);
    reach_later(&node);
    let (hall, table, created, triggered, deleted, unknown) = tokio::join!(
        dialogue.room(Hall),
        dialogue.room(Table { number: 1 }),
        dialogue.create_room(Table { number: 2 }),
        dialogue.trigger::<Plenty>(Hall, Plenty { number: 1 }),
        dialogue.delete_room(Table { number: 1 }),
        dialogue.room("nowhere"),
    );
    assert!(matches!(hall, Ok(Some(_))));
    assert!(matches!(table, Ok(Some(_))));
    assert!(created.is_ok());
    assert_eq!(triggered.expect("a delivery").seq, Some(1));
    assert_eq!(deleted, Ok(true));
    assert!(matches!(unknown, Ok(None)));
    let again = dialogue.create_room(Table { number: 2 }).await;
    assert!(matches!(again, Err(CreateRoomError::Exists { .. })), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_too_long_fail_as_if_the_store_did_not_answer() {
    let (node, dialogue) = waiting(&Hub::new([]));
    let began = tokio::time::Instant::now();
    let (hall, created, triggered, deleted, erased) = tokio::join!(
        dialogue.room(Hall),
        dialogue.create_room(RoomConfig::new("made")),
        dialogue.trigger::<Plenty>(Hall, Plenty { number: 1 }),
        dialogue.delete_room(Hall),
        dialogue.erase_user("ada"),
    );
    let failure = StoreFailure::TimedOut { seconds: 3 };
    assert_eq!(began.elapsed(), DEADLINE);
    assert!(matches!(hall, Err(RoomUnavailable::Store(not)) if not == failure));
    assert!(matches!(created, Err(CreateRoomError::NotAccepted(not)) if not == failure));
    assert!(matches!(triggered, Err(TriggerError::NotAccepted(not)) if not == failure));
    assert_eq!(deleted, Err(failure));
    assert!(erased.is_err());
    node.reach();
    assert!(matches!(dialogue.room(Hall).await, Ok(Some(_))));
    assert!(matches!(dialogue.room("made").await, Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn a_declared_room_that_was_deleted_stays_so_on_a_new_node() {
    let hub = Hub::new([]);
    let first = on(&hub.store).with_cluster(hub.node()).build().expect("a server");
    assert_eq!(first.delete_room(Hall).await, Ok(true));
    let second = on(&hub.store).with_cluster(hub.node()).build().expect("a server");
    assert!(matches!(second.room(Hall).await, Ok(None)));
    let mut ada = peer(&second, "ada").await;
    ada.send(&json!({ "type": "join", "id": 1, "roomId": "hall" })).await;
    assert_eq!(ada.receive_type("error").await["code"], "ROOM_NOT_FOUND");
}

#[derive(Debug, thiserror::Error)]
#[error("the eviction policy drops events: set `maxmemory-policy noeviction`")]
struct DropsEvents;

#[tokio::test(start_paused = true)]
async fn serve_ends_with_the_reason_why_the_server_never_begins() {
    let (node, dialogue) = waiting(&Hub::new([]));
    let serving = {
        let dialogue = dialogue.clone();
        tokio::spawn(async move { dialogue.serve(([127, 0, 0, 1], 0)).await })
    };
    settle().await;
    assert!(!serving.is_finished());
    node.fail_to_begin(Arc::new(DropsEvents));
    let error = serving.await.expect("no panic").expect_err("an error");
    assert!(matches!(error, Error::Cluster(_)));
    assert!(format!("{error:?}").contains("noeviction"), "{error:?}");
    // A router that is mounted elsewhere says that it is not ready.
    assert_eq!(ready(&dialogue).await, 503);
    let refused = dialogue.room(Hall).await;
    assert!(
        matches!(&refused, Err(RoomUnavailable::Store(StoreFailure::Failed { reason })) if reason.contains("noeviction"))
    );
    let again = dialogue.serve(([127, 0, 0, 1], 0)).await;
    assert!(matches!(again, Err(Error::Cluster(_))));
    dialogue.stop().await.expect("the server stops");
}

#[tokio::test(start_paused = true)]
async fn a_server_can_stop_before_the_first_contact() {
    let (_node, dialogue) = waiting(&Hub::new([]));
    let call = {
        let dialogue = dialogue.clone();
        tokio::spawn(async move { dialogue.room(Hall).await.map(|_| ()) })
    };
    settle().await;
    let began = tokio::time::Instant::now();
    dialogue.stop().await.expect("the server stops");
    let call = call.await.expect("no panic");
    assert!(
        matches!(call, Err(RoomUnavailable::Store(StoreFailure::Closed))),
        "{call:?}"
    );
    assert!(began.elapsed() < DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_before_the_first_contact_leaves_no_task() {
    let (node, dialogue) = waiting(&Hub::new([]));
    settle().await;
    assert!(node.is_awaited());
    drop(dialogue);
    settle().await;
    assert!(!node.is_awaited());
}

rooms! {
    Twins;

    First = "first" { events: [] }

    Second = "second" { events: [] }
}

#[tokio::test]
async fn too_many_declared_rooms_are_refused_before_the_first_contact() {
    for (max_rooms, fits) in [(1, false), (2, true)] {
        let limits = Limits::default().with_max_rooms(max_rooms);
        let builder = Dialogue::builder().rooms::<Twins>().limits(limits);
        let built = builder.with_cluster(Hub::new([]).node_without_contact()).build();
        match fits {
            true => assert!(built.is_ok()),
            false => assert!(matches!(built, Err(BuildError::TooManyRooms { max_rooms: 1 }))),
        }
    }
}

#[test]
fn a_server_with_a_cluster_is_built_inside_a_runtime() {
    let hub = Hub::new([]);
    let built = on(&hub.store).with_cluster(hub.node()).build();
    assert!(matches!(built, Err(BuildError::NoRuntime)));
}
