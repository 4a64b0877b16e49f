//! Two servers on one Redis: members of both receive every event once and in order, whatever happens to Redis. The clock is
//! the real one.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::peer::{Peer, PeerFrame};
use super::stored::{join, numbers};
use super::{Fleeting, Plenty};
use crate::cluster::redis::tests::server::Server;
use crate::cluster::redis::tests::three_servers::Cluster;
use crate::cluster::redis::tests::{agreement, append_unheard, clustered, single};
use crate::prelude::*;
use crate::redis::Redis;

rooms! {
    /// The rooms of these tests.
    pub(super) Rooms;

    /// Always there.
    pub(super) Desk = "desk" {
        events: [Plenty, Fleeting],
        default_subscriptions: [Plenty, Fleeting],
    }

    /// Created when a client joins it.
    pub(super) Stall { number: u64 } = "stall-{number}" {
        events: [Plenty],
        default_subscriptions: [Plenty],
        on_demand: true,
    }
}

/// The rights that docs/cluster.md names.
const RIGHTS: &str = "on >secret ~{dialogue:* ~{dialogue}* &{dialogue:* resetchannels &{dialogue:*
    +evalsha +eval +script|load +publish +spublish +subscribe +ssubscribe +unsubscribe +sunsubscribe
    +hget +hmget +hset +hdel +hgetall +hlen +hscan +llen +lrange +lindex +rpush +ltrim +lset
    +xadd +xlen +xrange +xrevrange +xdel +expire +pexpireat +unlink +time
    +info +ping +hello +client|setname +cluster|slots +asking";

/// The longest time that a test waits for something that must happen.
const SOON: Duration = Duration::from_secs(20);

fn start(redis: Redis) -> Dialogue {
    Dialogue::builder()
        .rooms::<Rooms>()
        .trust_client_identity()
        .cluster(redis)
        .build()
        .expect("a server")
}

async fn until(is_so: impl Fn() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waits).await.expect("it happens");
}

async fn node(redis: Redis) -> Dialogue {
    let dialogue = start(redis);
    until(|| dialogue.core.first_contact.is_made()).await;
    dialogue
}

async fn member(dialogue: &Dialogue, user: &str, room: &str) -> (Peer, Value) {
    let mut peer = Peer::new_as(dialogue, json!({ "userId": user })).await;
    timeout(SOON, peer.receive_type("connected")).await.expect("connected");
    let joined = timeout(SOON, join(&mut peer, room, None)).await.expect("joined");
    assert_eq!(joined["type"], "joined", "{joined}");
    (peer, joined)
}

/// Triggers an event as a client, with a key. Returns the reply.
async fn trigger(peer: &mut Peer, room: &str, event: &str, number: u64, key: &str) -> Value {
    let frame =
        json!({ "type": "trigger", "id": 9, "roomId": room, "event": event, "data": { "number": number }, "key": key });
    peer.send(&frame).await;
    let answered = async {
        loop {
            match peer.receive().await.expect("a reply") {
                PeerFrame::Text(reply) if reply["id"] == 9 => return reply,
                _ => {}
            }
        }
    };
    timeout(SOON, answered).await.expect("a reply")
}

/// The next event that a member receives: its number in the room, if it has one, and that in its data.
async fn next(peer: &mut Peer) -> (Option<u64>, u64) {
    let event = timeout(SOON, peer.receive_type("event")).await.expect("an event");
    (
        event["seq"].as_u64(),
        event["data"]["number"].as_u64().expect("a number"),
    )
}

