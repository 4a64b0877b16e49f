//! The revocations that a store has not noted yet. One after another, so that no earlier one replaces a later one.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::id::UserId;
use crate::serial::SerialQueue;
use crate::store_failure::StoreFailure;

/// The revocations that wait, and what notes them.
#[derive(Default)]
pub(crate) struct UnnotedRevocations {
    state: Mutex<Unnoted>,
    /// Notes them.
    pub(super) worker: SerialQueue,
    /// Notified after each attempt.
    progress: Notify,
}

#[derive(Default)]
struct Unnoted {
    /// The number of each user's last revocation.
    waiting: BTreeMap<UserId, u64>,
    /// Why the last attempt failed, if it did.
    failing: Option<StoreFailure>,
}

impl UnnotedRevocations {
    /// Adds a revocation. It takes the place of the user's earlier ones.
    pub(super) fn add(&self, user: &UserId, number: u64) {
        let mut state = self.state.lock();
        let last = state.waiting.entry(user.clone()).or_default();
        *last = number.max(*last);
    }

    /// A revocation that waits.
    pub(super) fn first(&self) -> Option<(UserId, u64)> {
        let state = self.state.lock();
        state
            .waiting
            .first_key_value()
            .map(|(user, number)| (user.clone(), *number))
    }

    /// Notes how an attempt with this revocation has ended.
    pub(super) fn tried(&self, user: &UserId, number: u64, outcome: Result<(), StoreFailure>) {
        let mut state = self.state.lock();
        // Another one may have followed meanwhile.
        if outcome.is_ok() && state.waiting.get(user) == Some(&number) {
            state.waiting.remove(user);
        }
        state.failing = outcome.err();
        drop(state);
        self.progress.notify_waiters();
    }

    /// Waits until the store has noted the last revocation of a user. Fails while the store does.
    pub(super) async fn noted(&self, user: &UserId) -> Result<(), StoreFailure> {
        loop {
            let progressed = self.progress.notified();
            {
                let state = self.state.lock();
                if !state.waiting.contains_key(user) {
                    return Ok(());
                }
                if let Some(failure) = &state.failing {
                    return Err(failure.clone());
                }
            }
            progressed.await;
        }
    }
}
