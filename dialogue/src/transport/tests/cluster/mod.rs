//! Several nodes that share a log: every member receives every event once and in order, whatever happens to the feed.

mod epochs;
mod without_history;

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::Value;

use super::stored::{IDLE, join, numbers, peer};
use super::*;
use crate::cluster::tests::{Fate, Hub};
use crate::event::EventMessage;
use crate::prelude::*;
use crate::{Builder, Limits};

rooms! {
    /// The rooms of these tests.
    Rooms;

    /// Always there.
    Hall = "hall" {
        events: [Plenty, Fleeting],
        default_subscriptions: [Plenty, Fleeting],
        sync_history_on_join: true,
    }

    /// Created when a client joins it.
    Lobby { number: u64 } = "lobby-{number}" {
        events: [Plenty],
        default_subscriptions: [Plenty],
        on_demand: true,
    }
}

fn builder(hub: &Arc<Hub>) -> Builder {
    let limits = Limits::default()
        .with_on_demand_idle(IDLE)
        .with_replay_events(8)
        .with_append_deadline(Duration::from_secs(3));
    Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .limits(limits)
        .with_cluster(hub.node())
}

fn node(hub: &Arc<Hub>) -> Dialogue {
    builder(hub).build().expect("a server")
}

async fn trigger(dialogue: &Dialogue, number: u64) -> u64 {
    let delivery = dialogue.trigger::<Plenty>(Hall, Plenty { number }).await;
    delivery.expect("a delivery").seq.expect("a number")
}

/// The numbers of the events that a client has received, until nothing has come for two seconds.
async fn received(peer: &mut super::peer::Peer) -> Vec<u64> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    peer.drain()
        .await
        .into_iter()
        .filter_map(|frame| match frame {
            super::peer::PeerFrame::Text(frame) if frame["type"] == "event" => frame["seq"].as_u64(),
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn members_of_two_nodes_receive_the_events_of_both() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let (mut ada, mut grace) = (peer(&one, "ada").await, peer(&two, "grace").await);
    let (here, there) = (join(&mut ada, "hall", None).await, join(&mut grace, "hall", None).await);
    assert_eq!(here["epoch"], there["epoch"]);
    assert_eq!(trigger(&one, 1).await, 1);
    assert_eq!(trigger(&two, 2).await, 2);
    assert_eq!(trigger(&one, 3).await, 3);
    assert_eq!(received(&mut ada).await, [1, 2, 3]);
    assert_eq!(received(&mut grace).await, [1, 2, 3]);
    let mut late = peer(&two, "late").await;
    let joined = join(&mut late, "hall", Some((&here["epoch"], 1))).await;
    assert_eq!(
        (&joined["recovered"], numbers(&joined)),
        (&Value::Bool(true), vec![2, 3])
    );
}

#[tokio::test(start_paused = true)]
async fn hooks_and_handlers_run_on_the_node_that_admitted_the_event() {
    let hub = Hub::new([Fate::IsLost]);
    let calls = [0, 1].map(|_| Arc::new(Mutex::new((0, 0))));
    let nodes = calls.each_ref().map(|calls| {
        let of_hook = Arc::clone(calls);
        let builder = builder(&hub).after_each(move |_, _| {
            of_hook.lock().0 += 1;
            Ok(())
        });
        builder.build().expect("a server")
    });
    let _handlers = [0, 1].map(|number| {
        let calls = Arc::clone(&calls[number]);
        nodes[number].on(Hall, move |_: EventMessage<Plenty>| {
            calls.lock().1 += 1;
            async {}
        })
    });
    let mut members = Vec::new();
    for node in &nodes {
        let mut member = peer(node, "ada").await;
        join(&mut member, "hall", None).await;
        members.push(member);
    }
    // The first is read from the log by the other node, the second comes with its feed.
    trigger(&nodes[0], 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    trigger(&nodes[0], 2).await;
    trigger(&nodes[1], 3).await;
    for member in &mut members {
        assert_eq!(received(member).await, [1, 2, 3]);
    }
    assert_eq!((*calls[0].lock(), *calls[1].lock()), ((2, 2), (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_room_whose_log_is_not_loaded_can_be_deleted() {
    let hub = Hub::new([]);
    let (one, two) = (node(&hub), node(&hub));
    let mut ada = peer(&one, "ada").await;
    join(&mut ada, "hall", None).await;
    trigger(&one, 1).await;
    assert_eq!(two.delete_room(Hall).await, Ok(true));
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Arrives),
        Just(Fate::IsLost),
        Just(Fate::ArrivesTwice),
        (1u64..400).prop_map(Fate::IsLate),
    ]
}

/// Which node triggers an event, and how long it pauses before.
type Step = (usize, u64);

async fn run(fates: Vec<Fate>, steps: Vec<Step>) {
    let hub = Hub::new(fates);
    let nodes: Vec<Dialogue> = (0..3).map(|_| node(&hub)).collect();
    let mut members = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let mut member = peer(node, &format!("user-{number}")).await;
        join(&mut member, "hall", None).await;
        members.push(member);
    }
    let mut expected = Vec::new();
    for (number, (node, pause)) in steps.into_iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        expected.push(trigger(&nodes[node], number as u64).await);
    }
    for member in &mut members {
        assert_eq!(received(member).await, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Promises 1 and 2 on a feed that loses, delays, repeats and reorders messages.
    #[test]
    fn every_member_receives_every_event_once_and_in_order(
        fates in prop::collection::vec(fate(), 0..80),
        steps in prop::collection::vec((0usize..3, 0u64..150), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(run(fates, steps));
    }
}
