//! Redis that cannot be reached, is slow, starts empty, starts with its file, is out of memory, or has foreign data under our
//! keys.

use std::time::Duration;

use dialogue::client::ClientError;
use dialogue::protocol::ErrorCode;
use dialogue_tests::{Lobby, message};
use tokio::time::sleep;

use super::ledger::{Ledger, Log};
use super::node::Nodes;
use super::person::{Person, connect, join, say};
use super::redis::{Redis, keys_of};
use super::{PATIENCE, conclude, eventually_async, goes_on, outage, until_told};

/// A person on each node.
async fn one_on_each(nodes: &Nodes, room: &str, ledger: &Ledger) -> Vec<Person> {
    let mut people = Vec::new();
    for (number, node) in nodes.nodes.iter().enumerate() {
        people.push(Person::enter(&node.url(), &format!("user-{number}"), room, ledger).await);
    }
    people.iter_mut().for_each(Person::talk);
    people
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn while_redis_cannot_be_reached_clients_stay_and_afterwards_nothing_is_missing() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let ledger = Ledger::default();
    let people = one_on_each(&nodes, "unreachable", &ledger).await;
    goes_on(&ledger, 30).await;
    nodes.each_road(|road| road.cut());
    // A join needs Redis, also of a room that nobody uses.
    let late = connect(&nodes.url(), "late").await;
    let refused = tokio::time::timeout(PATIENCE, late.join(Lobby { name: "other".into() })).await;
    let refused = refused.expect("an answer").map(drop);
    assert_eq!(
        refused.as_ref().map_err(ClientError::code),
        Err(Some(ErrorCode::Unavailable)),
        "{refused:?}"
    );
    sleep(outage()).await;
    for node in &nodes.nodes {
        assert_eq!(
            node.status_of_ready().await,
            Some(200),
            "all nodes would leave the load balancer"
        );
    }
    nodes.each_road(|road| road.restore());
    goes_on(&ledger, 30).await;
    join(&late, "other").await;
    let verdict = conclude("unreachable", &nodes, people, &ledger, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    assert_eq!(ledger.disconnects(), [""; 0], "connections stay open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_node_that_starts_before_redis_is_ready_when_redis_is() {
    let mut redis = Redis::start().await;
    redis.kill();
    let nodes = Nodes::start_without_waiting(2, &redis).await;
    for node in &nodes.nodes {
        eventually_async("the node answers", || async {
            node.status_of_ready().await == Some(503)
        })
        .await;
    }
    redis.restart().await;
    nodes.until_ready().await;
    let ledger = Ledger::default();
    let people = one_on_each(&nodes, "early", &ledger).await;
    goes_on(&ledger, 20).await;
    let verdict = conclude("started before Redis", &nodes, people, &ledger, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_redis_that_answers_late_delays_events_and_loses_none() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let ledger = Ledger::default();
    let people = one_on_each(&nodes, "slow", &ledger).await;
    // It stands still four fifths of the time.
    for _ in 0..outage().as_secs() {
        nodes.each_road(|road| road.stall());
        sleep(Duration::from_millis(800)).await;
        nodes.each_road(|road| road.restore());
        sleep(Duration::from_millis(200)).await;
    }
    let verdict = conclude("slow", &nodes, people, &ledger, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    assert_eq!(ledger.disconnects(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_redis_that_restarts_empty_is_a_gap_that_every_member_is_told() {
    let mut redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let ledger = Ledger::default();
    let people = one_on_each(&nodes, "empty", &ledger).await;
    goes_on(&ledger, 60).await;
    let gaps = ledger.gaps();
    redis.restart().await;
    goes_on(&ledger, 60).await;
    until_told(&ledger, &gaps).await;
    let verdict = conclude("restarted empty", &nodes, people, &ledger, Log::Lossy).await;
    assert!(verdict.told > 0, "what was accepted before is gone");
    assert_eq!(ledger.disconnects(), [""; 0], "nobody is disconnected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_redis_that_restarts_with_its_file_has_lost_nothing() {
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let nodes = Nodes::start(3, &redis).await;
    let ledger = Ledger::default();
    let people = one_on_each(&nodes, "file", &ledger).await;
    for _ in 0..2 {
        goes_on(&ledger, 60).await;
        let gaps = ledger.gaps();
        redis.restart().await;
        until_told(&ledger, &gaps).await;
    }
    goes_on(&ledger, 60).await;
    // A restart appears as a gap, but the log is whole.
    conclude("restarted with its file", &nodes, people, &ledger, Log::Whole).await;
    assert_eq!(ledger.disconnects(), [""; 0], "nobody is disconnected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_redis_without_memory_refuses_events_and_goes_on_when_it_has_some() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let ledger = Ledger::default();
    let people = one_on_each(&nodes, "memory", &ledger).await;
    goes_on(&ledger, 30).await;
    // Less than Redis itself needs.
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let ada = connect(&nodes.url(), "ada").await;
    // Reading goes on, and joining with it.
    let lobby = join(&ada, "memory").await;
    let refused = lobby.trigger(message("no memory")).without_key().await;
    let refused = refused.map(drop);
    assert_eq!(
        refused.as_ref().map_err(ClientError::code),
        Err(Some(ErrorCode::Unavailable)),
        "{refused:?}"
    );
    sleep(outage()).await;
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    goes_on(&ledger, 30).await;
    let verdict = conclude("out of memory", &nodes, people, &ledger, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    assert_eq!(ledger.disconnects(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn foreign_data_under_the_keys_of_a_room_disturbs_no_other_room_and_is_told() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let (ours, theirs) = (Ledger::default(), Ledger::default());
    let people = one_on_each(&nodes, "ours", &ours).await;
    let others = one_on_each(&nodes, "theirs", &theirs).await;
    goes_on(&theirs, 30).await;
    let keys = keys_of(&redis, "lobby-theirs");
    assert!(keys.len() >= 2, "the room's data and its events: {keys:?}");
    let gaps = theirs.gaps();
    for key in &keys {
        redis.ask::<()>(&["SET", key, "foreign"]);
    }
    let ada = connect(&nodes.url(), "ada").await;
    goes_on(&ours, 60).await;
    assert!(ada.is_connected());
    for key in &keys {
        redis.ask::<()>(&["DEL", key]);
    }
    goes_on(&theirs, 30).await;
    until_told(&theirs, &gaps).await;
    let verdict = conclude("beside foreign data", &nodes, people, &ours, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    let verdict = conclude("foreign data", &nodes, others, &theirs, Log::Lossy).await;
    assert!(verdict.gaps >= 3, "each member was told");
    assert!(
        !nodes.log_lines("the data of room lobby-theirs is not ours").is_empty(),
        "and the log says so"
    );
    assert_eq!(ours.disconnects(), [""; 0]);
    assert_eq!(theirs.disconnects(), [""; 0]);
    // The room is usable from every node.
    for node in &nodes.nodes {
        let client = connect(&node.url(), "eve").await;
        let lobby = join(&client, "theirs").await;
        let ledger = Ledger::default();
        assert!(say(&lobby, &ledger, "eve", "after".to_owned()).await);
    }
}
