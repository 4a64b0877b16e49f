//! The first step of publishing: may this event be published? Membership, permission, validation, and `before_each`.
//!
//! Holds no lock while it awaits a hook.

use std::sync::Arc;

use super::draft::{Draft, Rejected};
use crate::connection::ClientState;
use crate::event::{EventDefinition, EventMessage, HistorySetting};
use crate::id::EventName;
use crate::limits::Limits;
use crate::room::{Party, RoomCell};
use crate::runtime::clock::wall_clock;
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::{checked_depth, depth};
use crate::runtime::hooks::run::verdict;
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
        // In a box, as every call of a hook here, so that a trigger without hooks needs no memory for it.
        Box::pin(ask_authorize(core, room, sender, &draft.event)).await?;
    }
    if let Some(definition) = definition {
        draft.data = definition.accept(draft.data).map_err(Rejected::Invalid)?;
    }
    let mut admitted = Admitted::new(&core.limits, room, draft, definition)?;
    if core.hooks.before_each.is_some() {
        Box::pin(ask_before_each(core, room, &mut admitted, definition)).await?;
    }
    Ok(admitted)
}

/// Admits the server's event, whose data has the shape that clients receive: its room allows it, and the data is valid.
pub(super) async fn from_server(core: &Arc<Core>, room: &Arc<RoomCell>, draft: Draft) -> Result<Admitted, Rejected> {
    let policy = &room.template.policy;
    let definition = policy.admit(Party::Server, &draft.event).ok_or(Rejected::NotAllowed)?;
    if let Some(definition) = definition {
        definition.check_outbound(&draft.data).map_err(Rejected::Invalid)?;
    }
    let mut admitted = Admitted::new(&core.limits, room, draft, definition)?;
    if core.hooks.before_each.is_some() {
        Box::pin(ask_before_each(core, room, &mut admitted, definition)).await?;
    }
    Ok(admitted)
}

impl Admitted {
    /// Gives an event its envelope. `definition` is the event's, if it has one.
    fn new(
        limits: &Limits,
        room: &RoomCell,
        draft: Draft,
        definition: Option<&EventDefinition>,
    ) -> Result<Self, Rejected> {
        Ok(Self {
            depth: checked_depth(limits).map_err(Rejected::Limited)?,
            history: definition.map_or(HistorySetting::Off, EventDefinition::history),
            message: EventMessage {
                event: draft.event,
                room_id: room.id.clone(),
                data: draft.data,
                from: draft.from,
                timestamp: draft.timestamp.unwrap_or_else(wall_clock),
                meta: draft.meta,
                seq: None,
            },
        })
    }
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
        .run_hook("authorize", involved, depth(), || {
            authorize((core.client(sender), core.room(room), event.clone()))
        })
        .await;
    verdict(core, "authorize", answer).map_err(Rejected::Forbidden)
}

async fn ask_before_each(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    admitted: &mut Admitted,
    definition: Option<&EventDefinition>,
) -> Result<(), Rejected> {
    let Some(before_each) = &core.hooks.before_each else {
        return Ok(());
    };
    let Admitted { message, depth, .. } = admitted;
    let answer = core
        .run_hook("before_each", Involved::event(message), *depth, || {
            before_each((message.clone(), core.room(room)))
        })
        .await;
    let mut answer = verdict(core, "before_each", answer).map_err(Rejected::Blocked)?;
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
    // The hook may change the data and the metadata, but not the room, the time or the sender.
    message.data = answer.data;
    message.meta = answer.meta;
    Ok(())
}
