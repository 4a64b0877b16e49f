//! A trigger, from a draft to the hooks that learn of its delivery: admit, sequence, apply.

use std::sync::Arc;

use tokio::task::coop::consume_budget;

use super::admit::{self, Admitted};
use super::after::call_hooks;
use super::append;
use super::apply::apply;
use super::draft::{Draft, Rejected};
use super::sequence::sequence;
use crate::connection::ClientState;
use crate::delivery::Delivery;
use crate::protocol::EventHead;
use crate::room::RoomCell;
use crate::runtime::continuity::idempotency::Receipt;
use crate::runtime::core::Core;
use crate::runtime::history::archive;

/// Publishes a client's event. `receipt` is for the key that the client gave it.
pub(crate) async fn by_client(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    draft: Draft,
    receipt: Option<&Receipt>,
) -> Result<Delivery, Rejected> {
    let admitted = admit::from_client(core, room, sender, draft).await?;
    match &core.history.durable {
        None => publish(core, room, Some(sender), admitted, receipt),
        // In a box, so that a trigger without a store needs no memory for it.
        Some(_) => Box::pin(publish_to_store(core, room, Some(sender), admitted, receipt)).await,
    }
}

/// Publishes the server's event.
pub(crate) async fn by_server(core: &Arc<Core>, room: &Arc<RoomCell>, draft: Draft) -> Result<Delivery, Rejected> {
    // A loop of triggers waits for nothing. Without this, the tasks that send its events would not run before its end.
    consume_budget().await;
    let admitted = admit::from_server(core, room, draft).await?;
    match &core.history.durable {
        None => publish(core, room, None, admitted, None),
        Some(_) => Box::pin(publish_to_store(core, room, None, admitted, None)).await,
    }
}

/// Sequences and applies an event in one critical section, then calls the hooks that learn of it.
fn publish(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    admitted: Admitted,
    receipt: Option<&Receipt>,
) -> Result<Delivery, Rejected> {
    let Admitted {
        mut message,
        history,
        depth,
        changed_by,
    } = admitted;
    let prepared = EventHead::of(&message).prepare();
    if let Err(exceeded) = core.limits.check_event(prepared.len()) {
        let sender = sender.map(Arc::as_ref);
        return Err(admit::too_large(core, sender, &message, changed_by, exceeded));
    }
    let limit = history.limit(core.history.log.config().max_events_per_type);
    let (message, delivery, queued) = {
        // Nothing waits from here on: number, history and queues change as one.
        let mut state = room.lock();
        let from = sender.map(Arc::as_ref);
        let (frame, queued) = sequence(core, room, &mut state, from, &mut message, prepared, limit)?;
        // Nothing may run the trigger again, even if something fails from here on.
        receipt.inspect(|receipt| receipt.sequenced());
        let (message, delivery) = apply(core, room, &state, sender, message, &frame);
        receipt.inspect(|receipt| receipt.delivered(delivery));
        (message, delivery, queued)
    };
    archive::start(core, queued);
    call_hooks(core, room, sender, message, delivery, depth);
    Ok(delivery)
}

/// Publishes an event in a room whose log is in a store.
async fn publish_to_store(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    admitted: Admitted,
    receipt: Option<&Receipt>,
) -> Result<Delivery, Rejected> {
    let limit = admitted.history.limit(core.history.log.config().max_events_per_type);
    if limit.is_none() {
        append::earlier_of(core, room, sender).await?;
        if core.cluster.is_none() {
            return publish(core, room, sender, admitted, receipt);
        }
    }
    append::append(core, room, sender, admitted, receipt, limit).await
}
