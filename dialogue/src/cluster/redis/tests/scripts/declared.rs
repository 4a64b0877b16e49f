//! Which keys the scripts touch.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use crate::cluster::redis::tests::engine::*;
use crate::cluster::redis::tests::server::Server;

/// The words of a line of MONITOR, `+time [db source] "word" …`.
fn words(line: &str) -> Vec<String> {
    let rest = line.split_once("] ").map_or("", |(_, rest)| rest).trim_end();
    rest.trim_matches('"').split("\" \"").map(str::to_owned).collect()
}

#[test]
#[ignore = "needs redis-server"]
fn every_key_that_a_script_touches_is_declared() {
    let server = Server::start();
    let node = Node::new(&server);
    let mut monitor = UnixStream::connect(server.socket()).unwrap();
    monitor.write_all(b"MONITOR\r\n").unwrap();
    let mut lines = BufReader::new(monitor).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "+OK");

    let limits = &[("m", 100), ("o", 2)];
    let archive = Options {
        words: "archive renew",
        ..Options::default()
    };
    node.append_with(
        "a",
        &[event("m").key("k"), event("o"), event("o"), event("o")],
        limits,
        &archive,
    );
    node.create("z", "o1", &[]);
    node.append("a", &[event("m").key("k2"), event("v")], limits);
    node.read_with(
        "a",
        &[("m", 9), ("o", 9)],
        &ReadOptions {
            renew: true,
            ..ReadOptions::default()
        },
    );
    node.try_positions(&[("b", "f", "", 0)], true).unwrap();
    node.erase("a", &["m"], &[(1, 1, "")]);
    let taken = node.take(9);
    node.done(&[taken[0].id.clone()]);
    node.try_delete("a", "first", "o2", true, &["m", "o"]).unwrap();
    node.newest_change();
    node.room("a");
    node.outcome("a", "k", 'u');
    node.try_contact((1, 1), 256, &"ab".repeat(32)).unwrap();
    let _: String = node.redis(&[b"PING"]);

    let (mut declared, mut commands) = (Vec::new(), BTreeSet::new());
    for line in lines {
        let line = line.unwrap();
        let words = words(&line);
        match words[0].as_str() {
            "PING" => break,
            "EVALSHA" => declared = words[3..3 + words[2].parse::<usize>().unwrap()].to_vec(),
            "TIME" | "PUBLISH" | "SCRIPT" => {}
            command if line.contains(" lua] ") => {
                assert!(declared.contains(&words[1]), "{line}: {declared:?}");
                commands.insert(command.to_owned());
            }
            _ => {}
        }
    }
    assert!(commands.len() > 15, "{commands:?}");
}
