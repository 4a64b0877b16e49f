//! What the store keeps of a created room besides its log, and how a room is made of it again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::registry::Rooms;
use crate::connection::Holder;
use crate::log::durable::{Creator, NewRoom, StoredRoom};
use crate::room::{Origin, RoomCell, RoomTemplate, StoredRoomConfig};

/// The text in the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "room")]
enum StoredConfig {
    /// A room of a declaration, with what a client has chosen.
    Declared {
        name: String,
        description: Option<String>,
        #[serde(rename = "maxSize")]
        max_size: Option<usize>,
    },
    /// A room that was described at run time.
    Configured { config: StoredRoomConfig },
}

/// What the store keeps of a room. `config` is its description, if it was described at run time.
pub(super) fn new_room(rooms: &Rooms, room: &RoomCell, config: Option<StoredRoomConfig>) -> NewRoom {
    let template = &room.template;
    let config = match config {
        Some(config) => Some(StoredConfig::Configured { config }),
        None => {
            let declared = rooms.blueprint(&room.id).map(|blueprint| &blueprint.template);
            let is_as_declared = declared.is_some_and(|declared| {
                (&declared.name, &declared.description, declared.max_size)
                    == (&template.name, &template.description, template.max_size)
            });
            (!is_as_declared).then(|| StoredConfig::Declared {
                name: template.name.clone(),
                description: template.description.clone(),
                max_size: template.max_size,
            })
        }
    };
    NewRoom {
        id: room.id.clone(),
        creator: match room.origin {
            Origin::Client => Creator::Client,
            Origin::Anonymous => Creator::Anonymous,
            Origin::Server | Origin::OnDemand => Creator::Server,
        },
        created_by: room.created_by.clone(),
        holder: room.holder.as_ref().map(Holder::to_text),
        config: config.and_then(|config| serde_json::to_string(&config).ok()),
    }
}

/// Makes a created room again, without adding it. `None` if the store has no such room, or if this server does not declare
/// it any more, or declares another room with its id.
pub(super) fn cell_of(rooms: &Rooms, stored: StoredRoom) -> Option<RoomCell> {
    make(rooms, stored, |config| config)
}

/// Describes a created room as clients see it in a list, without the events that were described at run time: compiling
/// their schemas takes long. `None` as for [`cell_of`], but for invalid events.
pub(super) fn described(rooms: &Rooms, stored: StoredRoom) -> Option<RoomCell> {
    make(rooms, stored, StoredRoomConfig::without_events)
}

fn make(
    rooms: &Rooms,
    stored: StoredRoom,
    part: impl FnOnce(StoredRoomConfig) -> StoredRoomConfig,
) -> Option<RoomCell> {
    let NewRoom {
        id,
        creator,
        created_by,
        holder,
        config,
    } = stored.created?;
    let config: Option<StoredConfig> = match config {
        Some(text) => Some(serde_json::from_str(&text).ok()?),
        None => None,
    };
    let declared = rooms.blueprint(&id).map(|blueprint| &blueprint.template);
    let template = match (declared, config) {
        (Some(declared), None) => Arc::clone(declared),
        (
            Some(declared),
            Some(StoredConfig::Declared {
                name,
                description,
                max_size,
            }),
        ) => Arc::new(RoomTemplate {
            name,
            description,
            max_size,
            ..(**declared).clone()
        }),
        (None, Some(StoredConfig::Configured { config })) => {
            let config = part(config).into_config(id.clone(), &rooms.known_events)?;
            Arc::new(config.template(Arc::clone(&rooms.known_events)).ok()?)
        }
        _ => return None,
    };
    let origin = match creator {
        Creator::Server => Origin::Server,
        Creator::Client => Origin::Client,
        Creator::Anonymous => Origin::Anonymous,
    };
    let room = RoomCell::new(id, template, created_by, origin, stored.key.epoch);
    Some(match holder.as_deref().and_then(Holder::from_text) {
        Some(holder) => room.held_by(holder),
        None => room,
    })
}
