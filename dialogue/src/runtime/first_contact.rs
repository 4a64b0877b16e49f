//! Whether a server has begun. A server without a cluster has begun when it is built, the others begin at the first contact.

use tokio::sync::watch;

use crate::chain::Chain;
use crate::cluster::Unfit;
use crate::store_failure::StoreFailure;

/// Whether a server has begun. Plain memory if there is no cluster.
#[derive(Debug)]
pub(crate) struct FirstContact(Option<watch::Receiver<Progress>>);

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
        (Self(has_cluster.then_some(progress)), sender)
    }

    /// Whether the server has begun.
    pub(crate) fn is_made(&self) -> bool {
        let is_made = |progress: &watch::Receiver<_>| matches!(*progress.borrow(), Progress::Made);
        self.0.as_ref().is_none_or(is_made)
    }

    /// Waits until it is known that the server never begins, and says why. Forever if it begins.
    #[cfg(feature = "server")]
    pub(crate) async fn unfit(&self) -> Unfit {
        if let Some(mut progress) = self.0.clone() {
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
        let Some(mut progress) = self.0.clone() else {
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
