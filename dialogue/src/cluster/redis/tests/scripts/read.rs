//! `read.lua`.

use bytes::Bytes;

use crate::cluster::redis::entry::Entry;
use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::reply::{EraseAnswer, EraseReply, ReadReply, RoomPosition};
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

/// A room with so many events of type `m`. Returns their list.
fn filled(node: &Node, events: usize) -> Bytes {
    let all: Vec<_> = (0..events).map(|n| event("m").data(n)).collect();
    for part in all.chunks(100) {
        node.append("a", part, M);
    }
    node.keys.events("a", &"m".into())
}

const ALL: &[(&str, u64)] = &[("m", 100)];

#[test]
#[ignore = "needs redis-server"]
fn a_lost_list_is_told() {
    let server = Server::start();
    let node = Node::new(&server);
    let list = filled(&node, 20);
    let _: u64 = node.redis(&[b"DEL", &list]);
    for entries in 0..2 {
        let kind = &node.read("a", ALL)[0];
        assert_eq!((kind.mark, kind.has_older, kind.entries.len()), (20, false, entries));
        assert!(!node.reaches("a", ALL, 19));
        assert!(node.reaches("a", ALL, 20));
        node.one("a");
    }
}

#[test]
#[ignore = "needs redis-server"]
fn a_hole_is_told() {
    let server = Server::start();
    let node = Node::new(&server);
    let list = filled(&node, 20);
    let tenth: Vec<u8> = node.redis(&[b"LINDEX", &list, b"9"]);
    let _: u64 = node.redis(&[b"LREM", &list, b"1", &tenth]);
    let kind = &node.read("a", ALL)[0];
    assert_eq!((kind.mark, kind.has_older, kind.entries.len()), (10, false, 10));
    assert!(node.reaches("a", ALL, 10));
    assert!(!node.reaches("a", ALL, 9));
    for (number, entries) in [(10, 0), (9, 0), (8, 8)] {
        let kind = &node.read_with("a", ALL, &through(number))[0];
        assert_eq!(kind.entries.len(), entries, "{number}");
        assert_eq!(kind.mark, if entries == 0 { 10 } else { 0 }, "{number}");
    }
    let _: Vec<u8> = node.redis(&[b"RPOP", &list]);
    assert!(node.reaches("a", ALL, 20));
    assert!(!node.reaches("a", ALL, 19));
}

#[test]
#[ignore = "needs redis-server"]
fn events_from_before_the_metadata_was_lost_never_take_the_place_of_later_ones() {
    let server = Server::start();
    let node = Node::new(&server);
    let list = filled(&node, 20);
    let _: u64 = node.redis(&[b"DEL", &node.keys.meta("a")]);
    filled(&node, 5);
    let third: Vec<u8> = node.redis(&[b"LINDEX", &list, b"-3"]);
    let _: u64 = node.redis(&[b"LREM", &list, b"-1", &third]);
    let kind = &node.read_with("a", ALL, &through(3))[0];
    assert_eq!((kind.mark, kind.has_older, kind.entries.len()), (3, false, 0));
}

#[test]
#[ignore = "needs redis-server"]
fn a_damaged_entry_is_an_error() {
    let server = Server::start();
    let node = Node::new(&server);
    let list = filled(&node, 20);
    let _: String = node.redis(&[b"LSET", &list, b"19", b"rubbish"]);
    let error = node.try_read("a", ALL, &ReadOptions::default()).unwrap_err();
    assert_eq!(error.code(), Some("FOREIGN"));
}

#[test]
#[ignore = "needs redis-server"]
fn reads_within_bounds() {
    let server = Server::start();
    let node = Node::new(&server);
    let list = filled(&node, 100);
    node.append("a", &vec![event("o"); 5], &[("o", 9)]);
    let types: &[(&str, u64)] = &[("m", 100), ("o", 9)];
    let read = node.read_with(
        "a",
        types,
        &ReadOptions {
            events: 10,
            ..ReadOptions::default()
        },
    );
    assert_eq!(
        (
            read[0].entries.len(),
            read[1].entries.len(),
            read[0].mark,
            read[0].has_older
        ),
        (5, 5, 95, true)
    );
    let one: Vec<u8> = node.redis(&[b"LINDEX", &list, b"-1"]);
    for (bytes, entries) in [(3 * one.len() as u64 + 2, 3), (1, 1)] {
        let options = ReadOptions {
            bytes,
            all: false,
            ..ReadOptions::default()
        };
        assert_eq!(node.read_with("a", ALL, &options)[0].entries.len(), entries);
    }
    let read = node.read("a", &[("m", 3), ("o", 0)]);
    assert_eq!(
        (read[0].entries.len(), read[1].mark, read[1].entries.len()),
        (3, 105, 0)
    );
    let options = ReadOptions { events: 50, ..after(3) };
    assert!(matches!(
        node.try_read("a", types, &options).unwrap(),
        ReadReply::Lost { seq: 105, .. }
    ));
}

