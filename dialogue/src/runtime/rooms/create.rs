//! Creates rooms, for the server and for clients.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::announce::{add_room, confirm_room, info};
use super::expiry::note_if_empty;
use super::registry::NotAdded;
use super::stored_config::{described, new_room};
use crate::connection::ClientState;
use crate::id::{RoomId, UserId};
use crate::limit_exceeded::LimitExceeded;
use crate::log::StoreFailure;
use crate::log::durable::{NewRoom, RoomExists};
use crate::random::random_epoch;
use crate::room::{Origin, RoomCell, RoomConfigError, RoomPlan, RoomTemplate, StoredRoomConfig};
use crate::runtime::core::Core;
use crate::runtime::deadline::{first_contact, log_failed_read, within_deadline};
use crate::runtime::history::load::ensure_loaded;

/// Why [`Dialogue::create_room`](crate::Dialogue::create_room) failed. No room was created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateRoomError {
    /// A room with this id already exists.
    #[error("room `{room}` already exists")]
    Exists {
        /// The room's id.
        room: RoomId,
    },
    /// The id is not 1–128 bytes of `[A-Za-z0-9_.:=@,;%-]`.
    #[error("invalid room id `{room}`: use 1 to 128 bytes of [A-Za-z0-9_.:=@,;%-]")]
    InvalidId {
        /// The id that was given.
        room: RoomId,
    },
    /// The id belongs to a declared room or family. Create the room from its declared type instead.
    #[error("room id `{room}` is reserved for a room in `rooms!`: use that room's type, or another id")]
    Reserved {
        /// The room's id.
        room: RoomId,
    },
    /// [`require_guards`](crate::Builder::require_guards) is set, and no general `before_join` guards a room that is not
    /// declared.
    #[error("room `{room}` has no guard: add a `before_join` for rooms that are not declared, or declare the room")]
    Unguarded {
        /// The room's id.
        room: RoomId,
    },
    /// The configuration is invalid.
    #[error("the configuration of room `{room}` is invalid")]
    InvalidConfig {
        /// The room's id.
        room: RoomId,
        /// The mistake in the configuration.
        source: RoomConfigError,
    },
    /// The name and description are so long that no client could receive the announcement of the room. It may have at
    /// most half of [`Limits::queue_bytes`](crate::Limits::queue_bytes).
    #[error(
        "the name and description of room `{room}` are too long: {bytes} bytes, at most {limit} (half of queue_bytes)"
    )]
    TooLarge {
        /// The room's id.
        room: RoomId,
        /// The size of the announcement, in bytes.
        bytes: usize,
        /// The maximum size of an announcement, in bytes.
        limit: usize,
    },
    /// The server already has [`Limits::max_rooms`](crate::Limits::max_rooms) rooms.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
    /// The store has not stored the room. A later attempt may succeed. After [`StoreFailure::TimedOut`] and after a failure
    /// of the disk or the network, the store may have the room: then a later attempt finds that it [`Exists`](Self::Exists).
    #[error("the store has not accepted the room")]
    NotAccepted(#[source] StoreFailure),
    /// The server is stopping or has stopped.
    #[error("the server is stopping or has stopped")]
    Stopped,
}

