//! `append.lua`, without keys.

use bytes::Bytes;

use crate::cluster::redis::entry::Entry;
use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::reply::AppendReply;
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

fn counter(counter: u64) -> Options {
    Options {
        counter: Some(counter),
        ..Options::default()
    }
}

#[test]
#[ignore = "needs redis-server"]
fn numbers_and_publishes() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    let reply = node.append("a", &[event("m").data(1), event("c").data(2), event("m").data(3)], M);
    let (epoch, seq, answers) = stored(reply);
    assert_eq!((seq, &*answers), (2, "s1 v s2"));
    let messages = feed.take(&node);
    assert!(messages.iter().all(|(channel, _)| *channel == node.keys.channel("a")));
    let messages: Vec<_> = messages
        .iter()
        .map(|(_, payload)| RoomMessage::parse(payload).unwrap())
        .collect();
    let [
        RoomMessage::Epoch {
            epoch: first, seq: 0, ..
        },
        RoomMessage::Batch(batch),
    ] = &*messages
    else {
        panic!("{messages:?}")
    };
    assert_eq!(
        (&**first, &*batch.epoch, batch.seq, &*batch.node, batch.counter),
        (&*epoch, &*epoch, 2, "node1", 1)
    );
    assert_eq!(batch.position, Some(node.newest_change()));
    let names: Vec<_> = batch.events.iter().map(|event| (&*event.event, event.seq)).collect();
    assert_eq!(names, [("m", Some(1)), ("c", None), ("m", Some(2))]);
    assert_eq!(batch.events[1].body, r#"{"volatile":"2"}"#);
    let entry = Entry::parse(batch.events[2].body.clone()).unwrap();
    let text = format!("{}2}}", frame("m", "a", "3", "ada"));
    assert_eq!(
        (entry.seq, entry.before, entry.sender(), entry.frame()),
        (2, 1, "ada", text.into())
    );
    let kept: Vec<Vec<u8>> = node.redis(&[b"LRANGE", &node.keys.events("a", &"m".into()), b"0", b"-1"]);
    assert_eq!(kept, [batch.events[0].body.to_vec(), batch.events[2].body.to_vec()]);
}

#[test]
#[ignore = "needs redis-server"]
fn a_repeated_batch_gets_its_answer() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    let first = node.one("a");
    feed.take(&node);
    let before = node.dump();
    assert_eq!(node.append_with("a", &[event("m")], M, &counter(1)), first);
    assert!(feed.take(&node).is_empty());
    assert_eq!(node.dump(), before);
    node.one("a");
    assert_eq!(node.append_with("a", &[event("m")], M, &counter(1)), AppendReply::Old);
}

#[test]
#[ignore = "needs redis-server"]
fn a_repetition_that_may_have_been_lost_is_unknown() {
    let server = Server::start();
    let node = Node::new(&server);
    let (epoch, ..) = stored(node.one("a"));
    let repeat = |counter| Options {
        counter,
        known: Some(epoch.clone()),
        words: "repeat",
        ..Options::default()
    };
    // It did not arrive the first time.
    assert_eq!(stored(node.append_with("a", &[event("m")], M, &repeat(None))).1, 2);
    let before = node.dump();
    node.server.set("run2");
    assert_eq!(
        node.append_with("a", &[event("m")], M, &repeat(Some(3))),
        AppendReply::Unknown
    );
    assert_eq!(node.dump(), before);
    let _: String = node.redis(&[b"FLUSHALL"]);
    assert_eq!(
        node.append_with("a", &[event("m")], M, &repeat(Some(3))),
        AppendReply::Unknown
    );
    assert!(node.dump().is_empty());
}

#[test]
#[ignore = "needs redis-server"]
fn counters_are_numbers() {
    let server = Server::start();
    let node = Node::new(&server);
    let append = |number| node.append_with("a", &[event("m")], M, &counter(number));
    stored(append(9));
    stored(append(10));
    stored(append((1 << 53) - 1));
    assert_eq!(append((1 << 53) - 2), AppendReply::Old);
    assert_eq!(stored(append((1 << 53) - 1)).1, 3);
}