#[test]
#[ignore = "needs redis-server"]
fn reads_through_any_number() {
    let server = Server::start();
    let node = Node::new(&server);
    let limits: &[(&str, u64)] = &[("m", 200), ("o", 200)];
    for _ in 0..50 {
        node.append("a", &[event("m"), event("o")], limits);
    }
    for number in [0, 1, 31, 32, 33, 64, 99, 100, 101, 150, 1 << 53] {
        let read = node.read_with("a", &[("m", 5), ("o", 200)], &through(number));
        let odd: Vec<u64> = (1..=50).map(|n| 2 * n - 1).filter(|n| *n <= number).rev().collect();
        let even: Vec<u64> = (1..=50).map(|n| 2 * n).filter(|n| *n <= number).rev().collect();
        assert_eq!(numbers(&read[0].entries), odd[..odd.len().min(5)], "{number}");
        assert_eq!(
            (read[0].mark, read[0].has_older),
            odd.get(5).map_or((0, false), |mark| (*mark, true)),
            "{number}"
        );
        assert_eq!(numbers(&read[1].entries), even, "{number}");
        let options = ReadOptions {
            after: Some(number.saturating_sub(3)),
            ..through(number)
        };
        node.read_with("a", limits, &options);
    }
}

#[test]
#[ignore = "needs redis-server"]
fn tells_the_types_that_are_missing() {
    let server = Server::start();
    let node = Node::new(&server);
    node.append("a", &[event("m"), event("o")], &[("m", 3), ("o", 3)]);
    let read = |types: &[(&str, u64)], all| {
        node.try_read(
            "a",
            types,
            &ReadOptions {
                all,
                ..ReadOptions::default()
            },
        )
        .unwrap()
    };
    assert_eq!(read(&[("m", 3)], true), ReadReply::Types(vec!["o".into()]));
    assert!(matches!(read(&[("m", 3)], false), ReadReply::Read { .. }));
    let kind = node.read("a", &[("m", 3), ("o", 1), ("z", 1)]).remove(2);
    assert_eq!(
        (kind.last, kind.mark, kind.has_older, kind.entries.len()),
        (0, 0, false, 0)
    );
}

#[test]
#[ignore = "needs redis-server"]
fn reading_extends_lifetimes_only_when_asked() {
    let server = Server::start();
    let node = Node::new(&server);
    let (list, meta) = (filled(&node, 20), node.keys.meta("a"));
    let lifetime = |key: &[u8]| node.redis::<u64>(&[b"TTL", key]);
    for key in [&list, &meta] {
        let _: u64 = node.redis(&[b"EXPIRE", key, b"10"]);
    }
    node.read("a", &[("m", 3)]);
    assert!(lifetime(&list) <= 10);
    node.read_with(
        "a",
        &[("m", 3)],
        &ReadOptions {
            renew: true,
            ..ReadOptions::default()
        },
    );
    assert!(lifetime(&list) > 600_000 && lifetime(&meta) > 2_500_000);
    let _: u64 = node.redis(&[b"EXPIRE", &meta, b"10"]);
    node.try_positions(&[("a", "first", "", 0)], true).unwrap();
    assert!(lifetime(&meta) > 2_500_000);
}

#[test]
#[ignore = "needs redis-server"]
fn erased_events_keep_their_number_and_sender() {
    use EraseAnswer::{Already, Erased, Missing};
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    filled(&node, 20);
    feed.take(&node);
    let reply = node.erase("a", &["m"], &[(1, 5, r#"{"e":5}"#), (1, 20, "{}"), (1, 21, "{}")]);
    assert_eq!(reply, EraseReply::Erased(vec![Erased, Erased, Missing]));
    let messages = feed.of_room(&node);
    let [
        RoomMessage::Erased {
            epoch,
            position,
            count: 2,
            numbers,
        },
    ] = &*messages
    else {
        panic!("{messages:?}")
    };
    assert!(epoch.starts_with("first.") && *position == node.newest_change() && *numbers == [5, 20]);
    let read = node.read_with("a", ALL, &after(0)).remove(0);
    for (index, seq, text) in [(0, 20, "{}"), (15, 5, r#"{"e":5}"#)] {
        let entry = Entry::parse(read.entries[index].clone()).unwrap();
        assert_eq!(
            (entry.seq, entry.before, entry.sender(), entry.frame()),
            (seq, seq - 1, "ada", text.into())
        );
    }
    assert_eq!(
        node.erase("a", &["m"], &[(1, 5, r#"{"e":5}"#)]),
        EraseReply::Erased(vec![Already])
    );
    assert!(feed.take(&node).is_empty());
    let RoomPosition::Room { erasures, .. } = node.positions(&[("a", "first", "", 0)]).remove(0) else {
        panic!("a room")
    };
    assert_eq!((erasures.count, erasures.latest), (2, vec![5, 20]));
    assert_eq!(
        node.try_erase("a", "other.", &["m"], &[(1, 5, "")]).unwrap(),
        EraseReply::Gone
    );
    assert_eq!(node.erase("zz", &["m"], &[(1, 5, "")]), EraseReply::Gone);
}
