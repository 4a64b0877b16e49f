//! Foreign data under our keys: an error that says so, or an answer, but never a change.

use std::collections::BTreeMap;

use redis::RedisError;

use crate::cluster::redis::reply::{RoomPosition, RoomReply};
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

const LIMITS: &[(&str, u64)] = &[("o", 1), ("m", 2)];

fn archive() -> Options {
    Options {
        words: "archive",
        ..Options::default()
    }
}

type Operation = (&'static str, fn(&Node) -> Result<(), RedisError>);

/// One call of each script, several of `append.lua`.
const OPERATIONS: &[Operation] = &[
    ("append", |node| {
        let events = [event("o"), event("m").key("k"), event("m")];
        node.try_append("a", &events, LIMITS, &archive()).map(drop)
    }),
    ("renewal", |node| {
        node.server.set("run9");
        let reply = node.try_append("a", &[event("o"), event("m")], LIMITS, &archive());
        node.server.set("run1");
        reply.map(drop)
    }),
    ("volatile", |node| {
        node.try_append("a", &[event("v")], &[], &Options::default()).map(drop)
    }),
    ("read", |node| {
        node.try_read("a", &[("m", 3), ("o", 3)], &ReadOptions::default())
            .map(drop)
    }),
    ("position", |node| {
        node.try_positions(&[("b", "first", "", 0), ("a", "first", "", 0)], false)
            .map(drop)
    }),
    ("create", |node| node.try_create("a", "o7", "{}", &["m", "o"]).map(drop)),
    ("delete", |node| {
        node.try_delete("a", "first", "o8", true, &["m", "o"]).map(drop)
    }),
    ("erase", |node| {
        node.try_erase("a", "first.", &["m", "o"], &[(1, 2, "{}"), (2, 1, "{}")])
            .map(drop)
    }),
    ("changes", |node| node.try_changes("1-1", 9).map(drop)),
    ("take", |node| node.try_take(10_000, 9, 999).map(drop)),
    ("rooms", |node| node.try_rooms(&["a"]).map(drop)),
    ("outcome", |node| {
        node.try_outcome("a", "first.", "ada", "k", 'u').map(drop)
    }),
];

fn prepare(node: &Node) {
    let _: String = node.redis(&[b"FLUSHALL"]);
    node.counter.set(0);
    node.append_with("a", &[event("o"), event("m").key("k")], LIMITS, &archive());
    node.append_with("a", &[event("o"), event("m")], LIMITS, &archive());
    node.create("zz", "o1", &[]);
    node.take(9);
}

/// An operation fails as it should without a change, or works.
fn check(node: &Node, (name, operation): &Operation, what: &str) {
    let before = node.dump();
    if let Err(error) = operation(node) {
        let is_told = error.code() == Some("WRONGTYPE") || error.code() == Some("FOREIGN");
        assert!(is_told, "{name}, {what}: {error}");
        assert_eq!(node.dump(), before, "{name}, {what}");
    }
}

#[test]
#[ignore = "needs redis-server"]
fn a_key_of_another_kind_changes_nothing() {
    let server = Server::start();
    let node = Node::new(&server);
    let (keys, partition) = (&node.keys, node.partition);
    let mut names = vec![
        keys.meta("a"),
        keys.log(partition),
        keys.events("a", &"m".into()),
        keys.events("a", &"o".into()),
        keys.trim(partition),
        keys.trimming(partition),
        keys.rooms(partition),
    ];
    names.extend(keys.idempotency("a"));
    for operation in OPERATIONS {
        for name in &names {
            for command in [&b"SET"[..], b"SADD"] {
                prepare(&node);
                let _: u64 = node.redis(&[b"DEL", name]);
                let _: redis::Value = node.redis(&[command, name, b"x"]);
                check(&node, operation, &String::from_utf8_lossy(name));
            }
        }
    }
}

#[test]
#[ignore = "needs redis-server"]
fn a_foreign_field_changes_nothing() {
    let server = Server::start();
    let node = Node::new(&server);
    prepare(&node);
    let _: u64 = node.redis(&[b"HSET", &node.keys.trimming(node.partition), b"dropped", b"3"]);
    let snapshot: BTreeMap<_, _> = node.dump();
    for operation in OPERATIONS {
        for value in [&b"rubbish!"[..], b"-1", b"1.5", b"9007199254740994", b""] {
            for key in [node.keys.meta("a"), node.keys.trimming(node.partition)] {
                let fields: Vec<Vec<u8>> = node.redis(&[b"HKEYS", &key]);
                for field in fields {
                    let _: u64 = node.redis(&[b"HSET", &key, &field, value]);
                    let counter = node.counter.get();
                    check(
                        &node,
                        operation,
                        &format!("{} {}", String::from_utf8_lossy(&field), value.escape_ascii()),
                    );
                    node.counter.set(counter);
                    let _: String = node.redis(&[b"FLUSHALL"]);
                    for (key, value) in &snapshot {
                        let _: String = node.redis(&[b"RESTORE", key, b"0", value]);
                    }
                }
            }
        }
    }
}

#[test]
#[ignore = "needs redis-server"]
fn one_foreign_room_does_not_hide_the_others() {
    let server = Server::start();
    let node = Node::new(&server);
    let _: String = node.redis(&[b"SET", &node.keys.meta("a"), b"1"]);
    node.one("c");
    let _: u64 = node.redis(&[b"HSET", &node.keys.meta("c"), b"seq", b"-1"]);
    node.one("d");
    let _: u64 = node.redis(&[b"HSET", &node.keys.meta("d"), b"t:m", b"rubbish"]);
    let rooms = node.positions(&["a", "b", "c", "d"].map(|room| (room, "first", "", 0)));
    assert!(
        matches!(
            &*rooms,
            [
                RoomPosition::Foreign,
                RoomPosition::Room { .. },
                RoomPosition::Foreign,
                RoomPosition::Foreign
            ]
        ),
        "{rooms:?}"
    );
    let rooms = node.try_rooms(&["a", "c"]).unwrap();
    assert!(
        matches!(&*rooms, [RoomReply::Foreign, RoomReply::Room { own, .. }] if &**own == "first"),
        "{rooms:?}"
    );
}
