//! The key of a room for reads that count in one epoch.

use std::sync::Arc;

use super::keep::room_key;
use crate::log::durable::RoomKey;
use crate::room::RoomCell;
use crate::runtime::core::Core;

/// This incarnation of a room in an epoch that it has or had, for reads that must not mix two epochs.
pub(in crate::runtime) fn room_key_in(core: &Core, room: &RoomCell, epoch: &Arc<str>) -> RoomKey {
    match &core.cluster {
        // The log of one process has renewed no epoch since it was opened.
        None => room_key(room),
        Some(_) => RoomKey {
            id: room.id.clone(),
            epoch: Arc::clone(epoch),
        },
    }
}
