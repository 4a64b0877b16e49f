//! Epochs, positions and subscriptions in a cluster: joins on nodes that lag, renewed epochs, and rooms that are followed.

use serde_json::json;

use super::super::peer::{Peer, PeerFrame};
use super::*;
use crate::RoomConfig;
use crate::log::tests::fake_store::broken;

/// The time within which members learn of another epoch.
const SPREAD: Duration = Duration::from_secs(3);

/// Everything that a client has received until nothing has come for five seconds.
async fn frames(peer: &mut Peer) -> Vec<Value> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let frames = peer.drain().await.into_iter();
    let texts = frames.filter_map(|frame| match frame {
        PeerFrame::Text(frame) => Some(frame),
        _ => None,
    });
    texts.collect()
}

fn of_type<'a>(frames: &'a [Value], name: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["type"] == name).collect()
}

/// Two nodes, with a member each. Both have the first three events.
async fn two_nodes(hub: &Arc<Hub>) -> ([Dialogue; 2], [Peer; 2], Value) {
    let nodes = [node(hub), node(hub)];
    let (mut ada, mut grace) = (peer(&nodes[0], "ada").await, peer(&nodes[1], "grace").await);
    let epoch = join(&mut ada, "hall", None).await["epoch"].clone();
    join(&mut grace, "hall", None).await;
    for number in 1..=3 {
        assert_eq!(trigger(&nodes[0], number).await, number);
    }
    for member in [&mut ada, &mut grace] {
        assert_eq!(received(member).await, [1, 2, 3]);
    }
    (nodes, [ada, grace], epoch)
}

#[tokio::test(start_paused = true)]
async fn a_join_on_a_node_that_lags_waits_until_the_node_knows_the_position() {
    let hub = Hub::new([]);
    let (nodes, [_ada, mut grace], epoch) = two_nodes(&hub).await;
    hub.plan([Fate::IsLost; 3]);
    for number in 4..=6 {
        trigger(&nodes[0], number).await;
    }
    let mut late = peer(&nodes[1], "late").await;
    let joined = join(&mut late, "hall", Some((&epoch, 5))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![6]));
    assert_eq!(received(&mut grace).await, [4, 5, 6]);
    trigger(&nodes[0], 7).await;
    assert_eq!(received(&mut late).await, [7]);
}

#[tokio::test(start_paused = true)]
async fn a_join_with_a_position_that_no_node_knows_learns_of_the_gap() {
    let hub = Hub::new([]);
    let (nodes, _members, epoch) = two_nodes(&hub).await;
    let mut late = peer(&nodes[1], "late").await;
    for (epoch, seq) in [(&epoch, 9), (&json!("another"), 2)] {
        let joined = join(&mut late, "hall", Some((epoch, seq))).await;
        assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(false), &json!(3)));
        late.send(&json!({ "type": "leave", "roomId": "hall" })).await;
        late.receive_type("left").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_with_a_position_fails_while_a_lagging_node_cannot_read_the_log() {
    let hub = Hub::new([]);
    let (nodes, _members, epoch) = two_nodes(&hub).await;
    hub.store.fail_reads(Some(broken()));
    let mut late = peer(&nodes[1], "late").await;
    let refused = join(&mut late, "hall", Some((&epoch, 4))).await;
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("UNAVAILABLE"))
    );
    let joined = join(&mut late, "hall", Some((&epoch, 3))).await;
    assert_eq!(joined["recovered"], true, "the node knows this position: {joined}");
    hub.store.fail_reads(None);
}

