//! Connections of a node to a Redis Cluster of three servers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use redis::Value;
use tokio::time::{Instant, sleep, timeout};

use super::connections::{SOON, connected, fast, start, until};
use super::three_servers::Cluster;
use crate::cluster::redis::calls::{CallError, Calls, FeedEvent};
use crate::cluster::redis::keys::{Keys, Partition};
use crate::cluster::redis::route::Connections;
use crate::cluster::redis::script::Script;
use crate::cluster::redis::settings::Redis;

pub(super) static ADD: Script = Script::new("add", "return redis.call('SADD', KEYS[1], ARGV[4])");

pub(super) async fn node(cluster: &Cluster) -> (Arc<Connections>, super::connections::Events, Keys) {
    let (connections, events) =
        start(Redis::connect(format!("redis://127.0.0.1:{}", cluster.servers[1].0)).timing(fast()));
    connected(&connections).await;
    let keys = Keys::new("dialogue", 0, 256).unwrap();
    connections.agreed(&keys);
    for partition in keys.partitions() {
        until(|| connections.identity(partition)).await;
    }
    (Arc::new(connections), events, keys)
}

pub(super) async fn add(
    connections: &Connections,
    keys: &Keys,
    partition: Partition,
    member: &str,
) -> Result<Value, CallError> {
    let identity = connections.identity(partition).unwrap_or_default();
    let args = ["SPUBLISH", &*identity, "fresh", member].map(|arg| Bytes::copy_from_slice(arg.as_bytes()));
    let call = connections.call(partition, &ADD, vec![keys.rooms(partition)], args.into());
    timeout(SOON, call).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn finds_the_servers_of_a_cluster_by_one_of_them() {
    let cluster = Cluster::start();
    let (connections, mut events, keys) = node(&cluster).await;
    assert_eq!(connections.publish_command(), "SPUBLISH");
    let identities: HashSet<_> = keys.partitions().map(|p| connections.identity(p).unwrap()).collect();
    assert_eq!(identities.len(), 3);
    for partition in keys.partitions().step_by(17) {
        assert_eq!(add(&connections, &keys, partition, "a").await, Ok(Value::Int(1)));
        let channel = keys.partition_channel(partition);
        connections.subscribe(partition, channel.clone()).await.unwrap();
        let owner = cluster.owner(keys.slot(partition));
        assert_eq!(publish(&cluster, owner, &channel), 1);
        let event = timeout(SOON, events.recv()).await.unwrap().unwrap();
        assert!(matches!(event, FeedEvent::Message { channel: got, .. } if got == channel));
        connections.unsubscribe(partition, channel.clone());
        until(|| (publish(&cluster, owner, &channel) == 0).then_some(())).await;
    }
    // Nothing is in flight, so nothing is replaced: the probes arrive on all three.
    while events.try_recv().is_ok() {}
    sleep(fast().probe * 5).await;
    assert!(events.try_recv().is_err());
}

/// How many received it.
pub(super) fn publish(cluster: &Cluster, server: usize, channel: &[u8]) -> u64 {
    redis::cmd("SPUBLISH")
        .arg(channel)
        .arg("x")
        .query(&mut cluster.servers[server].1.connect())
        .unwrap_or(0)
}

/// Moves a slot, key by key, as `redis-cli --cluster reshard` does.
fn move_slot(cluster: &Cluster, slot: u16, from: usize, to: usize) {
    let run = |server: usize, words: &[&str]| -> Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut cluster.servers[server].1.connect()).unwrap()
    };
    let text = |value| redis::from_redis_value::<String>(value).unwrap();
    let ids = [from, to].map(|server| text(run(server, &["CLUSTER", "MYID"])));
    let slot = slot.to_string();
    run(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
    run(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    std::thread::sleep(Duration::from_millis(300));
    let found = run(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
    for key in redis::from_redis_value::<Vec<String>>(found).unwrap() {
        run(
            from,
            &["MIGRATE", "127.0.0.1", &cluster.servers[to].0, &key, "0", "5000"],
        );
    }
    std::thread::sleep(Duration::from_millis(300));
    run(to, &["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]);
    run(from, &["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]);
    run(3 - from - to, &["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_slot_moves_under_load() {
    let cluster = Arc::new(Cluster::start());
    let (connections, mut events, keys) = node(&cluster).await;
    let partitions: Vec<_> = keys.partitions().step_by(32).collect();
    let moving = partitions[1];
    let slot = keys.slot(moving);
    let from = cluster.owner(slot);
    let to = (from + 1) % 3;
    for partition in &partitions {
        connections
            .subscribe(*partition, keys.partition_channel(*partition))
            .await
            .unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let workers = (0..24).map(|worker| {
        let (connections, keys, stop) = (Arc::clone(&connections), keys.clone(), Arc::clone(&stop));
        let partition = partitions[worker % partitions.len()];
        tokio::spawn(async move {
            let mut outcomes = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let member = format!("{worker}-{}", outcomes.len());
                let outcome = add(&connections, &keys, partition, &member).await;
                if outcome.is_err() {
                    sleep(Duration::from_millis(5)).await;
                }
                outcomes.push((member, outcome));
            }
            (partition, outcomes)
        })
    });
    let workers: Vec<_> = workers.collect();
    sleep(Duration::from_millis(300)).await;
    let mover = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || move_slot(&mover, slot, from, to))
        .await
        .unwrap();
    let begun = Instant::now();
    sleep(Duration::from_millis(500)).await;
    // The channel of the moved slot is subscribed at the other server.
    let channel = keys.partition_channel(moving);
    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(FeedEvent::Resubscribed { channel: again }) if *again == channel) {
        assert!(begun.elapsed() < SOON);
        seen.push(timeout(SOON, events.recv()).await.expect("an event").unwrap());
    }
    // It was subscribed at both servers meanwhile, or lost.
    until(|| (publish(&cluster, to, &channel) == 1).then_some(())).await;
    loop {
        let event = timeout(SOON, events.recv()).await.expect("an event").unwrap();
        if matches!(event, FeedEvent::Message { channel: got, .. } if got == channel) {
            break;
        }
    }
    sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let mut moved_ok = 0;
    for outcome in join_all(workers).await {
        let (partition, outcomes) = outcome.unwrap();
        let owner = cluster.owner(keys.slot(partition));
        let members: HashSet<String> = redis::cmd("SMEMBERS")
            .arg(&keys.rooms(partition)[..])
            .query(&mut cluster.servers[owner].1.connect())
            .unwrap();
        let last = outcomes.last().unwrap().1.clone();
        assert_eq!(last, Ok(Value::Int(1)));
        for (member, outcome) in outcomes {
            match outcome {
                Ok(_) => assert!(members.contains(&member), "{member} is lost"),
                Err(CallError::NotSent(_) | CallError::Refused(_)) => {
                    assert!(!members.contains(&member), "{member} was stored");
                    assert_eq!(partition, moving, "only the moving slot is disturbed");
                }
                Err(other) => panic!("{member}: {other:?}"),
            }
            moved_ok += usize::from(partition == moving);
        }
    }
    assert!(moved_ok > 100, "{moved_ok}");
}
