//! The hooks that learn of a delivered event: `after_each` on the spot, and `on_triggered` in a task.

use std::sync::Arc;

use crate::connection::ClientState;
use crate::containment::contain_sync;
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::hook::HookError;
use crate::room::RoomCell;
use crate::runtime::core::{Core, RoomHandle};
use crate::runtime::hooks::recursion::one_deeper_sync;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::serial::spawn_job;

/// Calls the hooks that learn of a delivered event. `depth` is how many hooks and handlers have led to it.
pub(super) fn call_hooks(
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