#[tokio::test(start_paused = true)]
async fn members_of_all_nodes_learn_of_another_epoch_and_get_what_follows_event_by_event() {
    for fates in [vec![], vec![Fate::IsLost; 2], vec![Fate::IsLate(200); 2]] {
        let hub = Hub::new([]);
        let (nodes, mut members, before) = two_nodes(&hub).await;
        hub.plan(fates);
        hub.renew(&"hall".into(), 1);
        assert_eq!(trigger(&nodes[1], 4).await, 3, "the number of the event that was lost");
        assert_eq!(trigger(&nodes[0], 5).await, 4);
        tokio::time::sleep(SPREAD).await;
        for member in &mut members {
            let frames = frames(member).await;
            let [joined] = of_type(&frames, "joined")[..] else {
                panic!("one joined: {frames:?}");
            };
            assert_ne!(joined["epoch"], before);
            assert_eq!(joined["recovered"], false);
            let events: Vec<_> = of_type(&frames, "event")
                .iter()
                .map(|event| &event["data"]["number"])
                .collect();
            assert_eq!(events, [4, 5]);
        }
        assert_eq!(trigger(&nodes[0], 6).await, 5);
        for member in &mut members {
            assert_eq!(received(member).await, [5]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_of_the_new_epoch_is_known_on_a_node_that_has_not_heard_of_it() {
    let hub = Hub::new([]);
    let (nodes, _members, before) = two_nodes(&hub).await;
    // The node of the first member hears of it, the other one does not.
    hub.plan([Fate::Arrives, Fate::IsLost]);
    hub.renew(&"hall".into(), 1);
    hub.plan([Fate::IsLost]);
    assert_eq!(trigger(&nodes[0], 4).await, 3);
    let mut late = peer(&nodes[1], "late").await;
    let epoch = json!(*hub.end_of(&"hall".into()).0);
    assert_ne!(epoch, before);
    let joined = join(&mut late, "hall", Some((&epoch, 2))).await;
    assert_eq!((&joined["recovered"], numbers(&joined)), (&json!(true), vec![3]));
    assert_eq!(joined["epoch"], epoch);
}

#[tokio::test(start_paused = true)]
async fn handlers_and_hooks_run_once_for_an_own_event_that_was_read_before_its_outcome() {
    let hub = Hub::new([]);
    let calls = Arc::new(Mutex::new((0, 0)));
    let of_hook = Arc::clone(&calls);
    let dialogue = builder(&hub).after_each(move |_, _| {
        of_hook.lock().0 += 1;
        Ok(())
    });
    let dialogue = dialogue.build().expect("a server");
    let of_handler = Arc::clone(&calls);
    let _handler = dialogue.on(Hall, move |_: EventMessage<Plenty>| {
        of_handler.lock().1 += 1;
        async {}
    });
    let mut ada = peer(&dialogue, "ada").await;
    join(&mut ada, "hall", None).await;
    hub.delay_outcomes([2_500]);
    assert_eq!(trigger(&dialogue, 1).await, 1);
    assert_eq!(received(&mut ada).await, [1]);
    assert_eq!(*calls.lock(), (1, 1));
    assert_eq!((dialogue.stats().events_in, dialogue.stats().events_out), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_room_is_followed_as_long_as_it_is_here() {
    let hub = Hub::new([]);
    let nodes = [node(&hub), node(&hub)];
    let (mut ada, mut grace) = (peer(&nodes[0], "ada").await, peer(&nodes[1], "grace").await);
    for member in [&mut ada, &mut grace] {
        join(member, "lobby-1", None).await;
    }
    assert_eq!(hub.followers("lobby-1"), 2);
    ada.send(&json!({ "type": "leave", "roomId": "lobby-1" })).await;
    ada.receive_type("left").await;
    tokio::time::sleep(2 * IDLE).await;
    settle().await;
    assert_eq!(hub.followers("lobby-1"), 1, "the room has expired on one node");
    grace.send(&json!({ "type": "leave", "roomId": "lobby-1" })).await;
    grace.receive_type("left").await;
    tokio::time::sleep(2 * IDLE).await;
    settle().await;
    assert_eq!(hub.followers("lobby-1"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_one_node_has_created_gets_the_events_of_others_until_it_is_deleted() {
    let hub = Hub::new([]);
    let one = node(&hub);
    one.create_room(RoomConfig::new("side")).await.expect("a room");
    let mut ada = peer(&one, "ada").await;
    ada.send(&json!({ "type": "join", "roomId": "side", "subscriptions": ["*"] }))
        .await;
    ada.receive_type("joined").await;
    let two = node(&hub);
    let there = two.room("side").await.expect("an answer").expect("the room");
    there.trigger(Plenty { number: 7 }).await.expect("a delivery");
    assert_eq!(received(&mut ada).await, [1]);
    assert_eq!(hub.followers("side"), 2);
    assert!(two.delete_room("side").await.is_ok());
    drop(there);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(hub.followers("side"), 0);
}
