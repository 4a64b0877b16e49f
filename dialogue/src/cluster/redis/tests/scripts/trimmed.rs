//! `trimmed_take.lua` and `trimmed_done.lua`, and what `append.lua` gives them.

use crate::cluster::redis::reply::TrimmedReply;
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

fn archive() -> Options {
    Options {
        words: "archive",
        ..Options::default()
    }
}

/// Fills the trimmed events up to 10,000.
fn fill(node: &Node) {
    let trim = node.keys.trim(node.partition);
    let mut pipe = redis::pipe();
    for _ in node.redis::<u64>(&[b"XLEN", &trim])..10_000 {
        pipe.cmd("XADD")
            .arg(&*trim)
            .arg(&["*", "r", "a", "e", "e", "t", "m", "b", "1 0 1\nax"])
            .ignore();
    }
    let _: () = pipe.query(&mut *node.connection.borrow_mut()).unwrap();
}

#[test]
#[ignore = "needs redis-server"]
fn trimmed_events_wait_until_they_are_done() {
    let server = Server::start();
    let (node, other) = (Node::new(&server), Node::on(server.connect(), "node2"));
    for n in 0..5 {
        node.append_with("a", &vec![event("m").data(n); 2], &[("m", 3)], &archive());
    }
    let of = |events: &[_]| -> Vec<u64> {
        numbers(
            &events
                .iter()
                .map(|event: &crate::cluster::redis::reply::TrimmedEntry| event.entry.clone())
                .collect::<Vec<_>>(),
        )
    };
    let taken = node.take(4);
    assert_eq!(of(&taken), [1, 2, 3, 4]);
    assert_eq!(
        (&*taken[0].room, &*taken[0].epoch, &*taken[0].event),
        ("a", &*node.position("a").0, "m")
    );
    assert!(matches!(
        other.try_take(10_000, 9, 999).unwrap(),
        TrimmedReply::Busy(9_000..=10_000)
    ));
    assert!(
        matches!(node.try_take(10_000, 9, 1).unwrap(), TrimmedReply::Taken { dropped: 0, events } if events.len() == 1)
    );
    let ids: Vec<_> = taken.into_iter().map(|event| event.id).collect();
    assert_eq!((node.done(&ids), node.done(&ids)), (4, 0));
    assert_eq!(of(&node.take(100)), [5, 6, 7]);
    // The lease has ended.
    node.try_take(0, 9, 999).unwrap();
    assert!(matches!(
        other.try_take(10_000, 9, 999).unwrap(),
        TrimmedReply::Taken { .. }
    ));
    assert!(matches!(node.try_take(10_000, 9, 999).unwrap(), TrimmedReply::Busy(_)));
}

#[test]
#[ignore = "needs redis-server"]
fn a_much_lower_limit_is_reached_step_by_step() {
    let server = Server::start();
    let node = Node::new(&server);
    let append = |events: usize, limit| node.append_with("a", &vec![event("m"); events], &[("m", limit)], &archive());
    for _ in 0..41 {
        append(60, 5_000);
    }
    let kept = || node.redis::<u64>(&[b"LLEN", &node.keys.events("a", &"m".into())]);
    for left in [1_461, 462, 10] {
        append(1, 10);
        assert_eq!(kept(), left);
    }
    assert_eq!(node.redis::<u64>(&[b"XLEN", &node.keys.trim(node.partition)]), 2_453);
}

#[test]
#[ignore = "needs redis-server"]
fn dropped_events_are_counted() {
    let server = Server::start();
    let node = Node::new(&server);
    node.append_with("a", &vec![event("m"); 3], &[("m", 3)], &archive());
    fill(&node);
    for _ in 0..2 {
        node.append_with("a", &vec![event("m"); 2], &[("m", 3)], &archive());
        assert!(matches!(node.try_take(1, 1, 999).unwrap(), TrimmedReply::Taken { dropped, .. } if dropped == 2));
    }
    assert!(matches!(
        node.try_take(1, 1, 999).unwrap(),
        TrimmedReply::Taken { dropped: 0, .. }
    ));
}