async fn store(dialogue: &Dialogue, number: u64) -> u64 {
    let delivery = timeout(SOON, async {
        loop {
            match dialogue.trigger::<Plenty>(Desk, Plenty { number }).await {
                Ok(delivery) => return delivery,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    delivery.await.expect("stored").seq.expect("a number")
}

async fn exchange(one: Redis, two: Redis) {
    let (one, two) = (node(one).await, node(two).await);
    let ((mut ada, here), (mut grace, there)) =
        (member(&one, "ada", "desk").await, member(&two, "grace", "desk").await);
    assert_eq!(here["epoch"], there["epoch"]);
    for number in 1..=30 {
        let from = if number % 2 == 0 { &one } else { &two };
        assert_eq!(store(from, number).await, number);
    }
    for number in 1..=30 {
        assert_eq!(next(&mut ada).await, (Some(number), number));
        assert_eq!(next(&mut grace).await, (Some(number), number));
    }
    // Each goes on at the other node, where the client was never before.
    let (mut late, _) = member(&two, "late", "stall-1").await;
    let joined = timeout(SOON, join(&mut late, "desk", Some((&here["epoch"], 26))))
        .await
        .expect("joined");
    assert_eq!(
        (&joined["recovered"], numbers(&joined)),
        (&Value::Bool(true), vec![27, 28, 29, 30])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn members_of_two_nodes_receive_the_events_of_both() {
    let server = Server::start();
    exchange(single(&server), single(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn members_of_two_nodes_on_a_redis_cluster_receive_the_events_of_both() {
    let cluster = Cluster::start();
    exchange(clustered(&cluster), clustered(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_key_that_is_repeated_on_the_other_node_is_stored_once() {
    let server = Server::start();
    let (one, two) = (node(single(&server)).await, node(single(&server)).await);
    let ((mut ada, _), (mut same, _)) = (member(&one, "ada", "desk").await, member(&two, "ada", "desk").await);
    let (mut grace, _) = member(&two, "grace", "desk").await;
    let first = trigger(&mut ada, "desk", "plenty", 1, "k").await;
    assert_eq!(first["type"], "ok", "{first}");
    let again = trigger(&mut same, "desk", "plenty", 1, "k").await;
    assert_eq!(again["type"], "ok", "{again}");
    assert_eq!(store(&one, 2).await, 2);
    assert_eq!(next(&mut grace).await, (Some(1), 1));
    assert_eq!(next(&mut grace).await, (Some(2), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn after_a_restart_of_redis_members_are_told_of_a_gap_and_receive_what_follows() {
    let mut server = Server::start();
    let (one, two) = (node(single(&server)).await, node(single(&server)).await);
    let ((mut ada, before), (mut grace, _)) = (member(&one, "ada", "desk").await, member(&two, "grace", "desk").await);
    for number in 1..=3 {
        store(&one, number).await;
        next(&mut ada).await;
        next(&mut grace).await;
    }
    server.restart();
    for peer in [&mut ada, &mut grace] {
        let joined = timeout(SOON, peer.receive_type("joined")).await.expect("joined again");
        assert_ne!(joined["epoch"], before["epoch"]);
        assert_eq!(joined["recovered"], false);
    }
    let number = store(&two, 4).await;
    assert_eq!(next(&mut ada).await, (Some(number), 4));
    assert_eq!(next(&mut grace).await, (Some(number), 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn nothing_is_missing_when_the_feed_is_killed_again_and_again() {
    let server = Server::start();
    let (one, two) = (node(single(&server)).await, node(single(&server)).await);
    let ((mut ada, _), (mut grace, _)) = (member(&one, "ada", "desk").await, member(&two, "grace", "desk").await);
    let mut admin = server.connect();
    for number in 1..=100 {
        if number % 10 == 0 {
            let killed: u64 = redis::cmd("CLIENT")
                .arg(&["KILL", "TYPE", "pubsub"])
                .query(&mut admin)
                .unwrap();
            assert!(killed > 0 || number % 20 == 0, "the feed is connected");
        }
        store(if number % 2 == 0 { &one } else { &two }, number).await;
    }
    for number in 1..=100 {
        assert_eq!(next(&mut ada).await, (Some(number), number));
        assert_eq!(next(&mut grace).await, (Some(number), number));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_change_that_the_feed_has_lost_is_found_by_the_change_log() {
    let server = Server::start();
    let one = node(single(&server)).await;
    let (mut ada, _) = member(&one, "ada", "desk").await;
    store(&one, 1).await;
    assert_eq!(next(&mut ada).await, (Some(1), 1));
    append_unheard(&server, "desk", "plenty");
    let event = timeout(SOON, ada.receive_type("event")).await.expect("an event");
    assert_eq!(event["seq"], 2);
    assert_eq!(store(&one, 3).await, 3);
    assert_eq!(next(&mut ada).await, (Some(3), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_redis_that_may_evict_is_unfit_unless_that_is_allowed() {
    let server = Server::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let dialogue = start(single(&server));
    let unfit = timeout(SOON, dialogue.core.first_contact.unfit()).await.expect("unfit");
    assert!(unfit.to_string().contains("`noeviction`"), "{unfit}");
    node(single(&server).allow_eviction()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_user_without_the_right_to_publish_is_told_so() {
    let server = Server::start();
    let rules = ["SETUSER", "desk", "on", ">secret", "~*", "+@all", "resetchannels"];
    let _: () = redis::cmd("ACL").arg(&rules).query(&mut server.connect()).unwrap();
    let dialogue = start(single(&server).user("desk", "secret"));
    let unfit = timeout(SOON, dialogue.core.first_contact.unfit()).await.expect("unfit");
    assert!(unfit.to_string().contains("docs/cluster.md"), "{unfit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_user_with_the_documented_rights_is_enough() {
    let server = Server::start();
    let rules: Vec<_> = ["SETUSER", "desk"]
        .into_iter()
        .chain(RIGHTS.split_whitespace())
        .collect();
    let _: () = redis::cmd("ACL").arg(&rules).query(&mut server.connect()).unwrap();
    let user = || single(&server).user("desk", "secret");
    exchange(user(), user()).await;
    let denied: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut server.connect()).unwrap();
    assert!(denied.is_empty(), "{denied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_server_that_starts_without_redis_begins_when_it_is_there() {
    let mut server = Server::start();
    server.stop();
    let dialogue = start(single(&server));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!dialogue.core.first_contact.is_made());
    server.restart();
    until(|| dialogue.core.first_contact.is_made()).await;
    assert_eq!(store(&dialogue, 1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn an_emptied_redis_gets_the_secret_of_the_nodes_again() {
    let mut server = Server::start();
    let _one = node(single(&server)).await;
    let before = agreement(&server);
    assert!(before.contains_key("secret"));
    server.restart();
    until(|| agreement(&server) == before).await;
    let _: () = redis::cmd("FLUSHALL").query(&mut server.connect()).unwrap();
    until(|| agreement(&server) == before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn events_without_history_reach_both_nodes_in_the_order_of_their_sender() {
    let server = Server::start();
    let (one, two) = (node(single(&server)).await, node(single(&server)).await);
    let ((mut ada, _), (mut grace, _)) = (member(&one, "ada", "desk").await, member(&two, "grace", "desk").await);
    let (mut sender, _) = member(&one, "sender", "stall-1").await;
    let joined = timeout(SOON, join(&mut sender, "desk", None)).await.expect("joined");
    assert_eq!(joined["type"], "joined");
    for number in 0..60 {
        let event = if number % 3 == 0 { "plenty" } else { "fleeting" };
        let frame = json!({ "type": "trigger", "roomId": "desk", "event": event, "data": { "number": number } });
        sender.send(&frame).await;
    }
    for peer in [&mut ada, &mut grace, &mut sender] {
        for number in 0..60 {
            let seq = (number % 3 == 0).then_some(number / 3 + 1);
            assert_eq!(next(peer).await, (seq, number));
        }
    }
}
