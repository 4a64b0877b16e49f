//! Whose role it is where a mark stands between the events of a room: handlers run on tasks of their own, and meet there.
//!
//! Who handles a mark does so when all others have handled what was before it, and they go on when that is done. A handler
//! that has ended, or whose mark was dropped, is not waited for.

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::buffer::Weighed;

/// Something to handle, and when.
#[derive(Debug)]
pub(super) struct Queued<T> {
    pub(super) item: T,
    pub(super) role: BarrierRole,
}

/// When a handler takes what comes next.
#[derive(Debug)]
pub(super) enum BarrierRole {
    /// At once.
    None,
    /// When the others have arrived; what is held tells them that it is not done.
    Run {
        arrived: TaskTracker,
        running: TaskTrackerToken,
    },
    /// Not itself: it tells that it has arrived, and goes on when the others are done.
    Wait {
        arriving: TaskTrackerToken,
        done: TaskTracker,
    },
}

/// Where the handlers of a room meet: one for each mark.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    arrived: TaskTracker,
    done: TaskTracker,
}

impl Barrier {
    /// The role of one more handler.
    pub(super) fn role(&self, runs: bool) -> BarrierRole {
        if runs {
            BarrierRole::Run {
                arrived: self.arrived.clone(),
                running: self.done.token(),
            }
        } else {
            BarrierRole::Wait {
                arriving: self.arrived.token(),
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

impl<T> Queued<T> {
    /// What has no place to keep.
    pub(super) fn immediate(item: T) -> Self {
        Self {
            item,
            role: BarrierRole::None,
        }
    }
}

impl<T: Weighed> Weighed for Queued<T> {
    fn weight(&self) -> usize {
        self.item.weight()
    }

    fn is_barrier(&self) -> bool {
        self.item.is_barrier()
    }
}
