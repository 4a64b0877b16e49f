//! Events without history in a cluster: every node delivers them when the feed brings them.

use serde_json::json;

use super::super::peer::PeerFrame;
use super::*;
use crate::cluster::Published;
use crate::delivery::TriggerError;
use crate::log::tests::fake_store::broken;

async fn say(dialogue: &Dialogue, number: u64) -> Result<(), TriggerError> {
    let delivery = dialogue.trigger::<Fleeting>(Hall, Fleeting { number }).await;
    delivery.map(|delivery| assert_eq!(delivery.seq, None))
}

/// The numbers in the data of the events that a client has received, with and without history.
async fn all_received(peer: &mut super::super::peer::Peer) -> Vec<u64> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let frames = peer.drain().await.into_iter();
    let events = frames.filter_map(|frame| match frame {
        PeerFrame::Text(frame) if frame["type"] == "event" => frame["data"]["number"].as_u64(),
        _ => None,
    });
    events.collect()
}

async fn members(nodes: &[Dialogue]) -> Vec<super::super::peer::Peer> {
    let mut members = Vec::new();
    for node in nodes {
        let mut member = peer(node, "ada").await;
        join(&mut member, "hall", None).await;
        members.push(member);
    }
    members
}

#[tokio::test(start_paused = true)]
async fn they_reach_the_members_of_all_nodes_in_the_order_of_their_sender() {
    let hub = Hub::new([]);
    let nodes = [node(&hub), node(&hub)];
    let mut members = members(&nodes).await;
    say(&nodes[0], 1).await.expect("a delivery");
    trigger(&nodes[0], 2).await;
    say(&nodes[0], 3).await.expect("a delivery");
    for member in &mut members {
        assert_eq!(all_received(member).await, [1, 2, 3]);
    }
    assert_eq!(hub.store.events("hall").len(), 1);
    assert_eq!(nodes[0].stats().store.expect("a store").not_sent, 0);
}

#[tokio::test(start_paused = true)]
async fn they_wait_for_the_events_that_their_sender_has_seen() {
    let hub = Hub::new([Fate::IsLate(50)]);
    let nodes = [node(&hub), node(&hub)];
    let mut members = members(&nodes).await;
    trigger(&nodes[0], 1).await;
    say(&nodes[0], 2).await.expect("a delivery");
    assert_eq!(all_received(&mut members[1]).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn hooks_and_handlers_learn_of_them_on_the_node_that_admitted_them() {
    let hub = Hub::new([]);
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
        nodes[number].on(Hall, move |_: EventMessage<Fleeting>| {
            calls.lock().1 += 1;
            async {}
        })
    });
    let mut members = members(&nodes).await;
    hub.plan_published([
        Published::Sent,
        Published::NotSent(broken()),
        Published::Unknown(broken()),
    ]);
    assert!(say(&nodes[0], 1).await.is_ok());
    assert!(say(&nodes[0], 2).await.is_ok());
    assert!(say(&nodes[0], 3).await.is_err());
    assert_eq!(all_received(&mut members[0]).await, [1, 2, 3]);
    assert_eq!((*calls[0].lock(), *calls[1].lock()), ((2, 2), (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_sent_reaches_the_members_of_its_own_node_and_is_counted() {
    let hub = Hub::new([]);
    let nodes = [node(&hub), node(&hub)];
    let mut members = members(&nodes).await;
    hub.plan_published([Published::NotSent(broken())]);
    say(&nodes[0], 1).await.expect("a delivery");
    say(&nodes[0], 2).await.expect("a delivery");
    assert_eq!(all_received(&mut members[0]).await, [1, 2]);
    assert_eq!(all_received(&mut members[1]).await, [2]);
    assert_eq!(nodes[0].stats().store.expect("a store").not_sent, 1);
}

#[tokio::test(start_paused = true)]
async fn one_whose_outcome_is_unknown_is_delivered_by_the_feed_alone_and_its_key_is_used() {
    let hub = Hub::new([]);
    let nodes = [node(&hub), node(&hub)];
    let mut members = members(&nodes).await;
    hub.plan_published([Published::Unknown(broken())]);
    let outcome = say(&nodes[0], 1).await;
    assert!(matches!(outcome, Err(TriggerError::Unknown(_))), "{outcome:?}");
    for member in &mut members {
        assert_eq!(all_received(member).await, [1]);
    }
    hub.plan_published([Published::Unknown(broken())]);
    let trigger = json!({ "type": "trigger", "id": 1, "roomId": "hall", "event": "fleeting", "data": { "number": 2 }, "key": "k" });
    for code in ["UNAVAILABLE", "OUTCOME_UNKNOWN"] {
        members[0].send(&trigger).await;
        assert_eq!(members[0].receive_type("error").await["code"], code);
    }
    assert_eq!(all_received(&mut members[1]).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn one_for_a_room_that_another_node_has_deleted_is_rejected() {
    let hub = Hub::new([]);
    let nodes = [node(&hub), node(&hub)];
    let mut members = members(&nodes).await;
    hub.plan_published([Published::NoSuchRoom]);
    let outcome = say(&nodes[0], 1).await;
    assert!(matches!(outcome, Err(TriggerError::NoSuchRoom { .. })), "{outcome:?}");
    assert!(all_received(&mut members[1]).await.is_empty());
}
