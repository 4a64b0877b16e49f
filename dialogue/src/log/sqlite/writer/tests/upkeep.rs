//! What the thread does without being asked, when the clock or the disk is wrong.

use std::time::{Duration, Instant};

use super::desk::{Desk, wait};
use crate::log::LogBounds;
use crate::log::durable::DurableLog;

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn expired(desk: &Desk) -> usize {
    wait(desk.log().expired(LogBounds::NONE)).unwrap().events.len()
}

#[test]
fn a_jump_of_the_wall_clock_deletes_nothing_and_dates_nothing_wrongly() {
    let mut desk = Desk::new();
    let room = desk.room("chat");
    for by in [400 * DAY, -800 * DAY, 900 * DAY] {
        assert!(desk.stored(&room, "before") > 0);
        desk.faults.move_clock(by);
        assert_eq!(expired(&desk), 0, "{by}");
        assert!(desk.stored(&room, "after") > 0);
        desk.close().unwrap();
        desk.open();
        assert_eq!(expired(&desk), 0, "after a restart: {by}");
    }
    assert!(desk.stored(&room, "last") > 0);
    assert!(desk.number("SELECT max(at) - min(at) FROM events") < DAY);
    desk.check();
}

#[test]
fn a_log_that_cannot_be_moved_into_the_file_is_reported() {
    let desk = Desk::new();
    let room = desk.room("chat");
    let wait_until_failing = |failing: bool| {
        let started = Instant::now();
        while desk.log().health().failing.is_some() != failing {
            assert!(started.elapsed() < Duration::from_secs(30), "failing is not {failing}");
            // Events are accepted meanwhile: the log has them.
            assert!(desk.stored(&room, &"x".repeat(10_000)) > 0);
        }
    };
    desk.faults.fail_checkpoints(true);
    wait_until_failing(true);
    assert!(desk.stored(&room, "a") > 0);
    assert!(desk.log().health().failing.is_some(), "an event alone is no recovery");
    desk.faults.fail_checkpoints(false);
    wait_until_failing(false);
    desk.check();
}
