//! Waits until this node has applied everything that the log has, if several nodes share that.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::apply_queue::start;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::deadline::within_deadline;
use crate::store_failure::StoreFailure;

/// Waits until a room has reached the end that its log has now. Questions at the same time have one answer.
///
/// Safe to drop: the worker goes on.
pub(in crate::runtime) async fn reach_end_of_log(core: &Arc<Core>, room: &Arc<RoomCell>) -> Result<(), StoreFailure> {
    let (reached, waits) = oneshot::channel();
    room.applying().request_check_for(reached);
    start(core, room);
    within_deadline(core, async {
        // An error says that the room or the server has ended.
        let _ended = waits.await;
        Ok(())
    })
    .await
}
