//! Erasures on the nodes of a cluster: every member learns of each once and behind its event, whatever happens to the feed, and no
//! node serves the data any longer.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::peer::{Peer, PeerFrame};
use super::stored::{Hall, on};
use super::*;
use crate::Dialogue;
use crate::cluster::tests::{Fate, Hub};

fn node(hub: &Arc<Hub>) -> Dialogue {
    on(&hub.store).with_cluster(hub.node()).build().expect("a server")
}

/// A client that asks for erasures.
async fn peer(dialogue: &Dialogue, user: &str) -> Peer {
    let mut peer = Peer::new_as(dialogue, json!({ "userId": user })).await;
    peer.receive_type("connected").await;
    peer
}

async fn join_with_erasures(peer: &mut Peer) -> Value {
    peer.send(&json!({ "type": "join", "roomId": "hall", "erasures": true }))
        .await;
    peer.receive_type("joined").await
}

async fn trigger(dialogue: &Dialogue, number: u64) -> u64 {
    let delivery = dialogue.trigger::<Plenty>(Hall, Plenty { number }).await;
    delivery.expect("a delivery").seq.expect("a number")
}

/// What a client has received of events: `3` for an event, `-3` for its erasure.
async fn received(peer: &mut Peer) -> Vec<i64> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let frames = peer.drain().await.into_iter();
    frames
        .filter_map(|frame| match frame {
            PeerFrame::Text(frame) if frame["type"] == "event" => frame["seq"].as_i64(),
            PeerFrame::Text(frame) if frame["type"] == "erased" => Some(-frame["seq"].as_i64()?),
            _ => None,
        })
        .collect()
}

/// Which events of the history of a join are erased.
fn erased(joined: &Value) -> Vec<u64> {
    let history = joined["events"].as_array().into_iter().flatten();
    let events = history.filter(|event| event["erased"] == true);
    events.filter_map(|event| event["seq"].as_u64()).collect()
}

#[tokio::test(start_paused = true)]
async fn members_of_every_node_learn_of_an_erasure_once() {
    for fate in [Fate::Arrives, Fate::IsLost, Fate::ArrivesTwice, Fate::IsLate(300)] {
        let hub = Hub::new([]);
        let (one, two) = (node(&hub), node(&hub));
        let (mut ada, mut grace) = (peer(&one, "ada").await, peer(&two, "grace").await);
        join_with_erasures(&mut ada).await;
        join_with_erasures(&mut grace).await;
        for number in 1..=3 {
            trigger(&one, number).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        hub.plan([fate, fate]);
        let hall = two.room(Hall).await.expect("an answer").expect("a room");
        assert!(hall.erase(2).await.expect("an erasure"));
        assert!(!hall.erase(2).await.expect("an erasure"));
        assert_eq!(received(&mut ada).await, [1, 2, 3, -2], "{fate:?}");
        let mut late = peer(&one, "late").await;
        assert_eq!(erased(&join_with_erasures(&mut late).await), [2], "{fate:?}");
        trigger(&one, 4).await;
        assert_eq!(received(&mut late).await, [4], "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_user_are_erased_on_every_node() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let mut grace = peer(&two, "grace").await;
    join_with_erasures(&mut grace).await;
    for number in 1..=3 {
        trigger(&one, number).await;
    }
    let sender = crate::id::UserId::from("server");
    let of_server = one.erase_user(&sender).await.expect("an erasure");
    let expected: &[i64] = if of_server == 3 {
        &[1, 2, 3, -1, -2, -3]
    } else {
        &[1, 2, 3]
    };
    assert_eq!(received(&mut grace).await, expected);
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Arrives),
        Just(Fate::IsLost),
        Just(Fate::ArrivesTwice),
        (1u64..400).prop_map(Fate::IsLate),
    ]
}

/// Which node triggers an event, or erases the latest one that is left, and how long it pauses before.
type Step = (usize, bool, u64);

async fn run(fates: Vec<Fate>, steps: Vec<Step>) {
    let hub = Hub::new(fates);
    let nodes: Vec<Dialogue> = (0..3).map(|_| node(&hub)).collect();
    let mut members = Vec::new();
    for node in &nodes {
        let mut member = peer(node, "ada").await;
        join_with_erasures(&mut member).await;
        members.push(member);
    }
    let (mut stored, mut gone) = (Vec::new(), Vec::new());
    for (number, (node, erases, pause)) in steps.into_iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        match stored.last().copied().filter(|_| erases) {
            Some(seq) => {
                stored.pop();
                gone.push(seq);
                let hall = nodes[node].room(Hall).await.expect("an answer").expect("a room");
                assert!(hall.erase(seq).await.expect("an erasure"));
            }
            None => stored.push(trigger(&nodes[node], number as u64).await),
        }
    }
    let total = (stored.len() + gone.len()) as i64;
    for member in &mut members {
        let all = received(member).await;
        let events: Vec<i64> = all.iter().copied().filter(|seq| *seq > 0).collect();
        assert_eq!(events, (1..=total).collect::<Vec<_>>());
        let erasures: Vec<u64> = all
            .iter()
            .filter(|seq| **seq < 0)
            .map(|seq| seq.unsigned_abs())
            .collect();
        assert_eq!(erasures, gone, "in their order, each once");
        for seq in &gone {
            let place = |wanted: i64| all.iter().position(|seq| *seq == wanted);
            assert!(place(-(*seq as i64)) > place(*seq as i64), "behind the event");
        }
    }
    for (number, node) in nodes.iter().enumerate() {
        let mut late = peer(node, &format!("late-{number}")).await;
        let joined = join_with_erasures(&mut late).await;
        let kept = joined["events"].as_array().into_iter().flatten();
        for event in kept {
            let seq = event["seq"].as_u64().expect("a number");
            assert_eq!(event["erased"] == true, gone.contains(&seq), "{event}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn erasures_reach_every_member_once_in_order_and_behind_their_events(
        fates in prop::collection::vec(fate(), 0..80),
        steps in prop::collection::vec((0usize..3, any::<bool>(), 0u64..300), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(run(fates, steps));
    }
}
