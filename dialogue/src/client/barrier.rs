//! Barriers between the events of a room. Handlers run on tasks of their own and meet at each barrier, such as a
//! recovery.
//!
//! A handler of the barrier item runs once all other handlers have handled what came before it. The others continue
//! when it has finished. A handler that has ended, or whose barrier item was dropped, holds nobody up.

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::buffer::Weighed;

/// An item to handle, and the handler's role at it.
#[derive(Debug)]
pub(super) struct Queued<T> {
    pub(super) item: T,
    pub(super) role: BarrierRole,
}

/// A handler's part at an item.
#[derive(Debug)]
pub(super) enum BarrierRole {
    /// Handles it at once: it is not a barrier.
    None,
    /// Handles it once the others have arrived. While the token is held, they wait.
    Run {
        arrived: TaskTracker,
        running: TaskTrackerToken,
    },
    /// Skips it: reports its arrival by dropping the token, and continues when the others are done.
    Wait {
        arriving: TaskTrackerToken,
        done: TaskTracker,
    },
}

/// Where the handlers of a room meet: one for each barrier item.
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

    /// Every handler has its role, so the wait can end.
    pub(super) fn begin(self) {
        self.arrived.close();
        self.done.close();
    }
}

impl<T> Queued<T> {
    /// An item that is not a barrier.
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

    fn must_arrive(&self) -> bool {
        self.item.must_arrive()
    }
}
