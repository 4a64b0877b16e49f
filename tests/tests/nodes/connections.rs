//! Connections to Redis that are killed all the time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::ledger::{Ledger, Log};
use super::node::Nodes;
use super::old_client::{NodePerson, Version};
use super::person::Person;
use super::redis::Redis;
use super::{conclude, outage};

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
    let ledger = Ledger::default();
    let mut people = Vec::new();
    for (number, node) in nodes.nodes.iter().enumerate() {
        people.push(Person::enter(&node.url(), &format!("user-{number}"), room, &ledger).await);
    }
    let mut old = NodePerson::enter(Version::Old, &nodes.url(), "old", room, &ledger).await;
    people.iter_mut().for_each(Person::talk);
    old.talk();
    let killed = kill_connections(&redis, kinds, outage() + Duration::from_secs(2)).await;
    assert!(killed > 10, "{killed} connections were killed");
    old.fall_silent().await;
    let name = format!("{killed} connections ({kinds:?}) of Redis killed");
    let verdict = conclude(&name, &nodes, people, &ledger, Log::Whole).await;
    assert_eq!(verdict.gaps, 0, "Redis has lost nothing, so nobody was told a gap");
    assert_eq!(ledger.disconnects(), [""; 0], "clients stay connected");
    assert_eq!(old.errors(), [""; 0]);
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
