//! The future that a trigger by the server returns.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use crate::delivery::{Delivery, TriggerError};
use crate::event::{DialogueEvent, Outgoing};
use crate::id::{EventName, RoomId, UserId};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::publish::draft::Draft;
use crate::runtime::publish::trigger::by_server;
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
    /// Triggers a typed event in the room that `find` returns.
    pub(in crate::runtime) fn typed<E: DialogueEvent>(
        core: Arc<Core>,
        room_id: RoomId,
        find: impl FnOnce(&Core) -> Option<Arc<RoomCell>> + Send + 'static,
        mut outgoing: Outgoing<E>,
    ) -> Self {
        Self(Box::pin(async move {
            let Some(room) = find(&core) else {
                return Err(TriggerError::NoSuchRoom { room: room_id });
            };
            let definition = room.template.policy.definition(E::NAME);
            // The name of the definition is shared, so that it costs no allocation.
            let event = definition.map_or_else(|| EventName::from(E::NAME), |definition| definition.name().clone());
            // Only known at run time, because a `RoomHandle` accepts any event.
            if definition.is_some_and(|definition| !definition.is_of::<E>()) {
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
