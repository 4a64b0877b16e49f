//! A room on demand is no room before somebody is in it.

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

    /// Made by who joins it.
    Lobby { number: u64 } = "lobby-{number}" {
        name: "Lobby",
        events: [Plenty],
        default_subscriptions: [Plenty],
        on_demand: true,
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_in_a_room_that_is_only_asked_about() {
    let outcomes: Arc<Mutex<Vec<Result<Delivery, TriggerError>>>> = Arc::default();
    let told = Arc::clone(&outcomes);
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .before_join(move |_, room| {
            let told = Arc::clone(&told);
            async move {
                let outcome = room.trigger(Plenty { number: 1 }).await;
                told.lock().push(outcome);
                assert!(!room.delete());
                Ok(())
            }
        })
        .build()
        .expect("a server");
    let mut peer = Peer::connect(&dialogue, 4096).await;
    peer.send(&json!({ "type": "join", "roomId": "lobby-1" })).await;
    // Another room of the id may be there by now, and what is numbered here would end its history.
    assert_eq!(peer.receive_type("joined").await["seq"], 0);
    assert!(matches!(outcomes.lock()[..], [Err(TriggerError::NoSuchRoom { .. })]));
    dialogue
        .trigger::<Plenty>(Lobby { number: 1 }, Plenty { number: 2 })
        .await
        .expect("a delivery");
}