#[test]
#[ignore = "needs redis-server"]
fn a_volatile_batch_is_no_change() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    node.one("a");
    feed.take(&node);
    let before = node.newest_change();
    let (_, seq, answers) = stored(node.append("a", &[event("c"), event("c")], &[]));
    assert_eq!((seq, &*answers), (1, "v v"));
    let messages = feed.of_room(&node);
    assert!(matches!(&*messages, [RoomMessage::Batch(batch)] if batch.position.is_none() && batch.seq == 1));
    assert_eq!(node.newest_change(), before);
}

#[test]
#[ignore = "needs redis-server"]
fn another_incarnation_is_gone() {
    let server = Server::start();
    let node = Node::new(&server);
    let other = Options {
        known: Some("other.g".to_owned()),
        ..Options::default()
    };
    for _ in 0..2 {
        let before = node.dump();
        assert_eq!(node.append_with("a", &[event("m")], M, &other), AppendReply::Gone);
        assert_eq!(node.dump(), before);
        node.one("a");
    }
}

#[test]
#[ignore = "needs redis-server"]
fn large_numbers_are_exact() {
    let server = Server::start();
    let node = Node::new(&server);
    for start in [
        (1 << 31) - 1,
        (1 << 32) - 1,
        10_u64.pow(14) - 1,
        10_u64.pow(15),
        (1 << 53) - 2_000,
    ] {
        let _: String = node.redis(&[b"FLUSHALL"]);
        let (epoch, ..) = stored(node.one("a"));
        let _: u64 = node.redis(&[b"HSET", &node.keys.meta("a"), b"seq", start.to_string().as_bytes()]);
        let known = Options {
            known: Some(epoch.clone()),
            ..Options::default()
        };
        let (_, seq, answers) = stored(node.append_with("a", &[event("m"), event("m")], M, &known));
        assert_eq!((seq, answers), (start + 2, format!("s{} s{}", start + 1, start + 2)));
        assert_eq!(
            numbers(&node.read("a", &[("m", 10)])[0].entries),
            [start + 2, start + 1, 1]
        );
        assert!(node.reaches("a", &[("m", 10)], start));
        assert_eq!(node.position("a"), (epoch, start + 2));
        assert_eq!(
            numbers(&node.read_with("a", &[("m", 1)], &through(start + 1))[0].entries),
            [start + 1]
        );
    }
}

#[test]
#[ignore = "needs redis-server"]
fn refuses_to_count_beyond_2_53_and_from_fractions() {
    let server = Server::start();
    let node = Node::new(&server);
    node.one("a");
    for seq in [&b"9007199254740989"[..], b"1.5"] {
        let _: u64 = node.redis(&[b"HSET", &node.keys.meta("a"), b"seq", seq]);
        let error = node
            .try_append("a", &vec![event("m"); 5], M, &Options::default())
            .unwrap_err();
        assert_eq!(error.code(), Some("FOREIGN"));
    }
}

#[test]
#[ignore = "needs redis-server"]
fn texts_may_have_any_bytes() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    let (keys, mut args) = node.append_arguments("a", &[event("m"), event("v")], M, &Options::default());
    let junk: Vec<u8> = (0..=255).cycle().take(768).collect();
    for arg in &mut args {
        if arg.starts_with(b"3\n") {
            *arg = [b"3\n\0\n ", &junk[..]].concat().into();
        } else if arg.starts_with(b"{\"volatile") {
            *arg = junk.clone().into();
        }
    }
    node.run(&crate::cluster::redis::script::APPEND, (keys, args)).unwrap();
    let Some(RoomMessage::Batch(batch)) = feed.of_room(&node).pop() else {
        panic!("a batch")
    };
    assert_eq!(batch.events[1].body, junk);
    let entry = Entry::parse(batch.events[0].body.clone()).unwrap();
    assert_eq!(
        (entry.sender(), entry.frame()),
        ("\0\n ", Bytes::from([&junk[..], b"1}"].concat()))
    );
    assert_eq!(node.read("a", &[("m", 5)])[0].entries, [batch.events[0].body.clone()]);
}

#[test]
#[ignore = "needs redis-server"]
fn names_of_rooms_and_types_never_collide() {
    let server = Server::start();
    let node = Node::new(&server);
    for room in ["a:b", &"x".repeat(128), "a%b=@,;", "a.b-c_"] {
        node.append(room, &vec![event("c:d"); 3], &[("c:d", 10)]);
        assert_eq!(node.read(room, &[("c:d", 10)])[0].entries.len(), 3);
    }
    node.append("q", &[event("w:x")], &[("w:x", 5)]);
    node.append("q:w", &[event("x")], &[("x", 5)]);
    assert_eq!(node.read("q", &[("w:x", 5)])[0].entries.len(), 1);
    assert_eq!(node.read("q:w", &[("x", 5)])[0].entries.len(), 1);
}

