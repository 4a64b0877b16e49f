//! The first step of publishing: may this event be published? Membership, permission, validation, and `before_each`.
//!
//! Holds no lock while it awaits a hook.

use std::sync::Arc;

use super::draft::{Draft, Rejected};
use crate::connection::ClientState;
use crate::event::{EventDefinition, EventMessage, HistorySetting};
use crate::hook::HookError;
use crate::id::EventName;
use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;
use crate::room::{Party, RoomCell};
use crate::runtime::clock::wall_clock;
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::{checked_depth, depth};
use crate::runtime::hooks::values::{HookValueError, check_depth, check_meta};
use crate::runtime::observe::emit::Involved;

/// An event that every check has passed.
pub(super) struct Admitted {
    pub(super) message: EventMessage,
    pub(super) history: HistorySetting,
    /// How many hooks and handlers have led to it.
    pub(super) depth: usize,
    /// The hook that has changed it, if one has.
    pub(super) changed_by: Option<&'static str>,
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
    if core.hooks.authorize.concerns(room.template.declaration) {
        // In a box, as every call of a hook here, so that a trigger without hooks needs no memory for it.
        Box::pin(ask_authorize(core, room, sender, &mut draft)).await?;
    }
    if let Some(definition) = definition {
        draft.data = definition.accept(draft.data).map_err(Rejected::Invalid)?;
    }
    let mut admitted = Admitted::new(&core.limits, room, draft, definition)?;
    if core.hooks.before_each.concerns(room.template.declaration) {
        Box::pin(ask_before_each(core, room, Some(sender), &mut admitted, definition)).await?;
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
    if core.hooks.before_each.concerns(room.template.declaration) {
        Box::pin(ask_before_each(core, room, None, &mut admitted, definition)).await?;
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
            depth: checked_depth(limits)?,
            changed_by: None,
            history: definition.map_or(HistorySetting::Off, EventDefinition::history),
            message: EventMessage {
                event: draft.event,
                room_id: room.id.clone(),
                data: draft.data,
                from: draft.from,
                timestamp: draft.timestamp.unwrap_or_else(wall_clock),
                meta: draft.meta,
                seq: None,
                erased: false,
            },
        })
    }
}

async fn ask_authorize(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    draft: &mut Draft,
) -> Result<(), Rejected> {
    let data = Arc::new(draft.data.take());
    let about = (
        core.client(sender),
        core.room(room),
        draft.event.clone(),
        Arc::clone(&data),
    );
    let answer = core.ask(depth(), &core.hooks.authorize, about).await;
    draft.data = Arc::unwrap_or_clone(data);
    answer.map_err(Rejected::Forbidden)
}

async fn ask_before_each(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&ClientState>,
    admitted: &mut Admitted,
    definition: Option<&EventDefinition>,
) -> Result<(), Rejected> {
    let Admitted {
        message,
        depth,
        changed_by,
        ..
    } = admitted;
    for hook in core.hooks.before_each.of(room.template.declaration) {
        let call = || (hook.run)((message.clone(), core.room(room)));
        let involved = Involved::event(message).sent_by(sender);
        let answer = core.run_hook(hook.name, involved, *depth, call).await;
        let mut answer = answer.map_err(Rejected::Blocked)?;
        if answer.event != message.event {
            return Err(renamed(core, hook.name, message, sender, &answer.event));
        }
        if answer.data != message.data {
            *changed_by = Some(hook.name);
            let depth = check_depth(&core.limits, &answer.data);
            depth.map_err(|mistake| faulty(core, hook.name, message, sender, mistake))?;
            if let Some(definition) = definition {
                answer.data = definition.accept_changed(answer.data).map_err(Rejected::Invalid)?;
            }
        }
        if answer.meta != message.meta {
            *changed_by = Some(hook.name);
            let depth = check_meta(&core.limits, answer.meta.as_ref());
            depth.map_err(|mistake| faulty(core, hook.name, message, sender, mistake))?;
        }
        // The hook may change the data and the metadata, but not the room, the time or the sender.
        message.data = answer.data;
        message.meta = answer.meta;
    }
    Ok(())
}

/// Reports a hook that changed an event's name. It decided, but nothing that can be done, and would decide the same again.
fn renamed(
    core: &Core,
    hook: &'static str,
    message: &EventMessage,
    sender: Option<&ClientState>,
    changed: &EventName,
) -> Rejected {
    let text = format!("it changed the event's name from `{}` to `{changed}`", message.event);
    Rejected::Renamed(core.returned(hook, Involved::event(message).sent_by(sender), text))
}

/// Reports a hook that changed an event beyond the limits.
fn faulty(
    core: &Core,
    hook: &'static str,
    message: &EventMessage,
    sender: Option<&ClientState>,
    mistake: HookValueError,
) -> Rejected {
    let failure = core.returned(hook, Involved::event(message).sent_by(sender), mistake);
    Rejected::Blocked(HookError::Failed(failure))
}

/// Rejects an event that is too large. If a hook has changed it, the hook has failed.
#[cold]
pub(super) fn too_large(
    core: &Core,
    sender: Option<&ClientState>,
    message: &EventMessage,
    changed_by: Option<&'static str>,
    exceeded: LimitExceeded,
) -> Rejected {
    match changed_by {
        Some(hook) => faulty(core, hook, message, sender, HookValueError::Event(exceeded)),
        None => exceeded.into(),
    }
}
