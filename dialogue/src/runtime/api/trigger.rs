//! The future that a trigger by the server returns.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use crate::delivery::{Delivery, TriggerError};
use crate::event::{DialogueEvent, EventDefinition, Outgoing};
use crate::id::{EventName, RoomId, UserId};
use crate::room::{RoomCell, RoomTemplate};
use crate::runtime::core::Core;
use crate::runtime::publish::draft::Draft;
use crate::runtime::publish::trigger::by_server;
use crate::runtime::rooms::load::RoomUnavailable;
use crate::runtime::rooms::on_demand::{InUse, find_for_server};
use crate::schema::Violation;
use crate::schema::plain_numbers::to_value;

/// A trigger that runs when you await it. [`Dialogue::trigger`](crate::Dialogue::trigger) and
/// [`RoomHandle::trigger`](crate::RoomHandle::trigger) return it.
///
/// # Cancel safety
///
/// Nothing happens before this is awaited. If it is dropped while `before_each` runs, the event is not sent. Once the
/// event is sent, the future is ready and there is nothing left to cancel.
#[must_use = "nothing is triggered until this is awaited"]
pub struct Trigger(BoxFuture<'static, Result<Delivery, TriggerError>>);

impl Future for Trigger {
    type Output = Result<Delivery, TriggerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl Trigger {
    /// Triggers a typed event in the room that `find` returns. If there is none, it may be idle, or only in the store, under
    /// this id and epoch.
    pub(in crate::runtime) fn typed<E: DialogueEvent>(
        core: Arc<Core>,
        room_id: RoomId,
        epoch: Option<String>,
        find: impl FnOnce(&Core) -> Option<Arc<RoomCell>> + Send + 'static,
        mut outgoing: Outgoing<E>,
    ) -> Self {
        Self(Box::pin(async move {
            let (room, _in_use) = match find(&core) {
                Some(room) => (room, None),
                // In a box, because most rooms are present.
                None => match Box::pin(find_absent::<E>(&core, &room_id, epoch.as_deref())).await? {
                    Some(used) => (Arc::clone(&used.room), Some(used)),
                    None => return Err(TriggerError::NoSuchRoom { room: room_id }),
                },
            };
            let definition = room.template.policy.definition(E::NAME);
            // The name of the definition is shared, so that it costs no allocation.
            let event = definition.map_or_else(|| EventName::from(E::NAME), |definition| definition.name().clone());
            // Only known at run time, because a `RoomHandle` accepts any event.
            if definition.is_some_and(|definition| !is_for::<E>(definition)) {
                return Err(TriggerError::NotAllowed { room: room_id, event });
            }
            let data = to_value(&outgoing.data).map_err(|error| TriggerError::Invalid {
                event: event.clone(),
                violations: vec![Violation::type_mismatch(error)],
            })?;
            let meta = outgoing.take_meta().map_err(|violation| TriggerError::Invalid {
                event: event.clone(),
                violations: vec![violation],
            })?;
            let draft = Draft {
                event: event.clone(),
                data,
                from: outgoing.from.unwrap_or_else(UserId::system),
                meta,
                timestamp: outgoing.timestamp,
            };
            by_server(&core, &room, draft)
                .await
                .map_err(|rejected| rejected.into_trigger_error(&room_id, &event))
        }))
    }
}

/// Finds a room that is not present. An event with history begins an on-demand room, as a join does.
async fn find_absent<E: DialogueEvent>(
    core: &Arc<Core>,
    id: &RoomId,
    epoch: Option<&str>,
) -> Result<Option<InUse>, TriggerError> {
    let default = core.history.log.config().max_events_per_type;
    let has_history = |template: &RoomTemplate| {
        let definition = template.policy.definition(E::NAME);
        definition.is_some_and(|definition| definition.history().limit(default).is_some())
    };
    match find_for_server(core, id, epoch, has_history).await {
        Ok(room) => Ok(room),
        Err(RoomUnavailable::Store(failure)) => Err(TriggerError::NotAccepted(failure)),
        Err(RoomUnavailable::LimitExceeded(exceeded)) => Err(exceeded.into()),
    }
}

/// Whether a room's event is the type `E`. The definition may come from a store, which knows no types.
fn is_for<E: DialogueEvent>(definition: &EventDefinition) -> bool {
    definition.is_of::<E>() || E::try_definition().is_ok_and(|typed| definition.is_like(typed))
}
