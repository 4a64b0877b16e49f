//! The JSON that describes a room to the page.

use serde::Serialize;
use serde_json::Value;

use crate::event::EventDefinition;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::room::{Origin, Party, RoomCell, SyncHistory};
use crate::runtime::Core;

/// The most members of a room in one answer.
const MAX_MEMBERS: usize = 500;

/// A room in the list of rooms.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomRow {
    id: RoomId,
    name: String,
    size: usize,
    max_size: Option<usize>,
}

impl RoomRow {
    pub(super) fn of(room: &RoomCell) -> Self {
        Self {
            id: room.id.clone(),
            name: room.template.name.clone(),
            size: room.lock().record.size(),
            max_size: room.template.max_size,
        }
    }
}

/// All details of a room.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomDetails {
    #[serde(flatten)]
    row: RoomRow,
    description: Option<String>,
    origin: &'static str,
    created_by_id: Option<UserId>,
    epoch: String,
    seq: u64,
    /// Whether the server may also trigger events that are not listed here, with any name.
    open: bool,
    default_subscriptions: Vec<EventName>,
    sync_history_on_join: Value,
    events: Vec<EventDetails>,
    members: Vec<MemberRow>,
}

/// An event that a room allows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventDetails {
    name: EventName,
    description: Option<String>,
    /// Whether clients may trigger it.
    clients: bool,
    /// How many of these events the room keeps; `null` for an event without history.
    history: Option<usize>,
    /// How many of them it keeps now.
    kept: usize,
    /// The schema of the data that clients send; `null` if any data is valid.
    schema: Option<Value>,
}

/// A client in the room.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberRow {
    client_id: ClientId,
    user_id: UserId,
    subscriptions: Vec<EventName>,
}

impl RoomDetails {
    pub(super) fn of(core: &Core, room: &RoomCell) -> Self {
        let template = &room.template;
        let policy = &template.policy;
        let mut unlisted: Vec<_> = policy.unlisted().collect();
        unlisted.sort_by(|a, b| a.name().cmp(b.name()));
        let events = policy.definitions().chain(unlisted);
        let (members, epoch, seq) = {
            let state = room.lock();
            let members = state.local.all().take(MAX_MEMBERS).map(|client| MemberRow {
                client_id: client.id.clone(),
                user_id: client.user_id.clone(),
                subscriptions: state
                    .local
                    .subscriptions(client.key)
                    .map(|subscriptions| room.subscription_names(subscriptions).into_names())
                    .unwrap_or_default(),
            });
            (members.collect(), state.record.epoch().to_string(), state.record.seq())
        };
        Self {
            row: RoomRow::of(room),
            description: template.description.clone(),
            origin: match room.origin {
                Origin::Server => "server",
                Origin::Client | Origin::Anonymous => "client",
                Origin::OnDemand => "onDemand",
            },
            created_by_id: room.created_by.clone(),
            epoch,
            seq,
            open: policy.closed_names().is_none(),
            default_subscriptions: room.subscription_names(&template.default_subscriptions).into_names(),
            sync_history_on_join: match template.sync_history_on_join {
                SyncHistory::Off => false.into(),
                SyncHistory::All => true.into(),
                SyncHistory::PerType(count) => count.into(),
            },
            events: events.map(|event| EventDetails::of(core, room, event)).collect(),
            members,
        }
    }
}

impl EventDetails {
    fn of(core: &Core, room: &RoomCell, event: &EventDefinition) -> Self {
        Self {
            name: event.name().clone(),
            description: event.description().map(str::to_owned),
            clients: room.template.policy.admit(Party::Client, event.name()).is_some(),
            history: event.history().limit(core.history.log.config().max_events_per_type),
            kept: core.history.log.kept(&room.id, event.name()),
            schema: event.inbound_schema().cloned(),
        }
    }
}
