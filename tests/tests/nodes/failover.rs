//! A failover to a replica that lacks the newest events.

use std::time::Duration;

use dialogue_tests::proxy::Proxy;
use tokio::time::sleep;

use super::ledger::{Ledger, Log};
use super::node::Nodes;
use super::person::Person;
use super::redis::Redis;
use super::{conclude, goes_on, until_told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_failover_that_loses_events_is_a_gap_that_every_member_is_told() {
    let mut primary = Redis::start().await;
    let link = Proxy::to(primary.address()).await;
    let replica = Redis::replica_of(link.address()).await;
    let nodes = Nodes::start(3, &primary).await;
    let ledger = Ledger::default();
    let mut people = Vec::new();
    for number in 0..5 {
        people.push(Person::enter(&nodes.url(), &format!("user-{number}"), "failover", &ledger).await);
    }
    // One that only listens, and is away meanwhile: it comes back with a position that the new log reaches again.
    let away = Proxy::to(nodes.address()).await;
    people.push(Person::enter(&away.url(), "away", "failover", &ledger).await);
    people[..5].iter_mut().for_each(Person::talk);
    goes_on(&ledger, 50).await;
    // From here on, the replica gets nothing. What waits on the way is lost.
    link.stall();
    replica.pause();
    goes_on(&ledger, 50).await;
    away.cut();
    sleep(Duration::from_millis(100)).await;
    let gaps = ledger.gaps();
    primary.kill();
    link.cut();
    replica.resume();
    replica.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    for node in &nodes.nodes {
        node.road().lead_to(replica.address());
    }
    // Beyond the old number, which the new log does not show.
    goes_on(&ledger, 200).await;
    away.restore();
    until_told(&ledger, &gaps).await;
    let verdict = conclude("failover with data loss", &nodes, people, &ledger, Log::Lossy).await;
    assert!(verdict.told > 0, "accepted events were lost with the primary");
}
