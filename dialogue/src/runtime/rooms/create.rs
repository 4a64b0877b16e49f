//! Creates rooms, for the server and for clients.

use std::sync::Arc;

use super::announce::{add_room, info};
use super::expiry::note_if_empty;
use super::registry::NotAdded;
use crate::connection::ClientState;
use crate::id::{RoomId, UserId};
use crate::limit_exceeded::LimitExceeded;
use crate::random::random_epoch;
use crate::room::{Origin, RoomCell, RoomConfigError, RoomPlan, RoomTemplate};
use crate::runtime::core::Core;

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
    /// The server is stopping or has stopped.
    #[error("the server is stopping or has stopped")]
    Stopped,
}

/// Creates a room for the server and announces it to every client.
pub(crate) fn create(
    core: &Arc<Core>,
    plan: RoomPlan,
    created_by: Option<UserId>,
) -> Result<Arc<RoomCell>, CreateRoomError> {
    if core.lifecycle.is_stopping() {
        return Err(CreateRoomError::Stopped);
    }
    let (id, template) = match plan {
        RoomPlan::Declared(id) => {
            let blueprint = RoomId::is_valid(&id).then(|| core.rooms.blueprint(&id)).flatten();
            let template = blueprint.map(|blueprint| Arc::clone(&blueprint.template));
            let Some(template) = template else {
                return Err(CreateRoomError::InvalidId { room: id });
            };
            (id, template)
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
            match config.template(Arc::clone(&core.rooms.known_events)) {
                Ok(template) => (id, Arc::new(template)),
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
    add_room(core, &room, None).map_err(|not_added| match not_added {
        NotAdded::Exists => CreateRoomError::Exists { room: room.id.clone() },
        NotAdded::LimitExceeded(exceeded) => exceeded.into(),
    })?;
    Ok(room)
}

/// Why a client's request to create a room failed.
#[derive(Debug)]
pub(crate) enum ClientCreateError {
    Exists,
    NotPermitted,
    LimitExceeded(LimitExceeded),
}

/// Creates a room of a family whose rooms clients may create. `creator` receives a reply, and all other clients receive
/// an announcement.
pub(crate) fn create_for(
    core: &Arc<Core>,
    creator: &Arc<ClientState>,
    id: Option<i64>,
    wanted: crate::protocol::NewRoom,
) -> Result<(), ClientCreateError> {
    let blueprint = core
        .rooms
        .blueprint(&wanted.id)
        .filter(|blueprint| blueprint.template.family.client_created.is_some())
        .ok_or_else(|| match core.rooms.find(&wanted.id) {
            Some(_) => ClientCreateError::Exists,
            None => ClientCreateError::NotPermitted,
        })?;
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
    add_room(core, &room, Some((creator, id))).map_err(|not_added| match not_added {
        NotAdded::Exists => ClientCreateError::Exists,
        NotAdded::LimitExceeded(exceeded) => ClientCreateError::LimitExceeded(exceeded),
    })?;
    note_if_empty(core, &room);
    Ok(())
}
