//! Paging back by `before` alone, beyond what memory has and beyond the numbers of the present incarnation.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Plenty;
use super::peer::Peer;
use crate::event::EventMessage;
use crate::prelude::*;

rooms! {
    /// The rooms of these tests.
    Rooms;

    /// Always there.
    Hall = "hall" { events: [Plenty], default_subscriptions: [Plenty] }
}

/// An event that an earlier run of the server has numbered.
fn old(number: u64) -> EventMessage {
    let message = json!({
        "event": "plenty", "roomId": "hall", "data": { "number": number }, "from": "ada", "timestamp": number,
    });
    serde_json::from_value(message).expect("a message")
}

/// Reads everything as a client does: each page says what continues it.
async fn read_back(dialogue: &Dialogue, limit: u64) -> Vec<u64> {
    let mut peer = Peer::connect(dialogue, 1 << 20).await;
    peer.send(&json!({ "type": "join", "roomId": "hall" })).await;
    peer.receive_type("joined").await;
    let (mut range, mut read) = (json!({ "before": 9_007_199_254_740_991_u64 }), Vec::new());
    loop {
        let mut request = json!({ "type": "history", "roomId": "hall", "event": "plenty", "limit": limit });
        let fields = request.as_object_mut().expect("an object");
        fields.extend(range.as_object().expect("an object").clone());
        peer.send(&request).await;
        let page = peer.receive_type("history").await;
        let events = page["events"].as_array().expect("events");
        assert!(events.len() as u64 <= limit);
        read.extend(
            events
                .iter()
                .map(|event| event["data"]["number"].as_u64().expect("a number")),
        );
        if page["more"] == false {
            assert_eq!(page.get("next"), None);
            return read;
        }
        range = match page.get("next") {
            Some(next) => next.clone(),
            None => json!({ "before": events.last().map(|event| &event["seq"]).expect("an event") }),
        };
        assert_ne!(range["before"], Value::Null, "the page says what continues it");
    }
}

#[tokio::test(start_paused = true)]
async fn before_alone_reaches_the_stored_events_of_an_earlier_run() {
    let stored: Arc<Vec<EventMessage>> = Arc::new((1..=5).rev().map(old).collect());
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .load_history(move |query| {
            let events: Vec<EventMessage> = stored.iter().skip(query.skip).take(query.limit).cloned().collect();
            async move { Ok(events) }
        })
        .build()
        .expect("a server");
    for number in 6..=8 {
        dialogue
            .trigger::<Plenty>(Hall, Plenty { number })
            .await
            .expect("a delivery");
    }
    for limit in 1..=9 {
        assert_eq!(
            read_back(&dialogue, limit).await,
            [8, 7, 6, 5, 4, 3, 2, 1],
            "{limit} a page"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn before_alone_reaches_the_events_that_the_application_has_pushed() {
    let dialogue = Dialogue::builder().rooms::<Rooms>().build().expect("a server");
    for number in 1..=3 {
        dialogue.history().push(&old(number)).await;
    }
    for number in 4..=6 {
        dialogue
            .trigger::<Plenty>(Hall, Plenty { number })
            .await
            .expect("a delivery");
    }
    for limit in 1..=7 {
        assert_eq!(read_back(&dialogue, limit).await, [6, 5, 4, 3, 2, 1], "{limit} a page");
    }
}
