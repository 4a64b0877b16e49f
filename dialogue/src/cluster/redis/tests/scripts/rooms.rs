//! Rooms that are created and deleted, and the contact.

use crate::cluster::redis::message::{PartitionMessage, RoomMessage};
use crate::cluster::redis::reply::{AppendReply, ContactReply, CreateReply, DeleteReply, ReadReply, RoomRecordText};
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

fn known(epoch: &str) -> Options {
    Options {
        known: Some(epoch.to_owned()),
        ..Options::default()
    }
}

/// The messages of the room's channel and of the partition's.
fn told(feed: &mut Feed<'_>, node: &Node) -> (Vec<RoomMessage>, Vec<PartitionMessage>) {
    let (of_partition, of_room): (Vec<_>, Vec<_>) = feed
        .take(node)
        .into_iter()
        .partition(|(channel, _)| *channel == node.keys.partition_channel(node.partition));
    (
        of_room
            .iter()
            .map(|(_, payload)| RoomMessage::parse(payload).unwrap())
            .collect(),
        of_partition
            .iter()
            .map(|(_, payload)| PartitionMessage::parse(payload).unwrap())
            .collect(),
    )
}

#[test]
#[ignore = "needs redis-server"]
fn creates_and_deletes_exactly_one_incarnation() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    node.one("a");
    feed.take(&node);
    assert_eq!(node.create("a", "o1", &[]), CreateReply::Types(vec!["m".into()]));
    let created = node.try_create("a", "o1", r#"{"x":1}"#, &["m"]).unwrap();
    let CreateReply::Created { epoch } = &created else {
        panic!("{created:?}")
    };
    assert!(epoch.starts_with("o1."));
    let position = node.newest_change();
    let expected = (
        vec![RoomMessage::Deleted {
            own: "first".into(),
            position,
        }],
        vec![PartitionMessage::Created {
            room: "a".into(),
            own: "o1".into(),
            position,
        }],
    );
    assert_eq!(told(&mut feed, &node), expected);
    // A repetition gets the same answer, another creation does not.
    assert_eq!(node.create("a", "o1", &[]), created);
    assert_eq!(node.create("a", "o2", &[]), CreateReply::Exists);
    assert!(feed.take(&node).is_empty());
    let record = RoomRecordText::Created {
        own: "o1".into(),
        text: r#"{"x":1}"#.into(),
    };
    assert_eq!(node.room("a"), ("o1".to_owned(), record));
    assert_eq!(node.room("b"), (String::new(), RoomRecordText::None));
    assert_eq!(node.one("a"), AppendReply::Gone);
    let (present, seq, _) = stored(node.append_with("a", &[event("m")], M, &known("o1.")));
    assert_eq!((&*present, seq), (&**epoch, 1));

    feed.take(&node);
    assert_eq!(node.delete("a", "first", "o9", &["m"]), DeleteReply::Gone);
    assert_eq!(node.delete("a", "o1", "o2", &[]), DeleteReply::Types(vec!["m".into()]));
    assert!(feed.take(&node).is_empty());
    for is_first in [true, false] {
        assert_eq!(
            node.try_delete("a", "o1", "o2", true, &["m"]).unwrap(),
            DeleteReply::Deleted
        );
        let position = node.newest_change();
        let (room, partition) = told(&mut feed, &node);
        assert_eq!(room.is_empty() && partition.is_empty(), !is_first);
        if is_first {
            assert_eq!(
                room,
                [RoomMessage::Deleted {
                    own: "o1".into(),
                    position
                }]
            );
            assert_eq!(
                partition,
                [PartitionMessage::Deleted {
                    room: "a".into(),
                    own: "o1".into(),
                    position
                }]
            );
        }
    }
    assert_eq!(
        node.room("a"),
        ("o2".to_owned(), RoomRecordText::Deleted { own: "o2".into() })
    );
    assert!(matches!(node.create("a", "o3", &[]), CreateReply::Created { .. }));
    assert_eq!(node.delete("a", "o3", "o4", &[]), DeleteReply::Deleted);
    assert_eq!(node.room("a"), ("o4".to_owned(), RoomRecordText::None));
    let options = ReadOptions {
        known: "o4.".to_owned(),
        ..ReadOptions::default()
    };
    assert!(matches!(
        node.try_read("a", &[], &options).unwrap(),
        ReadReply::Read { seq: 0, .. }
    ));
}

#[test]
#[ignore = "needs redis-server"]
fn deletes_a_room_without_metadata() {
    let server = Server::start();
    let node = Node::new(&server);
    assert_eq!(node.delete("a", "first", "o2", &[]), DeleteReply::Deleted);
    assert_eq!(node.one("a"), AppendReply::Gone);
    assert_eq!(node.delete("b", "zzz", "o2", &[]), DeleteReply::Gone);
}

#[test]
#[ignore = "needs redis-server"]
fn a_batch_repeated_after_the_deletion_gets_its_answer() {
    let server = Server::start();
    let node = Node::new(&server);
    let first = node.one("a");
    let again = |counter| {
        node.append_with(
            "a",
            &[event("m")],
            M,
            &Options {
                counter: Some(counter),
                ..Options::default()
            },
        )
    };
    node.delete("a", "first", "o2", &["m"]);
    assert_eq!(again(1), first);
    node.create("a", "o5", &[]);
    assert_eq!(again(1), first);
    assert_eq!(again(2), AppendReply::Gone);
}

#[test]
#[ignore = "needs redis-server"]
fn nodes_agree_on_the_first_contact() {
    let server = Server::start();
    let node = Node::new(&server);
    let contact = |partitions, secret: &str| node.try_contact((1, 1), partitions, &secret.repeat(32));
    for (partitions, secret) in [(256, "ab"), (8, "cd")] {
        let agreed = contact(partitions, secret).unwrap();
        assert!(
            agreed
                == ContactReply::Agreed {
                    partitions: 256,
                    secret: [0xab; 32]
                }
        );
    }
    assert!(node.try_contact((2, 3), 256, "").unwrap() == ContactReply::Format(1));
    for (field, value) in [
        ("secret", "x"),
        ("partitions", "0"),
        ("partitions", "a"),
        ("format", "-1"),
    ] {
        let _: String = node.redis(&[b"FLUSHALL"]);
        contact(256, "ab").unwrap();
        let _: u64 = node.redis(&[b"HSET", b"{dialogue}:meta", field.as_bytes(), value.as_bytes()]);
        assert_eq!(contact(256, "ab").err().unwrap().code(), Some("FOREIGN"), "{field}");
    }
    let _: String = node.redis(&[b"FLUSHALL"]);
    let _: u64 = node.redis(&[b"HSET", b"{dialogue}:meta", b"secret", "ab".repeat(32).as_bytes()]);
    assert_eq!(contact(256, "ab").err().unwrap().code(), Some("FOREIGN"));
}
