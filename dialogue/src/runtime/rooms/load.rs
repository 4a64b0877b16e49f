//! Created rooms that a store has: made again on their first use, and listed without being made.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;

use super::account::LoadedFor;
use super::expiry::note_if_empty;
use super::index::{Adopted, ListedRoom};
use super::stored_config::{cell_of, described};
use crate::connection::ClientState;
use crate::containment::text_of;
use crate::id::{RoomId, UserId};
use crate::limit_exceeded::LimitExceeded;
use crate::log::StoreFailure;
use crate::log::durable::{Creator, IndexedRoom, IndexedState, StoredRoom};
use crate::room::{RoomCell, RoomRef};
use crate::runtime::core::Core;
use crate::runtime::deadline::{first_contact, read_within_deadline, within_deadline};
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;

/// The shortest time before the first rooms of anonymous users are checked.
const FIRST_CHECK: Duration = Duration::from_secs(1);

/// Why [`Dialogue::room`](crate::Dialogue::room) cannot look up a room now. The room may exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomUnavailable {
    /// The store cannot read the room now. A later attempt may succeed.
    #[error("the store cannot read the room")]
    Store(#[from] StoreFailure),
    /// The room exists, but is not in memory, and the server already has [`Limits::max_rooms`](crate::Limits::max_rooms)
    /// rooms there.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
}

/// Finds the room with this id. Without a store, or if the room is loaded, this waits for nothing.
///
/// Safe to drop: the room is loaded completely or not at all.
pub(crate) async fn find_or_load(
    core: &Arc<Core>,
    id: &str,
    loaded_for: LoadedFor<'_>,
) -> Result<Option<Arc<RoomCell>>, RoomUnavailable> {
    match core.rooms.find(id) {
        Some(room) => Ok(Some(room)),
        None if core.history.durable.is_none() => Ok(None),
        // In a box, because most rooms are loaded.
        None => Box::pin(load(core, id, loaded_for)).await,
    }
}

/// The same, for a client that is in no such room. It takes a share of the client's holder until it is idle again.
pub(crate) async fn find_for_client(
    core: &Arc<Core>,
    client: &ClientState,
    id: &str,
) -> Result<Option<Arc<RoomCell>>, RoomUnavailable> {
    let room = find_or_load(core, id, LoadedFor::Client(client)).await?;
    Ok(room.inspect(|room| note_if_empty(core, room)))
}

/// The same, for a room that is about to be deleted, with this epoch if there is one.
pub(in crate::runtime) async fn find_for_deletion(
    core: &Arc<Core>,
    id: &str,
    epoch: Option<&str>,
) -> Result<Option<Arc<RoomCell>>, StoreFailure> {
    match find_or_load(core, id, LoadedFor::Deletion).await {
        Ok(room) => Ok(room.filter(|room| epoch.is_none_or(|epoch| *epoch == *room.incarnation))),
        Err(RoomUnavailable::Store(failure)) => Err(failure),
        // No limit applies to a room that goes.
        Err(RoomUnavailable::LimitExceeded(exceeded)) => Err(StoreFailure::Failed {
            reason: exceeded.to_string(),
        }),
    }
}

/// The user who created the room with this id, if that is known. `None` if there is no such room. Loads nothing.
pub(in crate::runtime) async fn creator_of(core: &Core, id: &RoomId) -> Result<Option<Option<UserId>>, StoreFailure> {
    if let Some(room) = core.rooms.find(id) {
        return Ok(Some(room.created_by.clone()));
    }
    match &core.history.durable {
        Some(durable) if core.cluster.is_some() || core.rooms.is_stored(id) => {
            let created = read_within_deadline(core, durable.room(id)).await?.created;
            Ok(created.map(|created| created.created_by))
        }
        _ => Ok(None),
    }
}

/// The id and the epoch of a reference.
pub(crate) fn parts_of(room: &impl RoomRef) -> (RoomId, Option<String>) {
    (room.room_id(), room.room_epoch().map(str::to_owned))
}