/// Creates a room for the server and announces it to every client.
///
/// Without a store, this waits for nothing. With one, it continues if it is dropped.
pub(crate) async fn create(
    core: &Arc<Core>,
    plan: RoomPlan,
    created_by: Option<UserId>,
) -> Result<Arc<RoomCell>, CreateRoomError> {
    if core.lifecycle.is_stopping() {
        return Err(CreateRoomError::Stopped);
    }
    let is_stored = core.history.durable.is_some();
    let (id, template, stored) = match plan {
        RoomPlan::Declared(id) => {
            let blueprint = RoomId::is_valid(&id).then(|| core.rooms.blueprint(&id)).flatten();
            let template = blueprint.map(|blueprint| Arc::clone(&blueprint.template));
            let Some(template) = template else {
                return Err(CreateRoomError::InvalidId { room: id });
            };
            (id, template, None)
        }
        RoomPlan::Configured(config) => {
            let id = config.id.clone();
            if !RoomId::is_valid(&id) {
                return Err(CreateRoomError::InvalidId { room: id });
            }
            if core.rooms.blueprint(&id).is_some() {
                return Err(CreateRoomError::Reserved { room: id });
            }
            if core.guards_required && !core.hooks.before_join.has_general() {
                return Err(CreateRoomError::Unguarded { room: id });
            }
            let stored = is_stored.then(|| StoredRoomConfig::of(&config));
            match config.template(Arc::clone(&core.rooms.known_events)) {
                Ok(template) => (id, Arc::new(template), stored),
                Err(source) => return Err(CreateRoomError::InvalidConfig { room: id, source }),
            }
        }
    };
    let room = Arc::new(RoomCell::new(id, template, created_by, Origin::Server, random_epoch()));
    let (bytes, limit) = (info(&room).encoded_len(), core.limits.queue_bytes / 2);
    if bytes > limit {
        let room = room.id.clone();
        return Err(CreateRoomError::TooLarge { room, bytes, limit });
    }
    let added = match is_stored {
        true => Box::pin(create_stored(core, &room, stored, None)).await,
        false => add_room(core, &room, None)
            .map(|()| Arc::clone(&room))
            .map_err(Into::into),
    };
    added.map_err(|not_created| match not_created {
        NotCreated::Exists => CreateRoomError::Exists { room: room.id.clone() },
        NotCreated::LimitExceeded(exceeded) => exceeded.into(),
        NotCreated::Store(failure) => CreateRoomError::NotAccepted(failure),
    })
}

/// Why a room was not created.
#[derive(Debug)]
enum NotCreated {
    Exists,
    LimitExceeded(LimitExceeded),
    Store(StoreFailure),
}

impl From<StoreFailure> for NotCreated {
    fn from(failure: StoreFailure) -> Self {
        Self::Store(failure)
    }
}

impl From<NotAdded> for NotCreated {
    fn from(not_added: NotAdded) -> Self {
        match not_added {
            NotAdded::Exists => Self::Exists,
            NotAdded::LimitExceeded(exceeded) => Self::LimitExceeded(exceeded),
        }
    }
}

/// Creates a room in the store, and then adds and announces it. Continues if it is dropped, and if the store takes longer
/// than the caller waits.
async fn create_stored(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    config: Option<StoredRoomConfig>,
    creator: Option<(Arc<ClientState>, Option<i64>)>,
) -> Result<Arc<RoomCell>, NotCreated> {
    first_contact(core).await?;
    core.rooms.reserve(room)?;
    let reservation = Reservation {
        core: Arc::clone(core),
        room: Arc::clone(room),
        is_confirmed: false,
    };
    let new = new_room(&core.rooms, room, config);
    let (sender, receiver) = oneshot::channel();
    core.lifecycle.tasks.spawn(async move {
        let _ = sender.send(carry_out(reservation, new, creator).await);
    });
    // Its task may be lost with its runtime.
    let created = async { receiver.await.unwrap_or(Err(NotCreated::Store(StoreFailure::Closed))) };
    within_deadline(core, created).await
}

