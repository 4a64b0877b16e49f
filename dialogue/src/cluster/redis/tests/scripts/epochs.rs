//! Epochs, positions and the change log.

use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::reply::{ChangesReply, ReadReply, RoomPosition};
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

fn known(epoch: &str, seen: u64) -> Options {
    Options {
        known: Some(epoch.to_owned()),
        seen,
        ..Options::default()
    }
}

#[test]
#[ignore = "needs redis-server"]
fn another_server_begins_an_epoch() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    let (first, ..) = stored(node.one("a"));
    feed.take(&node);
    node.server.set("run2");
    let (second, seq, _) = stored(node.append_with("a", &[event("m")], M, &known(&first, 1)));
    assert_ne!(first, second);
    assert!(second.starts_with("first.") && seq == 2);
    let messages = feed.of_room(&node);
    let [RoomMessage::Epoch { epoch, seq: 1, .. }, RoomMessage::Batch(batch)] = &*messages else {
        panic!("{messages:?}")
    };
    assert_eq!((&**epoch, &*batch.epoch), (&*second, &*second));
    // What was seen in an earlier epoch does not matter.
    let (third, seq, _) = stored(node.append_with("a", &[event("m")], M, &known(&first, 9)));
    assert_eq!((third, seq), (second, 3));
    assert_eq!(node.read("a", &[("m", 9)])[0].entries.len(), 3);
}

#[test]
#[ignore = "needs redis-server"]
fn a_number_that_the_room_has_not_reached_begins_an_epoch() {
    for how in ["append", "read", "position"] {
        let server = Server::start();
        let (node, mut subscriber) = (Node::new(&server), server.connect());
        let mut feed = Feed::on(&mut subscriber);
        let (first, ..) = stored(node.one("a"));
        feed.take(&node);
        let before = node.newest_change();
        let second = match how {
            "append" => {
                let (epoch, seq, _) = stored(node.append_with("a", &[event("m")], M, &known(&first, 7)));
                assert_eq!(seq, 8);
                epoch
            }
            "read" => {
                let options = ReadOptions {
                    known: first.clone(),
                    seen: 7,
                    ..ReadOptions::default()
                };
                let ReadReply::Read { epoch, seq: 7, .. } = node.try_read("a", &[("m", 9)], &options).unwrap() else {
                    panic!("read")
                };
                epoch.to_string()
            }
            _ => {
                let rooms = node.positions(&[("b", "first", "", 0), ("a", "first", &first, 7)]);
                let RoomPosition::Room { epoch, seq: 7, .. } = &rooms[1] else {
                    panic!("{rooms:?}")
                };
                epoch.to_string()
            }
        };
        assert_ne!(first, second);
        let is_told =
            |message: &RoomMessage| matches!(message, RoomMessage::Epoch { epoch, seq: 7, .. } if **epoch == *second);
        assert!(feed.of_room(&node).iter().any(is_told), "{how}");
        let ChangesReply::Changes { rooms, .. } = node.try_changes(&before.to_string(), 100).unwrap() else {
            panic!("changes")
        };
        assert!(rooms.iter().any(|(room, _)| room == "a"));
        assert_eq!(
            stored(node.append_with("a", &[event("m")], M, &known(&second, 7))).0,
            second
        );
        let rooms = node.positions(&[("a", "first", &first, 99)]);
        assert!(matches!(&rooms[0], RoomPosition::Room { epoch, .. } if **epoch == *second));
    }
}

#[test]
#[ignore = "needs redis-server"]
fn a_server_that_is_empty_has_another_epoch() {
    let server = Server::start();
    let node = Node::new(&server);
    let (first, ..) = stored(node.one("a"));
    let _: String = node.redis(&[b"FLUSHALL"]);
    let (second, seq, _) = stored(node.append_with("a", &[event("m")], M, &known(&first, 5)));
    assert!(first != second && seq == 1);
}

#[test]
#[ignore = "needs redis-server"]
fn positions_begin_lasting_epochs() {
    let server = Server::start();
    let node = Node::new(&server);
    let rooms = node.positions(&[("a", "first", "", 0), ("b", "other", "other.", 0)]);
    let [
        RoomPosition::Room { epoch: a, seq: 0, .. },
        RoomPosition::Room { epoch: b, .. },
    ] = &*rooms
    else {
        panic!("{rooms:?}")
    };
    assert!(a.starts_with("first.") && b.starts_with("other."));
    assert_eq!(node.position("a"), (a.to_string(), 0));
    let lifetime: u64 = node.redis(&[b"TTL", &node.keys.meta("a")]);
    assert!(lifetime > 29 * 86_400);
    assert_eq!(node.positions(&[("a", "x", "x.g", 0)]), [RoomPosition::Gone]);
}

#[test]
#[ignore = "needs redis-server"]
fn tells_which_rooms_have_changed() {
    let server = Server::start();
    let node = Node::new(&server);
    let changes = |since: &str, most| node.try_changes(since, most).unwrap();
    assert_eq!(node.newest_change().to_string(), "0-0");
    node.one("a");
    let first = node.newest_change();
    assert_eq!(changes("0-0", 1_000), ChangesReply::Old { position: first });
    let since = first.to_string();
    assert_eq!(
        changes(&since, 1_000),
        ChangesReply::Changes {
            position: first,
            rooms: Vec::new()
        }
    );
    for room in ["b", "a", "a"] {
        node.one(room);
    }
    let newest = node.newest_change();
    let ChangesReply::Changes { position, rooms } = changes(&since, 1_000) else {
        panic!("changes")
    };
    assert_eq!(
        (position, rooms.len(), &*rooms[0].0, rooms[0].1, &*rooms[1].0),
        (newest, 2, "a", newest, "b")
    );
    // It says so if there are more than asked for, if it was trimmed, or if it is another log.
    assert!(matches!(changes(&since, 2), ChangesReply::Old { .. }));
    for _ in 0..1_200 {
        node.append("c", &[event("m")], &[("m", 1)]);
    }
    assert!(matches!(changes(&newest.to_string(), 1_000), ChangesReply::Old { .. }));
    let log = node.keys.log(node.partition);
    assert!(node.redis::<u64>(&[b"XLEN", &log]) < 1_200);
    let newest = node.newest_change().to_string();
    let _: u64 = node.redis(&[b"DEL", &log]);
    // A position has the time in ms: only within one of them could another log have the same.
    std::thread::sleep(std::time::Duration::from_millis(2));
    node.one("a");
    assert!(matches!(changes(&newest, 1_000), ChangesReply::Old { .. }));
    let _: u64 = node.redis(&[b"DEL", &log]);
    assert!(matches!(changes(&newest, 1_000), ChangesReply::Old { position } if position.to_string() == "0-0"));
}
