//! Reads of the store: a room's window when its log is first used in this process, and what a join needs beyond it.

use super::followed::Followed;
use super::key::room_key_in;
use super::prefetch::{ReadAhead, ReadFirst};
use crate::log::StoreFailure;
use crate::room::{Loaded, Origin, RoomCell, ServedRoomState};
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;

/// Makes sure that a room's log is loaded: its window and its last number. Call this before the room is joined, read, or gets
/// an event with history. Without a store, this returns at once.
///
/// The log of a room that is not present stays as it is: the window belongs to the room that is present under the id.
///
/// Safe to drop: another caller then goes on.
pub(in crate::runtime) async fn ensure_loaded(core: &Core, room: &RoomCell) -> Result<(), StoreFailure> {
    if core.history.durable.is_none() || room.loaded.initialized() {
        return Ok(());
    }
    // In a box, because it happens once for each room.
    match Box::pin(room.loaded.get_or_try_init(|| load(core, room))).await {
        Ok(_) | Err(NotLoaded::Absent) => Ok(()),
        Err(NotLoaded::Store(failure)) => Err(failure),
    }
}

/// Why a room's log is not loaded.
enum NotLoaded {
    /// The room is not present, or not the incarnation that the store has.
    Absent,
    Store(StoreFailure),
}

impl From<StoreFailure> for NotLoaded {
    fn from(failure: StoreFailure) -> Self {
        Self::Store(failure)
    }
}

async fn load(core: &Core, room: &RoomCell) -> Result<Loaded, NotLoaded> {
    if let (Origin::OnDemand, Some(durable)) = (room.origin, &core.history.durable) {
        if !room.is_present(&room.lock()) {
            return Err(NotLoaded::Absent);
        }
        // The room learned its incarnation before it was present. A deletion in between did not find it; a later one does.
        let stored = read_within_deadline(core, durable.room(&room.id)).await?;
        if stored.key.epoch != room.incarnation {
            return Err(NotLoaded::Absent);
        }
    }
    let (begins, loaded): (_, Loaded) = match &core.cluster {
        None => (load_again(core, room, None, |_| true).await?, None),
        Some(cluster) => {
            // From here on, the feed brings what the window lacks.
            let followed = Followed::new(cluster, &room.id);
            let position = read_within_deadline(core, cluster.follow(room.id.clone())).await?;
            if position.incarnation != room.incarnation {
                return Err(NotLoaded::Absent);
            }
            let begin = |state: &mut ServedRoomState| {
                // Nobody is in the room yet.
                let _is_known = state.record.renew(&position.epoch);
                state.record.reach_erasures(position.erasures.count);
                true
            };
            (load_again(core, room, None, begin).await?, Some(Box::new(followed)))
        }
    };
    match begins {
        true => Ok(loaded),
        false => Err(NotLoaded::Absent),
    }
}

/// Begins the window of a room with what the store has, up to the number `through` if there is one. `begins` is asked under
/// the room's lock, and may change the record. Returns whether the window has begun.
pub(in crate::runtime) async fn load_again(
    core: &Core,
    room: &RoomCell,
    through: Option<u64>,
    begins: impl Fn(&mut ServedRoomState) -> bool,
) -> Result<bool, StoreFailure> {
    loop {
        let erasures = core.history.erasures();
        let Some(answer) = core.history.read_window(room) else {
            return Ok(false);
        };
        let mut window = read_within_deadline(core, answer).await?;
        if let Some(through) = through {
            window = window.through(through);
        }
        let mut state = room.lock();
        // Another room may have its id and the window.
        if !room.is_present(&state) {
            return Ok(false);
        }
        // Otherwise, events in it may have been erased meanwhile.
        if core.history.erasures() == erasures {
            let begins = begins(&mut state);
            if begins {
                state.record.reach(window.top);
                core.history.restore(&core.rooms, &core.observe, room, window);
            }
            return Ok(begins);
        }
    }
}

/// Reads what a join needs. Safe to drop: reading changes nothing.
pub(in crate::runtime) async fn read_ahead(
    core: &Core,
    room: &RoomCell,
    first: ReadFirst,
    ahead: &mut ReadAhead,
) -> Result<(), StoreFailure> {
    if let Some(answer) = core.history.read(room, room_key_in(core, room, &first.epoch), &first) {
        let answer = read_within_deadline(core, answer).await?;
        ahead.note(first, answer);
    }
    Ok(())
}