async fn carry_out(
    mut reservation: Reservation,
    new: NewRoom,
    creator: Option<(Arc<ClientState>, Option<i64>)>,
) -> Result<Arc<RoomCell>, NotCreated> {
    let core = Arc::clone(&reservation.core);
    let Some(durable) = &core.history.durable else {
        return Err(NotCreated::Store(StoreFailure::Closed));
    };
    let epoch = match durable.create_room(new).await {
        Ok(Ok(epoch)) => epoch,
        Ok(Err(RoomExists)) => {
            // An earlier creation had an unknown outcome, or another node was faster.
            let stored = within_deadline(&core, durable.room(&reservation.room.id)).await?;
            if let Some(room) = described(&core.rooms, stored).filter(|_| core.cluster.is_none()) {
                core.rooms.note_unexpected(&room);
            }
            return Err(NotCreated::Exists);
        }
        Err(failure) => return Err(NotCreated::Store(failure)),
    };
    let room = Arc::new(reservation.room.in_epoch(epoch));
    // A new room has no events. In a cluster, its first use follows it.
    if core.cluster.is_none() {
        let _is_new = room.loaded.set(None);
    }
    reservation.is_confirmed = true;
    confirm_room(&core, &room, creator.as_ref().map(|(client, id)| (client, *id)));
    note_if_empty(&core, &room);
    if core.cluster.is_some() && room.origin == Origin::Anonymous {
        // From now on, this node follows the room of its client, so that no other node deletes it as an unused one.
        if let Err(failure) = ensure_loaded(&core, &room).await {
            log_failed_read(&core, &failure);
        }
    }
    Ok(room)
}

/// The id and the share of a room that is being created. They are free again when this is dropped, unless the room exists.
struct Reservation {
    core: Arc<Core>,
    room: Arc<RoomCell>,
    is_confirmed: bool,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_confirmed {
            self.core.rooms.release(&self.room);
            if self.core.cluster.is_some() {
                // The log may have the room, whoever has created it.
                self.core.rooms.unsettled.note(&self.room.id);
            }
        }
    }
}

/// Why a client's request to create a room failed.
#[derive(Debug)]
pub(crate) enum ClientCreateError {
    Exists,
    NotPermitted,
    LimitExceeded(LimitExceeded),
    /// The store has not stored the room.
    NotAccepted,
}

/// Creates a room of a family whose rooms clients may create. `creator` receives a reply, and all other clients receive
/// an announcement.
pub(crate) async fn create_for(
    core: &Arc<Core>,
    creator: &Arc<ClientState>,
    id: Option<i64>,
    wanted: crate::protocol::NewRoom,
) -> Result<(), ClientCreateError> {
    let blueprint = core
        .rooms
        .blueprint(&wanted.id)
        .filter(|blueprint| blueprint.template.family.client_created.is_some())
        .ok_or_else(
            || match core.rooms.find(&wanted.id).is_some() || core.rooms.is_stored(&wanted.id) {
                true => ClientCreateError::Exists,
                false => ClientCreateError::NotPermitted,
            },
        )?;
    let declared = &blueprint.template;
    let template = RoomTemplate {
        name: wanted.name.unwrap_or_else(|| declared.name.clone()),
        description: wanted.description.or_else(|| declared.description.clone()),
        // A client may make its room smaller than the family's limit, but not larger.
        max_size: match (wanted.max_size, declared.max_size) {
            (Some(wanted), Some(declared)) => Some(wanted.min(declared)),
            (wanted, declared) => wanted.or(declared),
        },
        ..(**declared).clone()
    };
    let origin = if creator.anonymous {
        Origin::Anonymous
    } else {
        Origin::Client
    };
    let user = Some(creator.user_id.clone());
    let room = RoomCell::new(wanted.id, Arc::new(template), user, origin, random_epoch());
    let room = Arc::new(room.held_by(creator.holder()));
    let added = match core.history.durable.is_some() {
        true => Box::pin(create_stored(core, &room, None, Some((Arc::clone(creator), id)))).await,
        false => add_room(core, &room, Some((creator, id)))
            .map(|()| room)
            .map_err(Into::into),
    };
    let room = added.map_err(|not_created| match not_created {
        NotCreated::Exists => ClientCreateError::Exists,
        NotCreated::LimitExceeded(exceeded) => ClientCreateError::LimitExceeded(exceeded),
        NotCreated::Store(_) => ClientCreateError::NotAccepted,
    })?;
    note_if_empty(core, &room);
    Ok(())
}
