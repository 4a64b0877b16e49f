//! Redis that cannot be reached, is slow, starts empty, starts with its file, is out of memory, or has foreign data under our
//! keys.

use std::time::Duration;

use dialogue::client::ClientError;
use dialogue::protocol::ErrorCode;
use dialogue_tests::{Lobby, message};
use tokio::time::sleep;

use super::company::Company;
use super::ledger::{Ledger, Log};
use super::node::Nodes;
use super::person::{connect, join, say};
use super::redis::{Redis, keys_of};
use super::{PATIENCE, eventually_async, goes_on, outage, until_told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn while_redis_cannot_be_reached_clients_stay_and_afterwards_nothing_is_missing() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let company = Company::on_each_node(&nodes, "unreachable").await;
    let ledger = company.ledger.clone();
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
    let verdict = company.conclude("unreachable", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    Company::is_still_connected(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
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
    let company = Company::on_each_node(&nodes, "early").await;
    let ledger = company.ledger.clone();
    goes_on(&ledger, 20).await;
    let verdict = company.conclude("started before Redis", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn a_redis_that_answers_late_delays_events_and_loses_none() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let company = Company::on_each_node(&nodes, "slow").await;
    let ledger = company.ledger.clone();
    // It stands still four fifths of the time.
    for _ in 0..outage().as_secs() {
        nodes.each_road(|road| road.stall());
        sleep(Duration::from_millis(800)).await;
        nodes.each_road(|road| road.restore());
        sleep(Duration::from_millis(200)).await;
    }
    let verdict = company.conclude("slow", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    Company::is_still_connected(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn a_redis_that_restarts_empty_is_a_gap_that_every_member_is_told() {
    let mut redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let company = Company::on_each_node(&nodes, "empty").await;
    let ledger = company.ledger.clone();
    goes_on(&ledger, 60).await;
    let gaps = ledger.gaps();
    redis.restart().await;
    goes_on(&ledger, 60).await;
    until_told(&ledger, &gaps).await;
    let verdict = company.conclude("restarted empty", &nodes, Log::Lossy).await;
    assert!(verdict.told > 0, "what was accepted before is gone");
    Company::is_still_connected(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn a_redis_that_restarts_with_its_file_has_lost_nothing() {
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let nodes = Nodes::start(3, &redis).await;
    let company = Company::on_each_node(&nodes, "file").await;
    let ledger = company.ledger.clone();
    for _ in 0..2 {
        goes_on(&ledger, 60).await;
        let gaps = ledger.gaps();
        redis.restart().await;
        until_told(&ledger, &gaps).await;
    }
    goes_on(&ledger, 60).await;
    // A restart appears as a gap, but the log is whole.
    company.conclude("restarted with its file", &nodes, Log::Whole).await;
    Company::is_still_connected(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn a_redis_without_memory_refuses_events_and_goes_on_when_it_has_some() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let company = Company::on_each_node(&nodes, "memory").await;
    let ledger = company.ledger.clone();
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
    let verdict = company.conclude("out of memory", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    Company::is_still_connected(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn foreign_data_under_the_keys_of_a_room_disturbs_no_other_room_and_is_told() {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let our_company = Company::on_each_node(&nodes, "ours").await;
    let their_company = Company::on_each_node(&nodes, "theirs").await;
    let (ours, theirs) = (our_company.ledger.clone(), their_company.ledger.clone());
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
    let verdict = our_company.conclude("beside foreign data", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
    their_company.conclude("foreign data", &nodes, Log::Lossy).await;
    let said = ["the data of room lobby-theirs is not ours", "WRONGTYPE"].map(|text| nodes.log_lines(text));
    assert!(!said.concat().is_empty(), "and the log says so");
    Company::is_still_connected(&ours);
    Company::is_still_connected(&theirs);
    // The room is usable from every node.
    for node in &nodes.nodes {
        let client = connect(&node.url(), "eve").await;
        let lobby = join(&client, "theirs").await;
        let ledger = Ledger::default();
        assert!(say(&lobby, &ledger, "eve", "after".to_owned()).await);
    }
}
