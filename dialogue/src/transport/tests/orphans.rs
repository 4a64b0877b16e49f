//! A room that an anonymous user's client created goes when it is empty and its creator is gone.

use std::time::Duration;

use serde_json::json;

use super::peer::{Peer, PeerFrame};
use super::{Plenty, find_room};
use crate::prelude::*;
use crate::{Builder, Identity};

/// Longer than the server takes to find that a room is empty and its creator gone. That takes twice
/// [`crate::Limits::on_demand_idle`], plus once more at the beginning.
const A_WHILE: Duration = Duration::from_secs(200);

rooms! {
    /// The rooms of this test.
    Rooms;

    /// Created by clients.
    Table { number: u64 } = "table-{number}" {
        events: [Plenty],
        client_created: 1,
    }
}

fn server(configure: impl FnOnce(Builder) -> Builder) -> Dialogue {
    let builder = Dialogue::builder().rooms::<Rooms>();
    configure(builder).build().expect("a server")
}

/// Connects a client that creates a table.
async fn creator(dialogue: &Dialogue) -> (Peer, String) {
    let mut peer = Peer::connect(dialogue, 4096).await;
    let connected = peer.receive_type("connected").await;
    peer.send(&json!({ "type": "createRoom", "room": { "id": "table-1" } }))
        .await;
    peer.receive_type("roomCreated").await;
    (peer, connected["resume"].as_str().expect("a secret").to_owned())
}

/// Lets time pass while it answers pings.
async fn wait(time: Duration, peer: &mut Peer) {
    let until = tokio::time::Instant::now() + time;
    while let Ok(frame) = tokio::time::timeout_at(until, peer.receive()).await {
        assert!(frame.is_some(), "the connection is open");
        if frame == Some(PeerFrame::Ping) {
            peer.send(&json!({ "type": "ping" })).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_room_of_an_anonymous_user_stays_while_its_creator_is_connected_and_goes_afterwards() {
    let dialogue = server(|builder| builder);
    let (mut peer, resume) = creator(&dialogue).await;
    wait(A_WHILE * 3, &mut peer).await;
    assert!(
        find_room(&dialogue, "table-1").await.is_some(),
        "its creator is connected"
    );
    drop(peer);
    tokio::time::sleep(Duration::from_secs(50)).await;
    let mut back = Peer::connect_again(&dialogue, 4096, Some(&resume)).await;
    wait(A_WHILE, &mut back).await;
    assert!(
        find_room(&dialogue, "table-1").await.is_some(),
        "its creator has reconnected"
    );
    drop(back);
    tokio::time::sleep(A_WHILE).await;
    assert!(find_room(&dialogue, "table-1").await.is_none(), "its creator is gone");
}

#[tokio::test(start_paused = true)]
async fn the_room_of_an_anonymous_user_stays_while_it_has_a_member() {
    let dialogue = server(|builder| builder);
    let (peer, _) = creator(&dialogue).await;
    let mut guest = Peer::connect(&dialogue, 4096).await;
    guest.send(&json!({ "type": "join", "roomId": "table-1" })).await;
    guest.receive_type("joined").await;
    drop(peer);
    wait(A_WHILE * 3, &mut guest).await;
    assert!(find_room(&dialogue, "table-1").await.is_some(), "it has a member");
    guest.send(&json!({ "type": "leave", "roomId": "table-1" })).await;
    wait(A_WHILE, &mut guest).await;
    assert!(find_room(&dialogue, "table-1").await.is_none(), "the member has left");
}

#[tokio::test(start_paused = true)]
async fn the_room_of_a_user_that_signs_in_stays() {
    let dialogue = server(|builder| builder.authenticate(|_| async { Ok(Identity::user("ada")) }));
    let (peer, _) = creator(&dialogue).await;
    drop(peer);
    tokio::time::sleep(A_WHILE * 3).await;
    assert!(find_room(&dialogue, "table-1").await.is_some());
}
