//! A server with a store lives as long as its handles, whatever its own tasks wait for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Plenty;
use super::peer::Peer;
use crate::log::tests::fake_store::{FakeStore, broken};
use crate::prelude::*;

rooms! {
    crate = crate;

    Rooms;

    /// Created by clients.
    Table { number: u64 } = "table-{number}" {
        events: [Plenty],
        client_created: 2,
    }
}

fn server(store: &Arc<FakeStore>) -> Dialogue {
    let builder = Dialogue::builder().rooms::<Rooms>().durable(Arc::clone(store) as _);
    builder.build().expect("a server")
}

/// A store with the room of an anonymous user of an earlier run.
async fn with_a_leftover() -> Arc<FakeStore> {
    let store = FakeStore::new();
    let dialogue = server(&store);
    let mut peer = Peer::new_as(&dialogue, Value::Null).await;
    peer.receive_type("connected").await;
    peer.send(&json!({ "type": "createRoom", "id": 1, "room": { "id": "table-1", "name": "Roses" } }))
        .await;
    peer.receive_type("roomCreated").await;
    store.restart()
}

#[tokio::test(start_paused = true)]
async fn rooms_of_anonymous_users_keep_no_server_alive() {
    let store = with_a_leftover().await;
    for until_the_drop in [1, 100] {
        store.fail_reads(Some(broken()));
        let dialogue = server(&store);
        let weak = dialogue.downgrade();
        tokio::time::sleep(Duration::from_secs(until_the_drop)).await;
        drop(dialogue);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(weak.upgrade().is_none(), "dropped after {until_the_drop} s");
    }
}
