//! Asks a store what it knows of a trigger's key, before anything else is asked about the trigger.
//!
//! Memory knows the keys of this run, so the store is only asked about earlier runs, and about repetitions that say so.

use std::sync::Arc;

use futures_util::FutureExt;

use super::idempotency::Recall;
use crate::connection::ClientState;
use crate::id::EventName;
use crate::log::durable::KeyOutcome;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;
use crate::runtime::history::keep::room_key;

/// Whether a store keeps this event of a room, and its key.
pub(crate) fn is_stored(core: &Core, room: &RoomCell, event: &EventName) -> bool {
    let limit = || {
        let history = room.template.policy.definition(event)?.history();
        history.limit(core.history.log.config().max_events_per_type)
    };
    core.history.durable.is_some() && limit().is_some()
}

/// How to ask about the key of a client's trigger. `None` if the store has nothing to add.
pub(crate) fn recall(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    client: &Arc<ClientState>,
    is_stored: bool,
    is_repetition: bool,
) -> Option<Recall> {
    let durable = core.history.durable.as_ref()?;
    let may_be_of_earlier_run = is_stored && core.continuity.resumes.expects_earlier_clients();
    if !is_repetition && !may_be_of_earlier_run {
        return None;
    }
    let (core, durable) = (Arc::clone(core), Arc::clone(durable));
    let (room, client) = (Arc::clone(room), Arc::clone(client));
    Some(Box::new(move |key| {
        async move {
            let asked = async {
                let outcome = durable.outcome_of(room_key(&room), key).await?;
                if let KeyOutcome::Stored { seq } = outcome {
                    applied(&room, &client, seq).await;
                }
                Ok(outcome)
            };
            read_within_deadline(&core, asked).await
        }
        .boxed()
    }))
}

/// Waits until a member's queue has every event up to this number, because the answer to its trigger comes after them.
async fn applied(room: &RoomCell, client: &ClientState, seq: u64) {
    loop {
        let progressed = room.applying().progressed();
        tokio::pin!(progressed);
        progressed.as_mut().enable();
        let is_due = {
            let state = room.lock();
            state.record.seq() >= seq || !state.local.contains(client.key)
        };
        if is_due {
            return;
        }
        progressed.await;
    }
}
