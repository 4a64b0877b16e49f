//! A Redis Cluster of three servers whose slots move.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::ledger::{Ledger, Log};
use super::node::Nodes;
use super::person::Person;
use super::redis::RedisCluster;
use super::{conclude, setting, until_told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_slot_that_moves_under_load_loses_no_accepted_event() {
    let cluster = Arc::new(RedisCluster::start().await);
    let mut nodes = Nodes::start_on_cluster(3, &cluster).await;
    let (moved, still) = (Ledger::default(), Ledger::default());
    let (mut people, mut others) = (Vec::new(), Vec::new());
    for (number, node) in nodes.nodes.iter().enumerate() {
        let name = format!("user-{number}");
        people.push(Person::enter(&node.url(), &name, "moved", &moved).await);
        others.push(Person::enter(&node.url(), &name, "still", &still).await);
    }
    people.iter_mut().chain(&mut others).for_each(Person::talk);
    sleep(Duration::from_millis(500)).await;
    let slot = cluster.slot_of("lobby-moved");
    assert_ne!(slot, cluster.slot_of("lobby-still"));
    for _ in 0..setting("MOVES").unwrap_or(2) {
        let gaps = moved.gaps();
        let mover = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || mover.move_slot(slot))
            .await
            .expect("the slot moves");
        until_told(&moved, &gaps).await;
    }
    nodes.kill_and_restart(0);
    nodes.until_ready().await;
    // A moved slot appears as a gap, but the log is whole.
    conclude("a slot moved", &nodes, people, &moved, Log::Whole).await;
    let verdict = conclude("beside a slot that moved", &nodes, others, &still, Log::Whole).await;
    assert_eq!(verdict.gaps, 0, "the other room's slot did not move");
}