#[test]
#[ignore = "needs redis-server"]
fn trims_exactly() {
    let server = Server::start();
    let node = Node::new(&server);
    let limits = &[("m", 7), ("o", 5)];
    node.append("a", &[event("o")], limits);
    for n in 0..30 {
        node.append(
            "a",
            &[event("m").data(n), event(if n == 5 { "o" } else { "m" }).data(n)],
            limits,
        );
    }
    let types = node.read("a", &[("m", 100), ("o", 100)]);
    assert_eq!(
        (types[0].entries.len(), types[0].mark, types[0].has_older),
        (7, 54, false)
    );
    assert_eq!((types[1].entries.len(), types[1].last, types[1].mark), (2, 13, 0));
    assert!(node.reaches("a", &[("m", 100), ("o", 100)], 54));
    assert!(!node.reaches("a", &[("m", 100), ("o", 100)], 53));
    assert!(node.reaches("a", &[("m", 0), ("o", 100)], 0));
}

#[test]
#[ignore = "needs redis-server"]
fn the_mark_of_a_type_is_its_own_number() {
    let server = Server::start();
    let node = Node::new(&server);
    node.append("a", &[event("m")], &[("m", 1)]);
    node.append("a", &vec![event("o"); 10], &[("o", 50)]);
    node.append("a", &[event("m")], &[("m", 1)]);
    assert!(node.reaches("a", &[("m", 9), ("o", 50)], 1));
    assert!(!node.reaches("a", &[("m", 9), ("o", 50)], 0));
}

#[test]
#[ignore = "needs redis-server"]
fn a_batch_may_be_larger_than_the_limit() {
    let server = Server::start();
    let node = Node::new(&server);
    let events = vec![event("m"); 20];
    for limit in [3, 0] {
        node.append("a", &events, &[("m", limit)]);
        let kept: u64 = node.redis(&[b"LLEN", &node.keys.events("a", &"m".into())]);
        assert_eq!(kept, limit);
    }
    let kind = &node.read("a", &[("m", 9)])[0];
    assert_eq!(
        (kind.last, kind.mark, kind.has_older, kind.entries.len()),
        (40, 40, false, 0)
    );
    assert!(node.reaches("a", &[("m", 9)], 40));
    node.append("a", &[event("m")], &[("m", 3)]);
    assert_eq!(node.read("a", &[("m", 9)])[0].mark, 40);
    let lifetime: u64 = node.redis(&[b"TTL", &node.keys.events("a", &"m".into())]);
    assert!(lifetime > 6 * 86_400);
}

#[test]
#[ignore = "needs redis-server"]
fn forgets_nodes_that_have_not_renewed() {
    let server = Server::start();
    let (node, other) = (Node::new(&server), Node::on(server.connect(), "node2"));
    node.one("a");
    let meta = node.keys.meta("a");
    let has = |field: &[u8]| node.redis::<bool>(&[b"HEXISTS", &meta, field]);
    let _: u64 = node.redis(&[b"HSET", &meta, b"n:node1", b"1"]);
    other.one("a");
    assert!(!has(b"a:node1") && !has(b"n:node1") && has(b"a:node2"));
    node.one("a");
    other.append_with(
        "a",
        &[event("m")],
        M,
        &Options {
            words: "renew",
            ..Options::default()
        },
    );
    assert!(has(b"a:node1") && has(b"a:node2"));
}

#[test]
#[ignore = "needs redis-server"]
fn every_key_expires_except_the_rooms() {
    let server = Server::start();
    let node = Node::new(&server);
    let archive = Options {
        words: "archive",
        ..Options::default()
    };
    node.append("a", &[event("m").key("k")], &[("m", 1)]);
    node.append_with("a", &[event("m"), event("o")], &[("m", 1), ("o", 2)], &archive);
    node.take(9);
    node.create("z", "o1", &[]);
    node.position("y");
    for key in node.dump().keys() {
        let lifetime: i64 = node.redis(&[b"TTL", key]);
        assert_eq!(
            lifetime < 0,
            *key == node.keys.rooms(node.partition),
            "{}",
            String::from_utf8_lossy(key)
        );
    }
}
