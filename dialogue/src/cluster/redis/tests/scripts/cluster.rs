//! The scripts in a Redis Cluster.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::cluster::redis::keys::{Keys, Partition};
use crate::cluster::redis::reply::{CreateReply, DeleteReply};
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;
use crate::cluster::redis::tests::three_servers::Cluster;

/// A node on each server, for one partition.
fn nodes(cluster: &Cluster, keys: &Keys, partition: Partition) -> Vec<Node> {
    let nodes = cluster.servers.iter().map(|(_, server)| Node {
        keys: keys.clone(),
        partition,
        command: "SPUBLISH",
        ..Node::new(server)
    });
    nodes.collect()
}

/// A room of a partition.
fn room_of(keys: &Keys, partition: Partition) -> String {
    (0..)
        .map(|n| format!("r{n}"))
        .find(|room| keys.partition(room) == partition)
        .unwrap()
}

/// A subscription by hand.
struct Subscription(UnixStream);

impl Subscription {
    fn of(server: &Server, channels: &[&[u8]]) -> Self {
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        for channel in channels {
            stream
                .write_all(format!("*2\r\n$10\r\nSSUBSCRIBE\r\n${}\r\n", channel.len()).as_bytes())
                .unwrap();
            stream.write_all(&[channel, &b"\r\n"[..]].concat()).unwrap();
        }
        let mut subscription = Self(stream);
        subscription.until(b"ssubscribe", channels.len());
        subscription
    }

    /// Reads until a text has come so many times.
    fn until(&mut self, text: &[u8], times: usize) {
        let (mut all, mut part) = (Vec::new(), [0; 4096]);
        while all.windows(text.len()).filter(|window| *window == text).count() < times {
            let bytes = self.0.read(&mut part).unwrap();
            assert!(bytes > 0, "{}", all.escape_ascii());
            all.extend_from_slice(&part[..bytes]);
        }
    }
}

#[test]
#[ignore = "needs redis-server"]
fn each_script_works_in_each_partition() {
    let cluster = Cluster::start();
    let keys = Keys::new("dialogue", 0, 256).unwrap();
    let limits = &[("m", 5), ("o", 1)];
    let archive = Options {
        words: "archive renew",
        ..Options::default()
    };
    let mut used = [0; 3];
    for partition in keys.partitions().step_by(5) {
        let room = &room_of(&keys, partition);
        let slot: u16 = redis::cmd("CLUSTER")
            .arg("KEYSLOT")
            .arg(&*keys.meta(room))
            .query(&mut cluster.servers[0].1.connect())
            .unwrap();
        assert_eq!(slot, keys.slot(partition));
        let owner = cluster.owner(slot);
        used[owner] += 1;
        let nodes = nodes(&cluster, &keys, partition);
        let node = &nodes[owner];
        let channels = [keys.channel(room), keys.partition_channel(partition)];
        let mut feed = Subscription::of(&cluster.servers[owner].1, &[&channels[0], &channels[1]]);
        let events = [event("m").key("k"), event("v"), event("o").key("q"), event("o")];
        assert_eq!(stored(node.append_with(room, &events, limits, &archive)).1, 3);
        feed.until(b"\r\n1 e ", 1);
        node.append_with(room, &[event("m")], limits, &archive);
        feed.until(b"\r\n1 e ", 1);
        node.read_with(
            room,
            &[("m", 5), ("o", 5)],
            &ReadOptions {
                renew: true,
                ..ReadOptions::default()
            },
        );
        node.outcome(room, "k", 'u');
        node.position(room);
        node.erase(room, &["m"], &[(1, 1, "{}")]);
        feed.until(b"\r\n1 x ", 1);
        let taken = node.take(9);
        assert_eq!(node.done(&[taken[0].id.clone()]), 1);
        node.newest_change();
        assert!(matches!(
            node.create(room, "o1", &["m", "o"]),
            CreateReply::Created { .. }
        ));
        assert_eq!(node.room(room).0, "o1");
        feed.until(b"\r\n1 c ", 1);
        assert_eq!(
            node.try_delete(room, "o1", "o2", true, &["m", "o"]).unwrap(),
            DeleteReply::Deleted
        );
        feed.until(b"\r\n1 d ", 2);
        let other = &nodes[(owner + 1) % 3];
        let error = other
            .try_append(room, &[event("m")], M, &Options::default())
            .unwrap_err();
        assert_eq!(error.code(), Some("MOVED"), "{error}");
    }
    // Partitions are evenly spread.
    assert!(used.iter().all(|partitions| (16..=18).contains(partitions)), "{used:?}");
}

#[test]
#[ignore = "needs redis-server"]
fn a_slot_that_moves_refuses_and_loses_nothing() {
    let cluster = Cluster::start();
    let keys = Keys::new("dialogue", 0, 256).unwrap();
    let partition = keys.partitions().nth(7).unwrap();
    let room = &room_of(&keys, partition);
    let other_room = &(1_000..)
        .map(|n| format!("r{n}"))
        .find(|room| keys.partition(room) == partition)
        .unwrap();
    let slot = keys.slot(partition).to_string();
    let from = cluster.owner(keys.slot(partition));
    let to = (from + 1) % 3;
    let nodes = nodes(&cluster, &keys, partition);
    let (source, target) = (&nodes[from], &nodes[to]);
    target.server.set("run2");
    let (epoch, ..) = stored(source.append(room, &[event("m").key("k")], M));
    source.one(room);
    let id = |node: &Node| node.redis::<Vec<u8>>(&[b"CLUSTER", b"MYID"]);
    let set = |node: &Node, state: &[u8], id: &[u8]| {
        let _: String = node.redis(&[b"CLUSTER", b"SETSLOT", slot.as_bytes(), state, id]);
    };
    set(target, b"IMPORTING", &id(source));
    set(source, b"MIGRATING", &id(target));
    // All keys are still here.
    stored(source.one(room));
    // Not so those of a new room.
    assert!(
        source
            .try_append(other_room, &[event("m")], M, &Options::default())
            .is_err()
    );
    let migrate = |names: &[Vec<u8>]| {
        let port = cluster.servers[to].0.as_bytes();
        let mut words: Vec<&[u8]> = vec![b"MIGRATE", b"127.0.0.1", port, b"", b"0", b"5000", b"KEYS"];
        words.extend(names.iter().map(Vec::as_slice));
        let _: String = source.redis(&words);
    };
    migrate(&[keys.meta(room).to_vec()]);
    let next = Options {
        counter: Some(4),
        ..Options::default()
    };
    assert!(source.try_append(room, &[event("m")], M, &next).is_err());
    let _: String = target.redis(&[b"ASKING"]);
    assert!(target.try_append(room, &[event("m")], M, &next).is_err());
    let rest: Vec<Vec<u8>> = source.redis(&[b"CLUSTER", b"GETKEYSINSLOT", slot.as_bytes(), b"100"]);
    migrate(&rest);
    let new = id(target);
    set(target, b"NODE", &new);
    set(source, b"NODE", &new);

    let mut feed = Subscription::of(&cluster.servers[to].1, &[&keys.channel(room)]);
    let known = Options {
        known: Some(epoch.clone()),
        seen: 3,
        counter: Some(5),
        words: "",
    };
    let (second, seq, answers) = stored(target.append_with(room, &[event("m").key("k"), event("m")], M, &known));
    assert!(second != epoch && seq == 4);
    assert_eq!(answers, "r1 s4");
    feed.until(b"\r\n1 e ", 1);
    assert_eq!(numbers(&target.read(room, &[("m", 9)])[0].entries), [4, 3, 2, 1]);
}
