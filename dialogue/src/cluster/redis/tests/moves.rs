//! A slot moves to another server, step by step.

use bytes::Bytes;
use redis::Value;
use tokio::time::{Instant, sleep, timeout};

use super::connections::{Events, fast, next, until};
use super::routes::{self, add};
use super::three_servers::Cluster;
use crate::cluster::redis::calls::{CallError, Calls, FeedEvent};
use crate::cluster::redis::keys::{Keys, Partition};
use crate::cluster::redis::route::Connections;
use crate::cluster::redis::script::Script;

/// A slot that moves.
struct Move<'a> {
    cluster: &'a Cluster,
    slot: String,
    from: usize,
    to: usize,
    ids: [String; 2],
}

impl<'a> Move<'a> {
    fn begin(cluster: &'a Cluster, slot: u16) -> Self {
        let from = cluster.owner(slot);
        let to = (from + 1) % 3;
        let id = |server: usize| redis::from_redis_value::<String>(run(cluster, server, &["CLUSTER", "MYID"])).unwrap();
        let ids = [id(from), id(to)];
        let slot = slot.to_string();
        run(cluster, to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
        run(cluster, from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
        Self {
            cluster,
            slot,
            from,
            to,
            ids,
        }
    }

    fn key(&self, key: &Bytes) {
        let mut command = redis::cmd("MIGRATE");
        command.arg("127.0.0.1").arg(&self.cluster.servers[self.to].0);
        command.arg(&key[..]).arg(0).arg(5_000);
        let _: Value = command.query(&mut self.cluster.servers[self.from].1.connect()).unwrap();
    }

    /// How many received it.
    fn publish_at_target(&self, channel: &Bytes, text: &str) -> u64 {
        let mut pipe = redis::pipe();
        pipe.cmd("ASKING").ignore().cmd("SPUBLISH").arg(&channel[..]).arg(text);
        let (received,): (u64,) = pipe.query(&mut self.cluster.servers[self.to].1.connect()).unwrap();
        received
    }

    fn end(self) {
        for server in [self.to, self.from, 3 - self.from - self.to] {
            run(
                self.cluster,
                server,
                &["CLUSTER", "SETSLOT", &self.slot, "NODE", &self.ids[1]],
            );
        }
    }

    fn give_up(self) {
        for server in [self.to, self.from] {
            run(self.cluster, server, &["CLUSTER", "SETSLOT", &self.slot, "STABLE"]);
        }
    }
}

fn run(cluster: &Cluster, server: usize, words: &[&str]) -> Value {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut cluster.servers[server].1.connect()).unwrap()
}

/// The texts of a channel's messages up to this one. Other channels must not be disturbed.
async fn texts_until(events: &mut Events, channel: &Bytes, last: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    while texts.last().is_none_or(|text| text != last) {
        match next(events).await {
            FeedEvent::Message { channel: got, payload } => {
                assert_eq!(got, channel);
                texts.push(String::from_utf8(payload.to_vec()).unwrap());
            }
            FeedEvent::Lost { channel: got } | FeedEvent::Resubscribed { channel: got } => {
                assert_eq!(got, channel, "another channel was disturbed");
            }
        }
    }
    texts
}

/// A channel of a partition, and one of another partition on the same server.
async fn subscribed(cluster: &Cluster, connections: &Connections, keys: &Keys) -> (Partition, Bytes) {
    let moving = keys.partitions().nth(3).unwrap();
    let same = keys.partitions().nth(4).unwrap();
    assert_eq!(cluster.owner(keys.slot(moving)), cluster.owner(keys.slot(same)));
    for partition in [moving, same] {
        connections
            .subscribe(partition, keys.partition_channel(partition))
            .await
            .unwrap();
        add(connections, keys, partition, "first").await.unwrap();
    }
    (moving, keys.partition_channel(moving))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn messages_of_both_servers_arrive_while_a_slot_moves() {
    let cluster = Cluster::start();
    let (connections, mut events, keys) = routes::node(&cluster).await;
    let (partition, channel) = subscribed(&cluster, &connections, &keys).await;
    let moving = Move::begin(&cluster, keys.slot(partition));
    moving.key(&keys.rooms(partition));
    // The call is sent to the new server, and says that the slot is moving.
    assert_eq!(add(&connections, &keys, partition, "asked").await, Ok(Value::Int(1)));
    until(|| (moving.publish_at_target(&channel, "new") == 1).then_some(())).await;
    assert_eq!(routes::publish(&cluster, moving.from, &channel), 1);
    let texts = texts_until(&mut events, &channel, "x").await;
    assert!(texts.contains(&"new".to_owned()), "{texts:?}");
    // A channel that is subscribed now is subscribed at both.
    let late = Bytes::from([&keys.partition_channel(partition)[..], b"/late"].concat());
    connections.subscribe(partition, late.clone()).await.unwrap();
    until(|| (moving.publish_at_target(&late, "late") == 1).then_some(())).await;
    assert_eq!(texts_until(&mut events, &late, "late").await, ["late"]);
    connections.unsubscribe(partition, late.clone());
    until(|| (moving.publish_at_target(&late, "nobody") == 0).then_some(())).await;
    let to = moving.to;
    moving.end();
    until(|| (routes::publish(&cluster, to, &channel) == 1).then_some(())).await;
    texts_until(&mut events, &channel, "x").await;
    // The other channel was never disturbed, and the feed is still probed where it is.
    let begun = Instant::now();
    while begun.elapsed() < fast().probe * 5 {
        if let Ok(Some(event)) = timeout(fast().probe, events.recv()).await {
            match event {
                FeedEvent::Message { channel: got, .. }
                | FeedEvent::Lost { channel: got }
                | FeedEvent::Resubscribed { channel: got } => assert_eq!(got, channel),
            }
        }
    }
    assert_eq!(add(&connections, &keys, partition, "after").await, Ok(Value::Int(1)));
}

static TWO: Script = Script::new("two", "return redis.call('EXISTS', KEYS[1], KEYS[2])");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_call_that_finds_some_of_its_keys_tells_where_a_slot_is_moving() {
    let cluster = Cluster::start();
    let (connections, mut events, keys) = routes::node(&cluster).await;
    let (partition, channel) = subscribed(&cluster, &connections, &keys).await;
    let call = || {
        let names = vec![keys.rooms(partition), keys.log(partition)];
        connections.call(partition, &TWO, names, Vec::new())
    };
    let log = String::from_utf8(keys.log(partition).to_vec()).unwrap();
    let from = cluster.owner(keys.slot(partition));
    run(&cluster, from, &["SET", &log, "x"]);
    assert_eq!(call().await, Ok(Value::Int(2)));
    let moving = Move::begin(&cluster, keys.slot(partition));
    moving.key(&keys.rooms(partition));
    assert!(matches!(call().await, Err(CallError::Refused(reason)) if reason.starts_with("TRYAGAIN")));
    until(|| (moving.publish_at_target(&channel, "new") == 1).then_some(())).await;
    texts_until(&mut events, &channel, "new").await;
    // The move is given up: the key comes back, and nothing else changes.
    let to = moving.to;
    let rooms = String::from_utf8(keys.rooms(partition).to_vec()).unwrap();
    let back = ["MIGRATE", "127.0.0.1", &cluster.servers[from].0, &rooms, "0", "5000"];
    run(&cluster, to, &["ASKING"]);
    let mut pipe = redis::pipe();
    pipe.cmd("ASKING").ignore().cmd(back[0]).arg(&back[1..]).ignore();
    let _given_back: redis::RedisResult<()> = pipe.query(&mut cluster.servers[to].1.connect());
    moving.give_up();
    sleep(fast().probe).await;
    until(|| (routes::publish(&cluster, from, &channel) == 1).then_some(())).await;
    texts_until(&mut events, &channel, "x").await;
}
