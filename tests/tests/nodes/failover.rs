//! A failover to a replica that lacks the newest events.

use std::time::Duration;

use dialogue_tests::proxy::Proxy;
use tokio::time::sleep;

use super::company::Company;
use super::ledger::Log;
use super::node::Nodes;
use super::redis::Redis;
use super::{goes_on, until_told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and Node"]
async fn a_failover_that_loses_events_is_a_gap_that_every_member_is_told() {
    let mut primary = Redis::start().await;
    let link = Proxy::to(primary.address()).await;
    let replica = Redis::replica_of(link.address()).await;
    let nodes = Nodes::start(3, &primary).await;
    let mut company = Company::on_each_node(&nodes, "failover").await;
    let ledger = company.ledger.clone();
    // One that only listens, and is away meanwhile: it comes back with a position that the new log reaches again.
    let away = Proxy::to(nodes.address()).await;
    company.person(&away.url()).await;
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
    let verdict = company.conclude("failover with data loss", &nodes, Log::Lossy).await;
    assert!(verdict.told > 0, "accepted events were lost with the primary");
}
