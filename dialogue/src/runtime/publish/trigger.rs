//! A trigger, from a draft to the hooks that learn of its delivery: admit, sequence, apply.

use std::sync::Arc;

use tokio::task::coop::consume_budget;

use super::admit::{self, Admitted};
use super::apply::apply;
use super::draft::{Draft, Rejected};
use super::sequence::sequence;
use crate::connection::ClientState;
use crate::containment::contain_sync;
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::hook::HookError;
use crate::protocol::EventHead;
use crate::room::RoomCell;
use crate::runtime::continuity::idempotency::Receipt;
use crate::runtime::core::{Core, RoomHandle};
use crate::runtime::history::archive;
use crate::runtime::hooks::recursion::one_deeper_sync;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::serial::spawn_job;

/// Publishes a client's event. `receipt` is for the key that the client gave it.
pub(crate) async fn by_client(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: &Arc<ClientState>,
    draft: Draft,
    receipt: Option<&Receipt>,
) -> Result<Delivery, Rejected> {
    let admitted = admit::from_client(core, room, sender, draft).await?;
    publish(core, room, Some(sender), admitted, receipt)
}

/// Publishes the server's event.
pub(crate) async fn by_server(core: &Arc<Core>, room: &Arc<RoomCell>, draft: Draft) -> Result<Delivery, Rejected> {
    // A loop of triggers waits for nothing. Without this, the tasks that send its events would not run before its end.
    consume_budget().await;
    let admitted = admit::from_server(core, room, draft).await?;
    publish(core, room, None, admitted, None)
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

fn call_hooks(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    message: Arc<EventMessage>,
    delivery: Delivery,
    depth: usize,
) {
    if core.hooks.after_each.concerns(room.template.declaration) {
        let involved = Involved::event(&message).sent_by(sender.map(Arc::as_ref));
        call_after_each(core, &core.room(room), involved, &message, delivery, depth);
    }
    if !core.hooks.on_triggered.concerns(room.template.declaration) {
        return;
    }
    let Ok(permit) = Arc::clone(&core.hooks.notifications).try_acquire_owned() else {
        core.observe.handler_lag().note_dropped();
        log_line!(
            ERROR,
            core,
            Involved::event(&message).sent_by(sender.map(Arc::as_ref)),
            "",
            { hook = "on_triggered", },
            "on_triggered was not called: too many of its calls are running"
        );
        return;
    };
    let (core, room, sender) = (Arc::clone(core), core.room(room), sender.cloned());
    let tasks = core.lifecycle.tasks.clone();
    spawn_job(&tasks, move || async move {
        let involved = Involved::event(&message).sent_by(sender.as_deref());
        for hook in core.hooks.on_triggered.of(room.cell.template.declaration) {
            let call = || (hook.run)((Arc::clone(&message), room.clone()));
            let _logged = core.run_hook(hook.name, involved, depth, call).await;
        }
        drop(permit);
    });
}

fn call_after_each(
    core: &Core,
    room: &RoomHandle,
    involved: Involved<'_>,
    message: &EventMessage,
    delivery: Delivery,
    depth: usize,
) {
    for hook in core.hooks.after_each.of(room.cell.template.declaration) {
        let started = core.start_of_hook();
        let done = one_deeper_sync(core.lifecycle.server, depth, || {
            contain_sync(|| (hook.run)(message, &delivery, room))
        });
        let failure = match done {
            Ok(Ok(())) => None,
            // The event has been sent, so there is nothing left to refuse.
            Ok(Err(error)) => Some(HookError::Failed(error.into_failure())),
            Err(failure) => Some(HookError::Failed(failure)),
        };
        core.report(hook.name, involved, started, failure.as_ref());
        core.log_error(hook.name, involved, failure.as_ref());
    }
}
