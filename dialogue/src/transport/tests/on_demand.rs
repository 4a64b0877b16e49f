//! A room on demand exists only once a client has joined it.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;

use super::Plenty;
use super::peer::Peer;
use crate::prelude::*;
use crate::{Delivery, TriggerError};

rooms! {
    /// The rooms of this test.
    Rooms;

    /// Created when a client joins it.
    Lobby { number: u64 } = "lobby-{number}" {
        name: "Lobby",
        events: [Plenty],
        default_subscriptions: [Plenty],
        on_demand: true,
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_on_demand_does_not_exist_while_before_join_runs() {
    let outcomes: Arc<Mutex<Vec<Result<Delivery, TriggerError>>>> = Arc::default();
    let recorded = Arc::clone(&outcomes);
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .before_join(move |_, room| {
            let recorded = Arc::clone(&recorded);
            async move {
                let outcome = room.trigger(Plenty { number: 1 }).await;
                recorded.lock().push(outcome);
                assert!(!room.delete().await);
                Ok(())
            }
        })
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 4096).await;
    peer.send(&json!({ "type": "join", "roomId": "lobby-1" })).await;
    // Another room may have the id by now. A number that was assigned here would corrupt its history.
    assert_eq!(peer.receive_type("joined").await["seq"], 0);
    assert!(matches!(outcomes.lock()[..], [Err(TriggerError::NoSuchRoom { .. })]));
    dialogue
        .trigger::<Plenty>(Lobby { number: 1 }, Plenty { number: 2 })
        .await
        .expect("a delivery");
}
