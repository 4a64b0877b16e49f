//! A replica, and its promotion.

use std::thread::sleep;
use std::time::Duration;

use crate::cluster::redis::message::RoomMessage;
use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

#[test]
#[ignore = "needs redis-server"]
fn a_replica_reads_and_continues_after_its_promotion() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let primary = Server::with(&["--port", &port, "--repl-diskless-sync-delay", "0"]);
    let node = Node::new(&primary);
    let (epoch, ..) = stored(node.append("a", &vec![event("m"); 5], M));
    let replica = Server::with(&["--replicaof", &format!("127.0.0.1 {port}")]);
    let other = Node::on(replica.connect(), "node2");
    let is_synced = || {
        let info: String = other.redis(&[b"INFO", b"replication"]);
        info.contains("master_link_status:up") && other.redis::<u64>(&[b"DBSIZE"]) == node.redis::<u64>(&[b"DBSIZE"])
    };
    while !is_synced() {
        sleep(Duration::from_millis(20));
    }
    assert_eq!(numbers(&other.read("a", &[("m", 9)])[0].entries).len(), 5);
    let before = other.dump();
    let error = other
        .try_append("a", &[event("m")], M, &Options::default())
        .unwrap_err();
    assert_eq!(error.code(), Some("READONLY"), "{error}");
    assert_eq!(other.dump(), before);

    // What a script does arrives as a whole, with its message.
    let mut subscriber = replica.connect();
    let mut subscriber = subscriber.as_pubsub();
    subscriber.psubscribe("*").unwrap();
    node.append("a", &vec![event("m"); 3], M);
    let payload: Vec<u8> = subscriber.get_message().unwrap().get_payload().unwrap();
    assert!(matches!(RoomMessage::parse(&payload.into()).unwrap(), RoomMessage::Batch(batch) if batch.seq == 8));
    assert_eq!(other.read("a", &[("m", 9)])[0].last, 8);
    drop(primary);
    let _: String = other.redis(&[b"REPLICAOF", b"NO", b"ONE"]);
    other.server.set("run2");
    let known = Options {
        known: Some(epoch.clone()),
        seen: 8,
        ..Options::default()
    };
    let (second, seq, _) = stored(other.append_with("a", &[event("m")], M, &known));
    assert!(second != epoch && seq == 9);
}
