//! A room whose epoch changes while clients are in it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::peer::Peer;
use super::stored::{Hall, first, join, numbers, peer, put, server};
use super::*;
use crate::Dialogue;
use crate::log::durable::DurableLog;
use crate::log::tests::fake_store::FakeStore;
use crate::runtime::renew;

/// The time within which members learn of another epoch.
const SPREAD: Duration = Duration::from_secs(3);

async fn renew_hall(dialogue: &Dialogue, epoch: &str, through: Option<u64>) -> bool {
    let room = dialogue.here().room("hall").expect("the room");
    let renewed = renew(&dialogue.core, &room.cell, &epoch.into(), through).await;
    renewed.expect("a window")
}

/// A server with five events in its hall.
fn hall() -> (Arc<FakeStore>, Dialogue) {
    let store = FakeStore::new();
    put(&store, &first(&store, "hall"), 5);
    let dialogue = server(&store);
    (store, dialogue)
}

/// What a client receives until it asks for its rooms.
async fn frames(peer: &mut Peer) -> Vec<Value> {
    peer.send(&json!({ "type": "ping" })).await;
    let mut all = Vec::new();
    loop {
        match peer.receive().await {
            Some(super::peer::PeerFrame::Text(frame)) if frame["type"] == "pong" => return all,
            Some(super::peer::PeerFrame::Text(frame)) => all.push(frame),
            _ => {}
        }
    }
}

async fn trigger(dialogue: &Dialogue, number: u64) -> Option<u64> {
    let delivery = dialogue.trigger::<Plenty>(Hall, Plenty { number }).await;
    delivery.expect("a delivery").seq
}

#[tokio::test(start_paused = true)]
async fn every_member_is_told_another_epoch_once_and_stays() {
    let (_store, dialogue) = hall();
    let (mut ada, mut grace) = (peer(&dialogue, "ada").await, peer(&dialogue, "grace").await);
    let before = join(&mut ada, "hall", None).await["epoch"].clone();
    join(&mut grace, "hall", None).await;
    assert!(renew_hall(&dialogue, "e2", None).await);
    assert!(!renew_hall(&dialogue, "e2", None).await, "the room has this epoch");
    assert_eq!(dialogue.here().room("hall").expect("the room").epoch(), "e2");
    assert_eq!(trigger(&dialogue, 6).await, Some(6), "numbers go on");
    tokio::time::sleep(SPREAD).await;
    for peer in [&mut ada, &mut grace] {
        let received = frames(peer).await;
        let (joined, events): (Vec<_>, Vec<_>) = received.iter().partition(|frame| frame["type"] == "joined");
        let [joined] = joined[..] else {
            panic!("one joined: {received:?}");
        };
        assert_ne!(joined["epoch"], before);
        assert_eq!((&joined["epoch"], &joined["recovered"]), (&json!("e2"), &json!(false)));
        // It may come before the event or after it.
        assert!([json!(5), json!(6)].contains(&joined["seq"]), "{joined}");
        assert_eq!(joined.get("id"), None);
        assert_eq!(events.len(), 1, "the event that came meanwhile");
    }
    assert_eq!(trigger(&dialogue, 7).await, Some(7));
    assert_eq!(ada.receive_type("event").await["seq"], 7);
}

#[tokio::test(start_paused = true)]
async fn members_learn_of_another_epoch_at_different_times() {
    let (_store, dialogue) = hall();
    let mut peers = Vec::new();
    for number in 0..20 {
        let mut member = peer(&dialogue, &format!("user-{number}")).await;
        join(&mut member, "hall", None).await;
        peers.push(member);
    }
    renew_hall(&dialogue, "e2", None).await;
    tokio::time::sleep(SPREAD / 2).await;
    let mut early = 0;
    for peer in &mut peers {
        early += usize::from(!frames(peer).await.is_empty());
    }
    assert!((1..20).contains(&early), "{early} of 20 in the first half");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_joins_again_or_leaves_meanwhile_is_not_told_twice() {
    let (_store, dialogue) = hall();
    let (mut ada, mut grace) = (peer(&dialogue, "ada").await, peer(&dialogue, "grace").await);
    let before = join(&mut ada, "hall", None).await["epoch"].clone();
    join(&mut grace, "hall", None).await;
    renew_hall(&dialogue, "e2", None).await;
    grace.send(&json!({ "type": "leave", "roomId": "hall" })).await;
    grace.receive_type("left").await;
    // Perhaps it was told before.
    let answer = join(&mut ada, "hall", Some((&before, 5))).await;
    assert_eq!((&answer["epoch"], &answer["recovered"]), (&json!("e2"), &json!(false)));
    tokio::time::sleep(SPREAD).await;
    assert_eq!(frames(&mut ada).await, Vec::<Value>::new());
    assert_eq!(frames(&mut grace).await, Vec::<Value>::new());
    let joined = join(&mut grace, "hall", Some((&json!("e2"), 3))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![4, 5]));
}

#[tokio::test(start_paused = true)]
async fn two_changes_in_a_row_are_told_once() {
    let (_store, dialogue) = hall();
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
    renew_hall(&dialogue, "e2", None).await;
    renew_hall(&dialogue, "e3", None).await;
    tokio::time::sleep(SPREAD).await;
    let received = frames(&mut ada).await;
    let epochs: Vec<_> = received.iter().map(|frame| &frame["epoch"]).collect();
    assert_eq!(epochs, ["e3"]);
}

#[tokio::test(start_paused = true)]
async fn the_log_of_another_epoch_may_end_earlier() {
    let (_store, dialogue) = hall();
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
    renew_hall(&dialogue, "e2", Some(3)).await;
    tokio::time::sleep(SPREAD).await;
    let joined = ada.receive_type("joined").await;
    assert_eq!((&joined["epoch"], &joined["seq"]), (&json!("e2"), &json!(3)));
    let mut grace = peer(&dialogue, "grace").await;
    let joined = join(&mut grace, "hall", Some((&json!("e2"), 1))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![2, 3]));
    let joined = join(&mut grace, "hall", Some((&json!("e2"), 4))).await;
    assert_eq!(
        joined["recovered"],
        json!(false),
        "the room has not reached this number"
    );
}

#[tokio::test(start_paused = true)]
async fn a_position_in_the_earlier_epoch_is_a_gap() {
    let (store, dialogue) = hall();
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
    renew_hall(&dialogue, "e2", None).await;
    let mut grace = peer(&dialogue, "grace").await;
    let since = json!(store.first_epoch("hall"));
    let joined = join(&mut grace, "hall", Some((&since, 5))).await;
    assert_eq!((&joined["epoch"], &joined["recovered"]), (&json!("e2"), &json!(false)));
    tokio::time::sleep(SPREAD).await;
    assert_eq!(frames(&mut grace).await, Vec::<Value>::new(), "it knows the epoch");
}
