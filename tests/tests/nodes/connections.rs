//! Connections to Redis that are killed all the time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::company::Company;
use super::ledger::Log;
use super::node::Nodes;
use super::outage;
use super::redis::Redis;

/// Kills connections of a kind every 100 ms for a while. Returns how many it killed.
async fn kill_connections(redis: &Redis, kinds: &[&str], lasts: Duration) -> usize {
    let (is_over, killed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let killing = async {
        while !is_over.load(Ordering::Relaxed) {
            for kind in kinds {
                let ended: usize = redis.ask(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
                killed.fetch_add(ended, Ordering::Relaxed);
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let waiting = async {
        sleep(lasts).await;
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(killing, waiting);
    killed.into_inner()
}

async fn old_client_stays(kinds: &[&str], room: &str) {
    let redis = Redis::start().await;
    let nodes = Nodes::start(3, &redis).await;
    let company = Company::on_each_node(&nodes, room).await;
    let ledger = company.ledger.clone();
    let killed = kill_connections(&redis, kinds, outage() + Duration::from_secs(2)).await;
    assert!(killed > 10, "{killed} connections were killed");
    let name = format!("{killed} connections ({kinds:?}) of Redis killed");
    let verdict = company.conclude(&name, &nodes, Log::Whole).await;
    assert_eq!(verdict.gaps, 0, "Redis has lost nothing, so nobody was told a gap");
    Company::is_still_connected(&ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn the_old_client_stays_while_feeds_are_killed_every_100_ms() {
    old_client_stays(&["pubsub"], "feeds").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn the_old_client_stays_while_all_connections_are_killed_every_100_ms() {
    old_client_stays(&["pubsub", "normal"], "connections").await;
}
