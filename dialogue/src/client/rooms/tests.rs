use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::client::barrier::Queued;
use crate::client::buffer::{ItemBuffer, NextItem};
use crate::client::error::{ClientError, Refused};
use crate::client::listeners::StartAt;
use crate::protocol::{ErrorCode, ErrorFrame};

const BOUNDS: BufferLimits = BufferLimits { items: 16, bytes: 1024 };

fn joined(room: &str, names: &[&str], recovered: Option<bool>) -> JoinedRoom {
    let frame = json!({
        "roomId": room, "roomName": "A room", "subscriptions": names, "epoch": "e", "seq": 0, "recovered": recovered,
        "events": [],
    });
    serde_json::from_value(frame).unwrap()
}

fn rooms() -> JoinedRooms {
    JoinedRooms::new(
        RoomIndex::default(),
        BOUNDS,
        Backoff::new(Duration::from_secs(1), Duration::from_secs(1)),
    )
}

async fn next(heard: &ItemBuffer<Queued<RoomItem>>) -> Option<RoomItem> {
    match heard.next().await {
        NextItem::Item(queued) => Some(queued.item),
        _ => None,
    }
}

fn event(name: &str) -> EventMessage {
    EventMessage::new(name, "chat", json!(null))
}

#[tokio::test(start_paused = true)]
async fn a_rejoin_restores_the_earlier_subscriptions() {
    let (mut rooms, now) = (rooms(), Instant::now());
    rooms
        .joined(joined("chat", &["a", "b"], None), 0, true, 1)
        .ok()
        .unwrap();
    rooms.subscribed(&"chat".into(), "c".into());
    rooms.unsubscribed(&"chat".into(), &"a".into());
    assert!(rooms.rejoins(now, |_| false).is_empty(), "the client is in the room");
    rooms.link_lost();
    assert_eq!(rooms.readiness(&"chat".into()), Readiness::Away);
    let rejoins = rooms.rejoins(now, |_| false);
    assert_eq!(rejoins.len(), 1);
    let names = rejoins[0].subscriptions.clone().unwrap().into_names();
    assert_eq!(names, ["b", "c"]);
    assert!(rejoins[0].since.is_some());
    assert!(rooms.rejoins(now, |_| false).is_empty(), "the rejoin was sent");
}

#[tokio::test(start_paused = true)]
async fn a_server_made_join_with_fewer_subscriptions_may_have_missed_events() {
    let (mut rooms, now) = (rooms(), Instant::now());
    for (server_subscriptions, expected) in [(["a", "b"], "e"), (["a", "c"], "")] {
        rooms
            .joined(joined("chat", &["a", "b"], None), 0, true, 1)
            .ok()
            .unwrap();
        rooms.link_lost();
        rooms.rejoins(now, |_| false);
        rooms
            .joined(joined("chat", &server_subscriptions, None), 0, false, 1)
            .ok()
            .unwrap();
        rooms.link_lost();
        let rejoins = rooms.rejoins(now, |_| false);
        let since = rejoins[0].since.as_ref().unwrap();
        assert_eq!(&*since.epoch, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_wildcard_is_restored_and_its_excluded_events_stay_out() {
    let mut rooms = rooms();
    let shared = rooms
        .joined(joined("chat", &["*", "a", "b"], None), 0, true, 1)
        .ok()
        .unwrap()
        .handles
        .remove(0);
    let (_, heard) = shared.listeners.listen(StartAt::Backlog, |item| item.is_event_of(None));
    rooms.unsubscribed(&"chat".into(), &"a".into());
    assert_eq!(shared.view().subscriptions, ["*", "b"]);
    rooms.link_lost();
    assert_eq!(
        rooms.rejoins(Instant::now(), |_| false)[0]
            .subscriptions
            .clone()
            .unwrap()
            .into_names(),
        ["*"]
    );
    let entered = rooms
        .joined(joined("chat", &["*", "a", "b"], Some(true)), 0, true, 1)
        .ok()
        .unwrap();
    let unsubscribe = Command::Unsubscribe {
        room_id: "chat".into(),
        event: "a".into(),
    };
    assert_eq!(entered.unsubscribes, [unsubscribe]);
    rooms.event(event("a"), 1, |_, _| false);
    rooms.event(event("b"), 1, |_, _| false);
    assert!(matches!(next(&heard).await, Some(RoomItem::Event(message, _)) if message.event == "b"));
    // The server may not have taken the exception even when it has confirmed it.
    rooms.unsubscribed(&"chat".into(), &"a".into());
    rooms.event(event("a"), 1, |_, _| false);
    // Events subscribed to again may arrive before the answer does.
    rooms.event(event("a"), 1, |_, _| true);
    rooms.event(event("b"), 1, |_, _| false);
    assert!(matches!(next(&heard).await, Some(RoomItem::Event(message, _)) if message.event == "a"));
}

#[tokio::test(start_paused = true)]
async fn listeners_receive_the_gap_and_the_departure() {
    let mut rooms = rooms();
    let shared = rooms
        .joined(joined("chat", &[], None), 0, true, 1)
        .ok()
        .unwrap()
        .handles
        .remove(0);
    let (_, told) = shared.listeners.listen(StartAt::Backlog, |_| true);
    rooms.link_lost();
    rooms.joined(joined("chat", &[], Some(false)), 0, true, 1).ok().unwrap();
    assert!(matches!(next(&told).await, Some(RoomItem::Recovered(Recovery::Gap(_)))));
    rooms.left(&"chat".into(), Departure::Removed);
    assert!(matches!(
        next(&told).await,
        Some(RoomItem::Departed(Departure::Removed))
    ));
    assert!(next(&told).await.is_none());
    assert!(shared.is_departed());
    assert_eq!(rooms.readiness(&"chat".into()), Readiness::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_server_cannot_add_a_client_to_unlimited_rooms() {
    let mut rooms = rooms();
    for number in 0..MAX_UNASKED {
        assert!(
            rooms
                .joined(joined(&format!("room-{number}"), &[], None), 0, false, 1)
                .is_ok()
        );
    }
    assert!(rooms.joined(joined("another", &[], None), 0, false, 1).is_err());
    assert!(rooms.joined(joined("room-0", &[], None), 0, false, 1).is_ok());
    assert!(rooms.joined(joined("another", &[], None), 0, true, 1).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_rejoin_that_is_rate_limited_is_sent_later() {
    let (mut rooms, now) = (rooms(), Instant::now());
    rooms.joined(joined("chat", &[], None), 0, true, 1).ok().unwrap();
    rooms.link_lost();
    rooms.rejoins(now, |_| false);
    let limited = ErrorFrame {
        id: None,
        code: ErrorCode::RateLimited,
        message: String::new(),
        violations: Vec::new(),
        data: None,
        retry_after: Some(3_000),
    };
    let limited = ClientError::from(Refused::from(limited));
    assert!(rooms.retry_rejoin(&"chat".into(), &limited, now, 0));
    let later = now + std::time::Duration::from_secs(3);
    assert_eq!(
        (rooms.rejoins(now, |_| false).len(), rooms.next_rejoin()),
        (0, Some(later))
    );
    assert_eq!(rooms.rejoins(later, |_| true).len(), 0, "the client is leaving");
    assert_eq!(rooms.rejoins(later, |_| false).len(), 1);
    rooms.retry_rejoin(&"chat".into(), &limited, now, 0);
    rooms.created(&"chat".into());
    assert_eq!(rooms.rejoins(now, |_| false).len(), 1, "at once");
}
