//! Tests of the public handle.

use serde_json::{Value, json};

use crate::event::EventMessage;
use crate::id::EventName;
use crate::log::{HistoryConfig, HistoryManager};

fn message(room: &str, event: &str, number: u64) -> EventMessage<Value> {
    serde_json::from_value(json!({
        "event": event, "roomId": room, "data": { "number": number }, "from": "ada", "timestamp": 7,
        "meta": { "trace": "t" }, "seq": number,
    }))
    .unwrap()
}

#[tokio::test]
async fn the_manager_returns_pushed_events() {
    let history = HistoryManager::new(HistoryConfig {
        max_events_per_type: 2,
        ..HistoryConfig::default()
    });
    let [first, second, third] = [1, 2, 3].map(|number| message("chat", "message", number));
    let typing = message("chat", "typing", 4);
    assert_eq!(history.push(&first).await, Vec::new());
    assert_eq!(history.push(&second).await, Vec::new());
    assert_eq!(history.push(&typing).await, Vec::new());
    assert_eq!(history.push(&third).await, vec![first]);

    assert_eq!(
        history.get("chat", "message", 0..9).await,
        vec![third.clone(), second.clone()]
    );
    assert_eq!(history.get("chat", "message", 1..2).await, vec![second.clone()]);
    assert_eq!(history.get("nowhere", "message", 0..9).await, Vec::new());
    let all = vec![second, typing, third];
    assert_eq!(history.all("chat").await, all);
    assert_eq!(history.count("chat", "message").await, 2);
    assert_eq!(history.event_names("chat").await, ["message", "typing"]);

    assert_eq!(history.clone().clear_room("chat").await, all);
    assert_eq!(history.count("chat", "message").await, 0);
    assert_eq!(history.event_names("chat").await, Vec::<EventName>::new());
}

#[tokio::test]
async fn the_manager_evicts_the_least_recently_used_room() {
    let history = HistoryManager::new(HistoryConfig {
        max_rooms: 2,
        ..HistoryConfig::default()
    });
    let [a, b, c] = ["a", "b", "c"].map(|room| message(room, "message", 1));
    history.push(&a).await;
    history.push(&b).await;
    assert_eq!(history.count("a", "message").await, 1, "reading is a use");
    assert_eq!(history.push(&c).await, vec![b]);
    assert_eq!(history.all("a").await, vec![a]);
}
