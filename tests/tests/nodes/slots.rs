//! A Redis Cluster of three servers whose slots move.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::company::Company;
use super::ledger::Log;
use super::node::Nodes;
use super::redis::RedisCluster;
use super::{setting, until_told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn a_slot_that_moves_under_load_loses_no_accepted_event() {
    let cluster = Arc::new(RedisCluster::start().await);
    let mut nodes = Nodes::start_on_cluster(3, &cluster).await;
    let moved = Company::on_each_node(&nodes, "moved").await;
    let still = Company::on_each_node(&nodes, "still").await;
    let ledger = moved.ledger.clone();
    sleep(Duration::from_millis(500)).await;
    let slot = cluster.slot_of("lobby-moved");
    assert_ne!(slot, cluster.slot_of("lobby-still"));
    for _ in 0..setting("MOVES").unwrap_or(2) {
        let gaps = ledger.gaps();
        let mover = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || mover.move_slot(slot))
            .await
            .expect("the slot moves");
        until_told(&ledger, &gaps).await;
    }
    nodes.kill_and_restart(0);
    nodes.until_ready().await;
    // A moved slot appears as a gap, but the log is whole.
    moved.conclude("a slot moved", &nodes, Log::Whole).await;
    let verdict = still.conclude("beside a slot that moved", &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0, "the other room's slot did not move");
}
