//! The first step of publishing: may this event be published? Membership, permission, validation, and `before_each`.
//!
//! Holds no lock while it awaits a hook.

use std::sync::Arc;

use super::draft::{Draft, Rejected};
use crate::connection::ClientState;
use crate::event::{EventDefinition, EventMessage, HistorySetting};
use crate::id::EventName;
use crate::room::{Party, RoomCell};
use crate::runtime::clock::wall_clock;
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::{checked_depth, depth};
use crate::runtime::hooks::run::allowed;
use crate::runtime::observe::emit::Involved;

/// An event that every check has passed.
pub(super) struct Admitted {
    pub(super) message: EventMessage,
    pub(super) history: HistorySetting,
    /// How many hooks and handlers have led to it.
    pub(super) depth: usize,
}

/// Admits a client's event: it is a member, its room allows the event, `authorize` agrees, and the data is valid.
pub(super) async fn from_client(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    mut draft: Draft,
) -> Result<Admitted, Rejected> {
    if !room.lock().local.contains(sender.key) {
        return Err(Rejected::NotInRoom);
    }
    let policy = &room.template.policy;
    let definition = policy.admit(Party::Client, &draft.event).ok_or(Rejected::NotAllowed)?;
    if core.hooks.authorize.is_some() {
        // In a box, as every call of a hook here, so that a trigger without hooks needs no memory for them.
        Box::pin(ask_authorize(core, room, sender, &draft.event)).await?;
    }
    if let Some(definition) = definition {
        draft.data = definition.accept(draft.data).map_err(Rejected::Invalid)?;
    }
    admit(core, room, draft, definition).await
}

/// Admits the server's event, whose data has the shape that clients receive: its room allows it, and the data is valid.
pub(super) async fn from_server(core: &Arc<Core>, room: &Arc<RoomCell>, draft: Draft) -> Result<Admitted, Rejected> {
    let policy = &room.template.policy;
    let definition = policy.admit(Party::Server, &draft.event).ok_or(Rejected::NotAllowed)?;
    if let Some(definition) = definition {
        definition.check_outbound(&draft.data).map_err(Rejected::Invalid)?;
    }
    admit(core, room, draft, definition).await
}

/// Gives an event its envelope, and asks `before_each`. `definition` is the event's, if it has one.
async fn admit(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    draft: Draft,
    definition: Option<&EventDefinition>,
) -> Result<Admitted, Rejected> {
    let depth = checked_depth(&core.limits).map_err(Rejected::Limited)?;
    let mut message = EventMessage {
        event: draft.event,
        room_id: room.id.clone(),
        data: draft.data,
        from: draft.from,
        timestamp: draft.timestamp.unwrap_or_else(wall_clock),
        meta: draft.meta,
        seq: None,
    };
    if core.hooks.before_each.is_some() {
        message = Box::pin(ask_before_each(core, room, message, definition, depth)).await?;
    }
    let history = definition.map_or(HistorySetting::Off, EventDefinition::history);
    Ok(Admitted {
        message,
        history,
        depth,
    })
}

async fn ask_authorize(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    event: &EventName,
) -> Result<(), Rejected> {
    let Some(authorize) = &core.hooks.authorize else {
        return Ok(());
    };
    let involved = Involved {
        event: Some(event),
        ..Involved::client(sender).in_room(&room.id)
    };
    let answer = core
        .set_off("authorize", involved, depth(), || {
            authorize((core.client(sender), core.room(room), event.clone()))
        })
        .await;
    allowed(core, "authorize", answer).map_err(Rejected::Forbidden)
}

async fn ask_before_each(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    message: EventMessage,
    definition: Option<&EventDefinition>,
    depth: usize,
) -> Result<EventMessage, Rejected> {
    let Some(before_each) = &core.hooks.before_each else {
        return Ok(message);
    };
    let asked = message.clone();
    let answer = core
        .set_off("before_each", Involved::event(&message), depth, || {
            before_each((asked, core.room(room)))
        })
        .await;
    let mut answer = allowed(core, "before_each", answer).map_err(Rejected::Blocked)?;
    if answer.event != message.event {
        core.log(|| {
            tracing::error!(event = %message.event, changed = %answer.event, "before_each changed an event's name");
        });
        return Err(Rejected::Blocked("the event could not be checked".to_owned()));
    }
    if answer.data != message.data
        && let Some(definition) = definition
    {
        answer.data = definition.accept_changed(answer.data).map_err(Rejected::Invalid)?;
    }
    // The hook cannot change the envelope's room, time or sender.
    answer.room_id = message.room_id;
    answer.timestamp = message.timestamp;
    answer.from = message.from;
    answer.seq = None;
    Ok(answer)
}