/// Reads a room's record, if several nodes share the log: the index knows afterwards whether there is such a room.
async fn settle(core: &Core, id: &str) -> Result<(), StoreFailure> {
    if core.cluster.is_none() || !RoomId::is_valid(id) {
        return Ok(());
    }
    within_deadline(core, core.rooms.unsettled.read(&RoomId::from(id))).await
}

async fn load(core: &Arc<Core>, id: &str, loaded_for: LoadedFor<'_>) -> Result<Option<Arc<RoomCell>>, RoomUnavailable> {
    first_contact(core).await?;
    // Another node may have created it a moment ago.
    let mut may_be_new = core.cluster.is_some();
    loop {
        if let Some(room) = core.rooms.find(id) {
            return Ok(Some(room));
        }
        let (Some(number), Some(durable)) = (core.rooms.stored(id), &core.history.durable) else {
            if std::mem::take(&mut may_be_new) {
                settle(core, id).await?;
                continue;
            }
            return Ok(None);
        };
        let stored = read_within_deadline(core, durable.room(&RoomId::from(id))).await?;
        if core.cluster.is_some() && !core.rooms.has_incarnation(id, &stored.key.epoch) {
            // The index knows less than the record.
            settle(core, id).await?;
            continue;
        }
        let Some(room) = cell_of(&core.rooms, stored) else {
            hide(core, id, number);
            return Ok(None);
        };
        match core.rooms.adopt(Arc::new(room), number, loaded_for) {
            Ok(Adopted::Present(room)) => {
                // The join that needs it does so for a client.
                if !matches!(loaded_for, LoadedFor::Client(_)) {
                    note_if_empty(core, &room);
                }
                return Ok(Some(room));
            }
            Ok(Adopted::Outdated) => {}
            Err(exceeded) => return Err(RoomUnavailable::LimitExceeded(exceeded)),
        }
    }
}

/// Notes the rooms that the store has, when the server begins. Loads none of them, and never waits.
pub(in crate::runtime) fn note_index(core: &Arc<Core>, index: Vec<IndexedRoom>) {
    let anonymous = anonymous_of(&index);
    let hidden = core.rooms.note_stored(index);
    if hidden > 0 {
        report_hidden(core, hidden, None);
    }
    expire_anonymous(core, anonymous);
}

fn hide(core: &Core, id: &str, number: u64) {
    if core.rooms.hide(id, number) {
        report_hidden(core, 1, Some(&RoomId::from(id)));
    }
}

/// `room` is the only one of these rooms, if it is known.
pub(super) fn report_hidden(core: &Core, rooms: usize, room: Option<&RoomId>) {
    let involved = Involved::default();
    log_line!(
        WARN,
        *core,
        room.map_or(involved, |room| involved.in_room(room)),
        "",
        { rooms, },
        "stored rooms are kept but hidden: their declarations are gone or have other rooms, or their configurations are invalid"
    );
}

/// The rooms of anonymous users in a store's index.
fn anonymous_of(index: &[IndexedRoom]) -> Vec<RoomId> {
    let is_anonymous = |room: &&IndexedRoom| {
        matches!(
            room.state,
            IndexedState::Created {
                creator: Creator::Anonymous,
                ..
            }
        )
    };
    index.iter().filter(is_anonymous).map(|room| room.id.clone()).collect()
}

/// Lets the rooms of anonymous users expire that an earlier run has left, and those that other nodes use: it loads one after
/// another, once their creators have had time to come back. Never waits.
fn expire_anonymous(core: &Arc<Core>, rooms: Vec<RoomId>) {
    if rooms.is_empty() && core.cluster.is_none() {
        return;
    }
    core.rooms.leftovers.add(rooms);
    let worker = Arc::downgrade(core);
    let load_all = move || {
        let worker = worker.clone();
        async move {
            while leftovers(&worker).await && pause_before_expiry(&worker).await {
                if let Some(core) = worker.upgrade() {
                    load_for_expiry(&core).await;
                }
            }
        }
        .boxed()
    };
    core.rooms
        .leftovers
        .worker
        .push_again(&core.lifecycle.background, load_all);
}

