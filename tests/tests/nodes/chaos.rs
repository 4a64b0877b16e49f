//! Three nodes, and random faults that lose no accepted event in Redis: nobody is told a gap.

use std::time::Duration;

use dialogue_tests::proxy::dice;
use tokio::time::sleep;

use super::company::Company;
use super::ledger::Log;
use super::node::Nodes;
use super::old_client::Version;
use super::redis::Redis;
use super::{outage, setting};

/// What can happen.
const FAULTS: [&str; 9] = [
    "kill a node",
    "pause a node",
    "cut a node off Redis",
    "stall a node's way to Redis",
    "pause Redis",
    "cut all connections of Redis",
    "kill a node while another one is cut off Redis",
    "stop a node in order",
    "lose the answers of Redis",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn nodes_that_are_killed_paused_and_cut_off_lose_no_accepted_event() {
    let faults = setting("FAULTS").unwrap_or(FAULTS.len() as u64);
    let seed =
        setting("SEED").unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8));
    println!("summary: chaos: {faults} faults, seed {seed}");
    let mut dice = dice(seed);
    let redis = Redis::start().await;
    let mut nodes = Nodes::start(3, &redis).await;
    let mut company = Company::in_room("chaos");
    for _ in 0..6 {
        company.person(&nodes.url()).await;
    }
    company.script(Version::Old, &nodes.url()).await;
    company.talk();
    let first = dice(FAULTS.len() as u64);
    for fault in 0..faults {
        let (node, other) = (dice(3) as usize, 1 + dice(2) as usize);
        let moment = Duration::from_millis(200 + dice(800));
        let lasts = outage().mul_f64((1 + dice(4)) as f64 / 4.0);
        let fault = FAULTS[((first + fault) % FAULTS.len() as u64) as usize];
        println!("summary: chaos: {fault} (node {node}, for {lasts:?})");
        match fault {
            "kill a node" => {
                nodes.kill(node);
                sleep(moment).await;
                nodes.restart(node);
            }
            "pause a node" => {
                nodes.nodes[node].pause();
                sleep(lasts).await;
                nodes.nodes[node].resume();
            }
            "cut a node off Redis" => {
                nodes.nodes[node].road().cut();
                sleep(lasts).await;
                nodes.nodes[node].road().restore();
            }
            "stall a node's way to Redis" => {
                nodes.nodes[node].road().stall();
                sleep(lasts).await;
                nodes.nodes[node].road().restore();
            }
            "pause Redis" => {
                redis.pause();
                sleep(lasts).await;
                redis.resume();
            }
            "stop a node in order" => {
                nodes.stop(node).await;
                nodes.restart(node);
            }
            // Redis has run the commands, and the nodes cannot know.
            "lose the answers of Redis" => {
                nodes.each_road(|road| road.stall_replies());
                sleep(moment).await;
                nodes.each_road(|road| road.cut());
                sleep(moment).await;
                nodes.each_road(|road| road.restore());
            }
            "cut all connections of Redis" => nodes.each_road(|road| road.hang_up()),
            _ => {
                nodes.nodes[(node + other) % 3].road().cut();
                sleep(moment).await;
                nodes.kill_and_restart(node);
                sleep(moment).await;
                nodes.nodes[(node + other) % 3].road().restore();
            }
        }
        sleep(moment).await;
    }
    nodes.until_ready().await;
    let verdict = company.conclude("chaos", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0, "Redis has lost nothing, so nobody was told a gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn javascript_clients_old_and_new_lose_nothing_while_nodes_are_killed() {
    let redis = Redis::start().await;
    let mut nodes = Nodes::start(3, &redis).await;
    let mut company = Company::in_room("script");
    company.person(&nodes.url()).await;
    company.script(Version::Old, &nodes.url()).await;
    company.script(Version::Today, &nodes.url()).await;
    company.talk();
    for node in 0..3 {
        sleep(Duration::from_millis(700)).await;
        nodes.kill(node);
        sleep(Duration::from_millis(200)).await;
        nodes.restart(node);
    }
    nodes.until_ready().await;
    let verdict = company.conclude("JavaScript clients", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0);
}
