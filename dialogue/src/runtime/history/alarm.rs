//! Reports when the store begins to fail and when it works again: to observers and in the log.

use std::sync::{Arc, Weak};

use crate::log::durable::DurableLog;
use crate::runtime::core::Core;
use crate::serial::spawn_job;
use crate::store_failure::StoreFailure;

/// Watches a server's store for as long as the server lives.
pub(in crate::runtime) fn watch(core: &Arc<Core>, store: &dyn DurableLog) {
    let core = Arc::downgrade(core);
    store.watch(Box::new(move |failing| report(&core, failing)));
}

/// Called on the store's own thread, so a subscriber of the log must not run here.
fn report(core: &Weak<Core>, failing: Option<&StoreFailure>) {
    let Some(core) = core.upgrade() else {
        return;
    };
    core.observe.store_changed(failing);
    let (tasks, failing) = (core.lifecycle.background.clone(), failing.cloned());
    spawn_job(&tasks, move || async move {
        core.log(|| match failing {
            Some(error) => {
                tracing::error!(%error, "the store FAILS: events with history are refused until it works again")
            }
            None => tracing::info!("the store works again"),
        });
    });
}