/// Waits until there is a room to look after, and keeps nothing alive meanwhile. Returns false if there will be none.
async fn leftovers(server: &Weak<Core>) -> bool {
    let Some(core) = server.upgrade() else {
        return false;
    };
    let (rooms, stopping) = (Arc::clone(&core.rooms.leftovers), core.lifecycle.stopping.clone());
    let is_alone = core.cluster.is_none();
    drop(core);
    loop {
        match rooms.first() {
            Some(_) => return true,
            None if is_alone => return false,
            None => {}
        }
        tokio::select! {
            () = stopping.cancelled() => return false,
            () = rooms.added() => {}
        }
    }
}

/// Waits before rooms are loaded, and keeps nothing alive meanwhile. Returns false if the server ends.
async fn pause_before_expiry(server: &Weak<Core>) -> bool {
    let Some(core) = server.upgrade() else {
        return false;
    };
    let pause = core.limits.on_demand_idle.max(FIRST_CHECK);
    let stopping = core.lifecycle.stopping.clone();
    drop(core);
    tokio::select! {
        () = stopping.cancelled() => false,
        () = tokio::time::sleep(pause) => true,
    }
}

/// Loads the rooms that are left, until one cannot be loaded now.
async fn load_for_expiry(core: &Arc<Core>) {
    while let Some(id) = core.rooms.leftovers.first() {
        // A loaded room expires as always.
        if let Err(error) = find_or_load(core, &id, LoadedFor::Expiry).await {
            log_line!(
                WARN,
                *core,
                Involved::default().in_room(&id),
                "",
                { error = text_of(&error), },
                "an anonymous user's room of an earlier run is not loaded, so it does not expire yet; the server tries again"
            );
            return;
        }
        core.rooms.leftovers.pop();
    }
}

/// A page of the rooms that clients may see, starting after an id, and whether there are more. Rooms that are not loaded are
/// described, but not loaded.
pub(crate) async fn list(
    core: &Arc<Core>,
    after: Option<&str>,
    max: usize,
) -> Result<(Vec<Arc<RoomCell>>, bool), StoreFailure> {
    let Some(durable) = &core.history.durable else {
        return Ok(core.rooms.listed(after, max));
    };
    let mut after = after.map(str::to_owned);
    loop {
        let (page, more) = core.rooms.listed_or_stored(after.as_deref(), max);
        after = page.last().map(|last| last.id().to_string());
        let ids: Vec<RoomId> = page
            .iter()
            .filter_map(|room| match room {
                ListedRoom::Stored(id) => Some(id.clone()),
                ListedRoom::Loaded(_) => None,
            })
            .collect();
        let mut stored = match ids.is_empty() {
            true => Vec::new(),
            false => read_within_deadline(core, durable.rooms(ids)).await?,
        }
        .into_iter();
        let rooms: Vec<Arc<RoomCell>> = page
            .into_iter()
            .filter_map(|room| match room {
                ListedRoom::Loaded(room) => Some(room),
                ListedRoom::Stored(id) => describe(core, &id, stored.next()?).map(Arc::new),
            })
            .collect();
        // A client could not ask for the rest after an empty page.
        if !rooms.is_empty() || !more {
            return Ok((rooms, more));
        }
    }
}

/// Describes a room that is not loaded. Its configuration is compiled once, to learn whether it is valid.
fn describe(core: &Core, id: &RoomId, stored: StoredRoom) -> Option<RoomCell> {
    // The index does not know it any more.
    let number = core.rooms.stored(id)?;
    if core.cluster.is_some() && !core.rooms.has_incarnation(id, &stored.key.epoch) {
        core.rooms.unsettled.note(id);
        return None;
    }
    if core.rooms.is_valid(id, number) {
        return described(&core.rooms, stored);
    }
    let cell = cell_of(&core.rooms, stored);
    match &cell {
        Some(_) => core.rooms.note_valid(id, number),
        None => hide(core, id, number),
    }
    cell
}
