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

#[test]
fn the_manager_returns_pushed_events() {
    let history = HistoryManager::new(HistoryConfig {
        max_events_per_type: 2,
        ..HistoryConfig::default()
    });
    let [first, second, third] = [1, 2, 3].map(|number| message("chat", "message", number));
    let typing = message("chat", "typing", 4);
    assert_eq!(history.push(&first), Vec::new());
    assert_eq!(history.push(&second), Vec::new());
    assert_eq!(history.push(&typing), Vec::new());
    assert_eq!(history.push(&third), vec![first]);

    assert_eq!(
        history.get("chat", "message", 0..9),
        vec![third.clone(), second.clone()]
    );
    assert_eq!(history.get("chat", "message", 1..2), vec![second.clone()]);
    assert_eq!(history.get("nowhere", "message", 0..9), Vec::new());
    let all = vec![second, typing, third];
    assert_eq!(history.all("chat"), all);
    assert_eq!(history.count("chat", "message"), 2);
    assert_eq!(history.event_names("chat"), ["message", "typing"]);

    assert_eq!(history.clone().clear_room("chat"), all);
    assert_eq!(history.count("chat", "message"), 0);
    assert_eq!(history.event_names("chat"), Vec::<EventName>::new());
}

#[test]
fn the_manager_evicts_the_least_recently_used_room() {
    let history = HistoryManager::new(HistoryConfig {
        max_rooms: 2,
        ..HistoryConfig::default()
    });
    let [a, b, c] = ["a", "b", "c"].map(|room| message(room, "message", 1));
    history.push(&a);
    history.push(&b);
    assert_eq!(history.count("a", "message"), 1, "reading is a use");
    assert_eq!(history.push(&c), vec![b]);
    assert_eq!(history.all("a"), vec![a]);
}
