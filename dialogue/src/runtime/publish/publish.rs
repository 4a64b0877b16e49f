//! The way of an event: from a trigger, through every check, to the queues of those who hear it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::connection::{ClientState, Frame};
use crate::containment::contain_sync;
use crate::delivery::{Delivery, TriggerError};
use crate::event::{EventDefinition, EventMessage, HistorySetting};
use crate::id::{EventName, UserId};
use crate::protocol::EventHead;
use crate::room::{Origin, Party, RoomCell};
use crate::runtime::clock::wall_clock;
use crate::runtime::core::Core;
use crate::runtime::history::archive;
use crate::runtime::hooks::recursion::{checked_depth, depth};
use crate::runtime::hooks::run::allowed;
use crate::runtime::observe::tap::Notice;
use crate::schema::Violation;

/// An event on its way.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) event: EventName,
    pub(crate) data: Value,
    pub(crate) from: UserId,
    pub(crate) meta: Option<Map<String, Value>>,
    /// Milliseconds since the Unix epoch; now, if the sender does not say.
    pub(crate) timestamp: Option<u64>,
}

/// Why a client's trigger, or the server's, came to nothing.
#[derive(Debug)]
pub(crate) enum Rejected {
    NoSuchRoom,
    NotAllowed,
    /// `authorize` refused.
    Forbidden(String),
    Invalid(Vec<Violation>),
    Blocked(String),
    Limited(String),
    /// The client is not, or no longer, in the room.
    NotInRoom,
    Stopped,
}

impl Rejected {
    /// The same, as the server's trigger tells it.
    pub(crate) fn into_trigger_error(self, room: &str, event: &EventName) -> TriggerError {
        let event = event.clone();
        match self {
            Self::NoSuchRoom | Self::NotInRoom => TriggerError::NoSuchRoom { room: room.into() },
            Self::NotAllowed => TriggerError::NotAllowed {
                room: room.into(),
                event,
            },
            Self::Invalid(violations) => TriggerError::Invalid { event, violations },
            Self::Blocked(reason) | Self::Forbidden(reason) => TriggerError::Blocked { reason },
            Self::Limited(reason) => TriggerError::Limited { reason },
            Self::Stopped => TriggerError::Stopped,
        }
    }
}

/// A client's trigger: member → allowed → may send → validate, then as every event.
pub(crate) async fn by_client(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    mut draft: Draft,
) -> Result<Delivery, Rejected> {
    if !room.lock().contains(sender.key) {
        return Err(Rejected::NotInRoom);
    }
    let policy = &room.template.policy;
    let definition = policy.admit(Party::Client, &draft.event).ok_or(Rejected::NotAllowed)?;
    if core.hooks.authorize.is_some() {
        // In a box, as every question to a hook here, so that a trigger without hooks needs no room for them.
        Box::pin(ask_authorize(core, room, sender, draft.event.clone())).await?;
    }
    if let Some(definition) = definition {
        draft.data = definition.accept(draft.data).map_err(Rejected::Invalid)?;
    }
    publish(core, room, Some(sender), draft, definition).await
}

/// The server's trigger of data in the shape that clients receive: allowed → validate, then as every event.
pub(crate) async fn by_server(core: &Arc<Core>, room: &Arc<RoomCell>, draft: Draft) -> Result<Delivery, Rejected> {
    let policy = &room.template.policy;
    let definition = policy.admit(Party::Server, &draft.event).ok_or(Rejected::NotAllowed)?;
    if let Some(definition) = definition {
        definition.check_outbound(&draft.data).map_err(Rejected::Invalid)?;
    }
    publish(core, room, None, draft, definition).await
}

/// `before_each` → (client) still a member → number and store → encode → queue → handlers, `on_triggered`,
/// `after_each`. `definition` is the event's, if it has one.
async fn publish(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    draft: Draft,
    definition: Option<&EventDefinition>,
) -> Result<Delivery, Rejected> {
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
    let (message, delivery) = deliver(core, room, sender, message, definition)?;
    tell_hooks(core, room, message, delivery, depth);
    Ok(delivery)
}

/// Numbers an event, keeps it and queues it for all who hear it.
fn deliver(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    mut message: EventMessage,
    definition: Option<&EventDefinition>,
) -> Result<(Arc<EventMessage>, Delivery), Rejected> {
    let prepared = EventHead::of(&message).prepare();
    core.limits.check_event(prepared.len()).map_err(Rejected::Limited)?;
    let limit = definition
        .map_or(HistorySetting::Off, EventDefinition::history)
        .limit(core.history.log.config().max_events_per_type);

    // From here on nothing waits: number, history and queues change as one.
    let mut state = room.lock();
    if core.lifecycle.is_stopped() {
        return Err(Rejected::Stopped);
    }
    // A room on demand that nobody has come into is only asked about: another may have its id and its history.
    if state.is_deleted() || (room.origin == Origin::OnDemand && state.joins() == 0) {
        return Err(Rejected::NoSuchRoom);
    }
    // A client that is gone may still be in its rooms while `on_disconnected` runs.
    if sender.is_some_and(|sender| !state.contains(sender.key) || sender.membership.lock().is_gone()) {
        return Err(Rejected::NotInRoom);
    }
    message.seq = limit.map(|_| state.advance());
    let frame = prepared.finish(message.seq);
    if let (Some(limit), Some(seq)) = (limit, message.seq) {
        let queued = core
            .history
            .keep(&core.rooms, room, &message.event, seq, &frame.text, limit);
        archive::start(core, queued);
    }
    let recipients = state
        .hearers(&message.event)
        .filter(|client| client.outbox.push(Frame::Raw(frame.wire.clone())))
        .count();
    core.tap.offer(|| Notice::event(&room.id, &frame.text, recipients));
    let message = Arc::new(message);
    if !core.listeners.is_empty() {
        core.listeners.offer(&message, room.template.declaration);
    }
    let delivery = Delivery::new(recipients, message.seq);
    Ok((message, delivery))
}

async fn ask_authorize(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    event: EventName,
) -> Result<(), Rejected> {
    let Some(authorize) = &core.hooks.authorize else {
        return Ok(());
    };
    let answer = core
        .set_off(depth(), || authorize((core.client(sender), core.room(room), event)))
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
    let answer = core.set_off(depth, || before_each((asked, core.room(room)))).await;
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
    // What the envelope says of where and when is not the hook's to change.
    answer.room_id = message.room_id;
    answer.timestamp = message.timestamp;
    answer.from = message.from;
    answer.seq = None;
    Ok(answer)
}

fn tell_hooks(core: &Arc<Core>, room: &Arc<RoomCell>, message: Arc<EventMessage>, delivery: Delivery, depth: usize) {
    if let Some(after_each) = &core.hooks.after_each
        && let Err(failure) = contain_sync(|| after_each(&message, &delivery))
    {
        core.log(|| tracing::error!(hook = "after_each", error = %failure, "a hook failed"));
    }
    let Some(on_triggered) = core.hooks.on_triggered.clone() else {
        return;
    };
    let Ok(permit) = Arc::clone(&core.hooks.notifications).try_acquire_owned() else {
        core.log(|| tracing::error!(hook = "on_triggered", event = %message.event, "too many run already; not told"));
        return;
    };
    let (core, room) = (Arc::clone(core), core.room(room));
    core.clone().lifecycle.tasks.spawn(async move {
        core.tell(depth, "on_triggered", &on_triggered, (message, room)).await;
        drop(permit);
    });
}
