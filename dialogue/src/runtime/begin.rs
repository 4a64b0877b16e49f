//! Begins a server at its first contact with a cluster. Before, the server knows neither its rooms nor the secret of its
//! tokens, and admits nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::core::Core;
use super::first_contact::Progress;
use super::history::retention;
use super::rooms::fixed::{StoredRooms, add_fixed};
use super::rooms::load::note_index;
use super::rooms::settle;
use crate::chain::Chain;
use crate::cluster::{Beginning, Cluster};

/// The time after which the log says that the server still waits.
const REPORTED_AFTER: Duration = Duration::from_secs(5);

/// Begins a server at the first contact. Waits for nothing, and keeps the server alive only while it begins.
pub(in crate::runtime) fn start(core: &Arc<Core>, cluster: &dyn Cluster, progress: watch::Sender<Progress>) {
    let (server, beginning) = (Arc::downgrade(core), cluster.begin());
    let stopping = core.lifecycle.stopping.clone();
    core.lifecycle.background.spawn(async move {
        let report = async {
            sleep(REPORTED_AFTER).await;
            if let Some(core) = server.upgrade() {
                core.log(|| {
                    tracing::warn!("the cluster cannot be reached yet: the server refuses clients until it can");
                });
            }
            std::future::pending().await
        };
        let beginning = tokio::select! {
            beginning = beginning => beginning,
            () = stopping.cancelled() => return,
            () = progress.closed() => return,
            () = report => return,
        };
        let Some(core) = server.upgrade() else {
            return;
        };
        let outcome = match beginning {
            Ok(beginning) => {
                begin(&core, beginning);
                core.log(|| tracing::info!("the cluster was reached: the server admits clients"));
                Progress::Made
            }
            Err(reason) => {
                core.log(|| {
                    let error = Chain(&*reason);
                    tracing::error!(%error, "the server CANNOT USE its cluster, and admits no client until it is started again");
                });
                Progress::Unfit(reason)
            }
        };
        progress.send_replace(outcome);
    });
}

/// Notes what a server needs before it admits clients.
fn begin(core: &Arc<Core>, Beginning { run, index }: Beginning) {
    let Some(durable) = &core.history.durable else {
        return;
    };
    core.continuity.begin(&core.limits, run, true);
    let stored = StoredRooms::new(&**durable, &index);
    // They fit, as `build` has checked: other rooms wait for the beginning.
    let _all_fit = add_fixed(&core.rooms, Some(&stored));
    note_index(core, index);
    settle::start(core);
    retention::start(core);
}
