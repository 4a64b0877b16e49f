//! Compares a room with the authority over its log, if several nodes share that: it may have been deleted, its epoch may have
//! changed, and events may be missing here.

use std::sync::Arc;

use super::catch_up::catch_up;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;
use crate::runtime::membership::delete_at_once::delete_at_once;
use crate::runtime::membership::renewal::renew;
use crate::store_failure::StoreFailure;

/// Asks for the position of a room, and catches up with it. Only the room's worker calls this.
pub(super) async fn catch_up_with_position(core: &Arc<Core>, room: &Arc<RoomCell>) -> Result<(), StoreFailure> {
    let Some(cluster) = &core.cluster else {
        return Ok(());
    };
    let position = read_within_deadline(core, cluster.position(room.id.clone())).await?;
    if position.incarnation != room.incarnation {
        delete_at_once(core, room, None);
        return Ok(());
    }
    renew(core, room, &position.epoch, None).await?;
    catch_up(core, room, position.seq).await
}
