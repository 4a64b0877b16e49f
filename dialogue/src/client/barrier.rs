//! Whose turn it is where a mark stands between the events of a room: handlers run on tasks of their own, and meet there.
//!
//! Who handles a mark does so when all others have handled what was before it, and they go on when that is done. A handler
//! that has ended, or whose mark was dropped, is not waited for.

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::buffer::Weighed;

/// Something to handle, and when.
#[derive(Debug)]
pub(super) struct Placed<T> {
    pub(super) item: T,
    pub(super) turn: Turn,
}

/// When a handler takes what comes next.
#[derive(Debug)]
pub(super) enum Turn {
    /// At once.
    Now,
    /// When the others have arrived; what is held tells them that it is not done.
    Act {
        arrived: TaskTracker,
        undone: TaskTrackerToken,
    },
    /// Not itself: it tells that it has arrived, and goes on when the others are done.
    Wait {
        underway: TaskTrackerToken,
        done: TaskTracker,
    },
}

/// Where the handlers of a room meet: one for each mark.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    arrived: TaskTracker,
    done: TaskTracker,
}

impl Meeting {
    /// The turn of one more handler.
    pub(super) fn turn(&self, acts: bool) -> Turn {
        if acts {
            Turn::Act {
                arrived: self.arrived.clone(),
                undone: self.done.token(),
            }
        } else {
            Turn::Wait {
                underway: self.arrived.token(),
                done: self.done.clone(),
            }
        }
    }

    /// Everyone is told of it.
    pub(super) fn begin(self) {
        self.arrived.close();
        self.done.close();
    }
}

impl<T> Placed<T> {
    /// What has no place to keep.
    pub(super) fn now(item: T) -> Self {
        Self { item, turn: Turn::Now }
    }
}

impl<T: Weighed> Weighed for Placed<T> {
    fn weight(&self) -> usize {
        self.item.weight()
    }

    fn is_mark(&self) -> bool {
        self.item.is_mark()
    }
}
