//! Whether a server has begun. A server without a cluster has begun when it is built, the others begin at the first contact.

use tokio::sync::watch;
use tokio::time::Instant;

use crate::chain::Chain;
use crate::cluster::Unfit;
use crate::store_failure::StoreFailure;

/// Whether a server has begun. Plain memory if there is no cluster.
#[derive(Debug)]
pub(crate) struct FirstContact(Option<Awaited>);

#[derive(Debug)]
struct Awaited {
    progress: watch::Receiver<Progress>,
    since: Instant,
}

/// How far a server has come. The task that begins it has the other half, and ends when this one is dropped.
#[derive(Debug, Clone)]
pub(in crate::runtime) enum Progress {
    Waiting,
    Made,
    /// It never begins.
    Unfit(Unfit),
}

impl FirstContact {
    /// The second value belongs to the task that begins the server.
    pub(in crate::runtime) fn of(has_cluster: bool) -> (Self, watch::Sender<Progress>) {
        let (sender, progress) = watch::channel(Progress::Waiting);
        let awaited = has_cluster.then(|| Awaited {
            progress,
            since: Instant::now(),
        });
        (Self(awaited), sender)
    }

    /// Whether the server has begun.
    pub(crate) fn is_made(&self) -> bool {
        let is_made = |awaited: &Awaited| matches!(*awaited.progress.borrow(), Progress::Made);
        self.0.as_ref().is_none_or(is_made)
    }

    /// Since when the server has been waiting. `None` if it has begun.
    pub(super) fn awaited_since(&self) -> Option<Instant> {
        let awaited = self.0.as_ref().filter(|_| !self.is_made())?;
        Some(awaited.since)
    }

    fn progress(&self) -> Option<watch::Receiver<Progress>> {
        self.0.as_ref().map(|awaited| awaited.progress.clone())
    }

    /// Waits until it is known that the server never begins, and says why. Forever if it begins.
    #[cfg(feature = "server")]
    pub(crate) async fn unfit(&self) -> Unfit {
        if let Some(mut progress) = self.progress() {
            let unfit = progress
                .wait_for(|progress| matches!(progress, Progress::Unfit(_)))
                .await;
            if let Ok(Progress::Unfit(reason)) = unfit.as_deref() {
                return Unfit::clone(reason);
            }
        }
        std::future::pending().await
    }

    /// Waits until the server has begun.
    pub(super) async fn made(&self) -> Result<(), StoreFailure> {
        let Some(mut progress) = self.progress() else {
            return Ok(());
        };
        let outcome = progress
            .wait_for(|progress| !matches!(progress, Progress::Waiting))
            .await;
        match outcome.as_deref() {
            Ok(Progress::Unfit(reason)) => Err(StoreFailure::Failed {
                reason: Chain(&**reason).to_string(),
            }),
            Ok(_) => Ok(()),
            // The server stops.
            Err(_) => Err(StoreFailure::Closed),
        }
    }
}
