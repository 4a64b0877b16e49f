//! Rooms that clients of anonymous users created go when nobody is in them and their creator is gone.

use std::time::Duration;

use serde_json::json;

use super::Plenty;
use super::peer::{Peer, PeerFrame};
use crate::prelude::*;
use crate::{Builder, Identity};

/// Longer than it takes to find that a room is empty and its creator gone: twice [`crate::Limits::on_demand_idle`], and that
/// once more to begin with.
const A_WHILE: Duration = Duration::from_secs(200);

rooms! {
    /// The rooms of this test.
    Rooms;

    /// Made by clients.
    Table { number: u64 } = "table-{number}" {
        events: [Plenty],
        client_created: 1,
    }
}

fn server(configure: impl FnOnce(Builder) -> Builder) -> Dialogue {
    let builder = Dialogue::builder().rooms::<Rooms>();
    configure(builder).build().expect("a server")
}

/// Connects and creates a table.
async fn creator(dialogue: &Dialogue) -> (Peer, String) {
    let mut peer = Peer::connect(dialogue, 4096).await;
    let connected = peer.receive_type("connected").await;
    peer.send(&json!({ "type": "createRoom", "room": { "id": "table-1" } }))
        .await;
    peer.receive_type("roomCreated").await;
    (peer, connected["resume"].as_str().expect("a secret").to_owned())
}

/// Lets time pass, answering pings.
async fn wait(time: Duration, peer: &mut Peer) {
    let until = tokio::time::Instant::now() + time;
    while let Ok(heard) = tokio::time::timeout_at(until, peer.receive()).await {
        assert!(heard.is_some(), "the connection lasts");
        if heard == Some(PeerFrame::Ping) {
            peer.send(&json!({ "type": "ping" })).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_room_of_an_anonymous_user_stays_while_its_creator_is_there_and_goes_when_it_is_gone() {
    let dialogue = server(|builder| builder);
    let (mut peer, resume) = creator(&dialogue).await;
    wait(A_WHILE * 3, &mut peer).await;
    assert!(dialogue.room("table-1").is_some(), "its creator is there");
    drop(peer);
    tokio::time::sleep(Duration::from_secs(50)).await;
    let mut back = Peer::connect_again(&dialogue, 4096, Some(&resume)).await;
    wait(A_WHILE, &mut back).await;
    assert!(dialogue.room("table-1").is_some(), "its creator has come back");
    drop(back);
    tokio::time::sleep(A_WHILE).await;
    assert!(dialogue.room("table-1").is_none(), "and is gone now");
}

#[tokio::test(start_paused = true)]
async fn the_room_of_an_anonymous_user_stays_while_somebody_is_in_it() {
    let dialogue = server(|builder| builder);
    let (peer, _) = creator(&dialogue).await;
    let mut guest = Peer::connect(&dialogue, 4096).await;
    guest.send(&json!({ "type": "join", "roomId": "table-1" })).await;
    guest.receive_type("joined").await;
    drop(peer);
    wait(A_WHILE * 3, &mut guest).await;
    assert!(dialogue.room("table-1").is_some(), "somebody is in it");
    guest.send(&json!({ "type": "leave", "roomId": "table-1" })).await;
    wait(A_WHILE, &mut guest).await;
    assert!(dialogue.room("table-1").is_none(), "and has left now");
}

#[tokio::test(start_paused = true)]
async fn the_room_of_a_user_that_signs_in_stays() {
    let dialogue = server(|builder| builder.authenticate(|_| async { Ok(Identity::user("ada")) }));
    let (peer, _) = creator(&dialogue).await;
    drop(peer);
    tokio::time::sleep(A_WHILE * 3).await;
    assert!(dialogue.room("table-1").is_some());
}
