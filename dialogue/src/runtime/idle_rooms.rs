//! The end of on-demand rooms that nobody has been in for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::core::Core;
use crate::room::{Origin, RoomCell};
use crate::serial::SerialQueue;

/// On-demand rooms that have become empty, in that order.
#[derive(Default)]
pub(crate) struct IdleRooms {
    empty: Mutex<VecDeque<Empty>>,
    worker: SerialQueue,
}

struct Empty {
    room: Weak<RoomCell>,
    since: Instant,
    /// How often somebody had come in by then: if that has changed, the room was in use meanwhile.
    joins: u64,
}

impl IdleRooms {
    /// Notes that a room is empty. Never waits.
    pub(crate) fn note(&self, core: &Arc<Core>, room: &Arc<RoomCell>, joins: u64) {
        if room.origin != Origin::OnDemand || core.is_stopping() {
            return;
        }
        self.empty.lock().push_back(Empty {
            room: Arc::downgrade(room),
            since: Instant::now(),
            joins,
        });
        let worker = Arc::clone(core);
        self.worker.push(
            1,
            &core.tasks,
            Box::pin(async move { worker.idle_rooms.work(&worker).await }),
        );
    }

    /// Removes what has been empty for long enough, until nothing waits. The idle time is the same for all, so that they
    /// become due in the order in which they were noted.
    async fn work(&self, core: &Arc<Core>) {
        loop {
            let Some(due) = self
                .empty
                .lock()
                .front()
                .map(|empty| empty.since + core.limits.on_demand_idle)
            else {
                return;
            };
            tokio::select! {
                () = core.stopping.cancelled() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            let Some(empty) = self.empty.lock().pop_front() else {
                return;
            };
            if let Some(room) = empty.room.upgrade() {
                core.retire(&room, empty.joins);
            }
        }
    }
}
