//! Servers that refuse writes.

use redis::RedisError;

use crate::cluster::redis::reply::{DeleteReply, EraseReply};
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

const LIMITS: &[(&str, u64)] = &[("m", 100), ("o", 2)];

fn archive() -> Options {
    Options {
        words: "archive",
        ..Options::default()
    }
}

/// Returns the epoch of room `a`.
fn prepare(node: &Node) -> String {
    let mut events = vec![event("m").data("x".repeat(1_000)).key("k")];
    events.extend(vec![event("o"); 4]);
    node.append_with("a", &events, LIMITS, &archive());
    node.create("z", "o1", &[]);
    node.position("a").0
}

type Call<'a> = &'a dyn Fn() -> Result<(), RedisError>;

fn assert_refused(node: &Node, code: &str, calls: &[Call<'_>]) {
    for (index, call) in calls.iter().enumerate() {
        let before = node.dump();
        let error = call().unwrap_err();
        assert_eq!(error.code(), Some(code), "call {index}: {error}");
        assert_eq!(node.dump(), before, "call {index}");
    }
}

/// What works on each server that answers.
fn assert_readable(node: &Node) {
    node.read("a", &[("m", 9), ("o", 9)]);
    node.position("a");
    node.newest_change();
    assert_eq!(node.room("a").0, "first");
    node.outcome("a", "k", 'u');
    // The answer to a batch that was stored before.
    stored(node.append_with(
        "a",
        &[event("m")],
        M,
        &Options {
            counter: Some(1),
            ..Options::default()
        },
    ));
}

fn seen_more(epoch: &str) -> ReadOptions {
    ReadOptions {
        known: epoch.to_owned(),
        seen: 99,
        ..ReadOptions::default()
    }
}

#[test]
#[ignore = "needs redis-server"]
fn out_of_memory_refuses_what_needs_memory() {
    let server = Server::start();
    let node = Node::new(&server);
    let epoch = prepare(&node);
    for script in crate::cluster::redis::script::ALL {
        let _: String = node.redis(&[b"SCRIPT", b"LOAD", script.text().as_bytes()]);
    }
    let _: String = node.redis(&[b"CONFIG", b"SET", b"maxmemory", b"1mb"]);
    let append = |room: &str, events: &[Sent]| node.try_append(room, events, LIMITS, &archive()).map(drop);
    assert_refused(
        &node,
        "OOM",
        &[
            &|| append("a", &[event("m"), event("o").key("q")]),
            &|| append("a", &[event("c")]),
            &|| append("new", &[event("m")]),
            &|| {
                node.server.set("run7");
                let reply = append("a", &[event("m")]);
                node.server.set("run1");
                reply
            },
            &|| node.try_create("y", "o2", "{}", &[]).map(drop),
            &|| {
                node.try_positions(&[("a", "first", "", 0), ("q", "first", "", 0)], false)
                    .map(drop)
            },
            &|| node.try_read("a", &[("m", 9), ("o", 9)], &seen_more(&epoch)).map(drop),
        ],
    );
    assert_readable(&node);
    let taken = node.take(9);
    assert_eq!(node.done(&[taken[0].id.clone()]), 1);
    let text = format!(r#"{{"erased":"{}"}}"#, "x".repeat(2_000));
    let erased = node.erase("a", &["m", "o"], &[(1, 1, &text), (2, 5, "{}")]);
    assert!(matches!(erased, EraseReply::Erased(answers) if answers.len() == 2));
    assert_eq!(
        node.try_delete("z", "o1", "o3", true, &[]).unwrap(),
        DeleteReply::Deleted
    );
    assert_eq!(node.delete("a", "first", "o4", &["m", "o"]), DeleteReply::Deleted);
    assert_eq!(node.delete("nometa", "first", "o5", &[]), DeleteReply::Deleted);
}

#[test]
#[ignore = "needs redis-server"]
fn without_replicas_nothing_is_written() {
    let server = Server::start();
    let node = Node::new(&server);
    let epoch = prepare(&node);
    let _: String = node.redis(&[b"CONFIG", b"SET", b"min-replicas-to-write", b"1"]);
    let append = |events: &[Sent]| node.try_append("a", events, LIMITS, &archive()).map(drop);
    assert_refused(
        &node,
        "NOREPLICAS",
        &[
            &|| append(&[event("m"), event("o").key("q")]),
            &|| append(&[event("c")]),
            &|| node.try_create("y", "o2", "{}", &[]).map(drop),
            &|| node.try_delete("a", "first", "o3", false, &["m", "o"]).map(drop),
            &|| node.try_erase("a", "first.", &["m", "o"], &[(1, 1, "")]).map(drop),
            &|| node.try_take(10_000, 9, 999).map(drop),
            &|| {
                node.try_positions(&[("a", "first", "", 0), ("q", "first", "", 0)], false)
                    .map(drop)
            },
            &|| node.try_read("a", &[("m", 9), ("o", 9)], &seen_more(&epoch)).map(drop),
            &|| {
                node.try_read(
                    "a",
                    &[("m", 9), ("o", 9)],
                    &ReadOptions {
                        renew: true,
                        ..ReadOptions::default()
                    },
                )
                .map(drop)
            },
        ],
    );
    assert_readable(&node);
}

#[test]
#[ignore = "needs redis-server"]
fn a_user_needs_few_rights() {
    const COMMANDS: &str = "eval evalsha script|load publish hget hmget hset hdel hgetall hlen llen lrange lindex rpush ltrim lset \
        xadd xlen xrange xrevrange xdel expire pexpireat unlink time";
    let server = Server::start();
    let root = Node::new(&server);
    let mut rule = "ACL SETUSER d on >x resetchannels ~{dialogue:* ~{dialogue}* &{dialogue:* -@all".to_owned();
    COMMANDS
        .split_whitespace()
        .for_each(|command| rule += &format!(" +{command}"));
    let words: Vec<_> = rule.split(' ').map(str::as_bytes).collect();
    let _: String = root.redis(&words);
    let node = Node::on(server.connect(), "node1");
    let _: redis::Value = redis::cmd("AUTH")
        .arg("d")
        .arg("x")
        .query(&mut *node.connection.borrow_mut())
        .unwrap();
    prepare(&node);
    assert_readable(&node);
    let renew = Options {
        words: "renew",
        ..Options::default()
    };
    node.append_with("a", &[event("m").key("k2"), event("v")], M, &renew);
    node.erase("a", &["m"], &[(1, 1, "")]);
    let taken = node.take(1);
    node.done(&[taken[0].id.clone()]);
    node.delete("a", "first", "o2", &["m", "o"]);
    node.try_contact((1, 1), 256, &"ab".repeat(32)).unwrap();
    let denied: Vec<redis::Value> = root.redis(&[b"ACL", b"LOG"]);
    assert!(denied.is_empty(), "{denied:?}");

    // Without the right to publish, the batch is stored, and the answer is there when it is sent again.
    root.append("c", &[event("m")], M);
    let _: String = root.redis(&[b"ACL", b"SETUSER", b"d", b"resetchannels"]);
    let again = Options {
        counter: Some(50),
        ..Options::default()
    };
    let error = node.try_append("c", &[event("m")], M, &again).unwrap_err();
    assert!(error.to_string().contains("can't publish"), "{error}");
    assert_eq!(stored(node.append_with("c", &[event("m")], M, &again)).1, 2);
    assert_eq!(node.read("c", &[("m", 9)])[0].last, 2);
}
