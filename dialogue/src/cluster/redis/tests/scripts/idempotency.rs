//! Idempotency keys: `append.lua` and `outcome.lua`.

use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::reply::OutcomeReply;
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

#[test]
#[ignore = "needs redis-server"]
fn a_key_finds_its_event() {
    let server = Server::start();
    let node = Node::new(&server);
    let events = [
        event("m").key("k"),
        event("m").key("k"),
        event("m").key("q"),
        event("m").from("bob").key("k"),
    ];
    assert_eq!(stored(node.append("a", &events, M)).2, "s1 r1 s2 s3");
    let marked = |key, mark| event("m").marked(key, mark);
    let events = [
        event("m").key("k"),
        marked("k", 'm'),
        marked("new", 'm'),
        marked("z", 'x'),
        marked("k", 'x'),
    ];
    assert_eq!(stored(node.append("a", &events, M)).2, "r1 r1 s4 f r1");
    assert_eq!(node.outcome("a", "q", 'u'), OutcomeReply::Stored(2));
    assert_eq!(node.outcome("a", "no", 'u'), OutcomeReply::None);
    assert_eq!(node.outcome("a", "no", 'x'), OutcomeReply::Forgotten);
    let hashes: Vec<Vec<u8>> = node.redis(&[b"KEYS", b"*:k:*"]);
    let lifetime: u64 = node.redis(&[b"PTTL", &hashes[0]]);
    assert!(
        hashes.len() == 1 && (590_000..=890_000).contains(&(lifetime + 1_000)),
        "{lifetime}"
    );
}

#[test]
#[ignore = "needs redis-server"]
fn a_batch_without_anything_new_is_not_published() {
    let server = Server::start();
    let (node, mut subscriber) = (Node::new(&server), server.connect());
    let mut feed = Feed::on(&mut subscriber);
    node.append("a", &[event("m").key("k")], M);
    assert!(matches!(
        &*feed.of_room(&node),
        [RoomMessage::Epoch { .. }, RoomMessage::Batch(_)]
    ));
    let before = node.newest_change();
    node.append("a", &[event("m").key("k"), event("m").marked("z", 'x')], M);
    assert!(feed.take(&node).is_empty());
    assert_eq!(node.newest_change(), before);
}

#[test]
#[ignore = "needs redis-server"]
fn keys_count_for_two_minutes_without_a_mark() {
    let server = Server::start();
    let node = Node::new(&server);
    let append = |event| stored(node.append("a", &[event], M)).2;
    append(event("m").key("k"));
    node.age_key("a", "k", 115_000);
    assert_eq!(append(event("m").key("k")), "r1");
    node.age_key("a", "k", 5_001);
    assert_eq!(node.outcome("a", "k", 'u'), OutcomeReply::None);
    assert_eq!(node.outcome("a", "k", 'm'), OutcomeReply::Stored(1));
    assert_eq!(append(event("m").marked("k", 'm')), "r1");
    assert_eq!(append(event("m").key("k")), "s2");
}

#[test]
#[ignore = "needs redis-server"]
fn keys_of_another_incarnation_never_count() {
    let server = Server::start();
    let node = Node::new(&server);
    node.append("a", &[event("m").key("k")], M);
    node.delete("a", "first", "o2", &["m"]);
    assert_eq!(
        node.try_outcome("a", "o2.", "ada", "k", 'm').unwrap(),
        OutcomeReply::None
    );
    let known = Options {
        known: Some("o2.".to_owned()),
        ..Options::default()
    };
    assert_eq!(stored(node.append_with("a", &[event("m").key("k")], M, &known)).2, "s1");
}

#[test]
#[ignore = "needs redis-server"]
fn a_foreign_value_of_a_key_is_replaced() {
    let server = Server::start();
    let node = Node::new(&server);
    node.append("a", &[event("m").key("q")], M);
    node.change_key("a", "ada", "q", |_| "x 1 y".to_owned());
    assert_eq!(stored(node.append("a", &[event("m").key("q")], M)).2, "s2");
}

#[test]
#[ignore = "needs redis-server"]
fn keys_move_through_the_hashes() {
    let server = Server::start();
    let node = Node::new(&server);
    node.append("a", &[event("m").key("k")], M);
    let hashes = node.keys.idempotency("a");
    let is_there = |hash: &[u8]| node.redis::<bool>(&[b"EXISTS", hash]);
    let now = hashes.iter().position(|hash| is_there(hash)).unwrap();
    // As if it had been stored one and two turns ago.
    for age in [1, 2] {
        let _: String = node.redis(&[b"RENAME", &hashes[(now + 4 - age) % 3], &hashes[(now + 3 - age) % 3]]);
        node.age_key("a", "k", 300_000);
        assert_eq!(node.outcome("a", "k", 'm'), OutcomeReply::Stored(1));
        assert_eq!(node.outcome("a", "k", 'u'), OutcomeReply::None);
    }
    assert_eq!(stored(node.append("a", &[event("m").key("k")], M)).2, "s2");
    assert_eq!(
        node.outcome("a", "k", 'm'),
        OutcomeReply::Stored(2),
        "the newest one counts"
    );
    node.create("a", "o1", &["m"]);
    assert!(!hashes.iter().any(|hash| is_there(hash)));
}
