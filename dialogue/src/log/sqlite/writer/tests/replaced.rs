//! A file that is moved away or replaced while the server runs.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::desk::{Desk, wait};
use crate::log::durable::{Appended, DurableLog, StoreFailure};

fn wait_until_failing(desk: &Desk, failing: bool) {
    let started = Instant::now();
    while desk.log().health().failing.is_some() != failing {
        assert!(started.elapsed() < Duration::from_secs(30), "failing is not {failing}");
        std::thread::yield_now();
    }
}

fn beside(desk: &Desk, suffix: &str) -> PathBuf {
    desk.folder().join(format!("desk.db{suffix}"))
}

#[cfg(unix)]
#[test]
fn nothing_is_accepted_for_a_file_that_is_no_longer_at_its_path() {
    for suffix in ["", "-wal", "-shm"] {
        let desk = Desk::new();
        let room = desk.room("chat");
        assert_eq!(desk.stored(&room, "a"), 1);
        let (path, aside) = (beside(&desk, suffix), beside(&desk, ".aside"));
        fs::rename(&path, &aside).unwrap();
        if suffix.is_empty() {
            // A restored backup, under a running server.
            fs::copy(&aside, &path).unwrap();
        }
        wait_until_failing(&desk, true);
        let outcome = desk.append(&room, "line", "b", None).recv().unwrap();
        assert!(
            matches!(&outcome, Appended::Refused(StoreFailure::Failed { reason }) if reason.contains("desk.db")),
            "{outcome:?}"
        );
        let read = wait(desk.log().room(&"chat".into()));
        assert!(matches!(read, Err(StoreFailure::Failed { .. })), "{read:?}");
        fs::rename(&aside, &path).unwrap();
        wait_until_failing(&desk, false);
        assert_eq!(desk.stored(&room, "c"), 2);
        wait(desk.log().room(&"chat".into())).unwrap();
    }
}
