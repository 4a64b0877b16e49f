//! What has happened to a trigger with a key, and how the trigger reports it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::key::{Key, Owner};
use crate::delivery::Delivery;
use crate::log::durable::AppendKey;

/// What has happened to the trigger of a key.
#[derive(Default)]
pub(crate) struct KeyedOutcome {
    /// Held while the trigger runs, so that a repetition waits for its outcome.
    pub(super) running: tokio::sync::Mutex<()>,
    pub(super) progress: Mutex<Progress>,
    /// Notified when a store no longer has the event.
    settled: Notify,
}

#[derive(Default, Clone)]
pub(super) struct Progress {
    /// Who has sent it, from the moment when it has its place in the room.
    pub(super) owner: Option<Owner>,
    pub(super) delivery: Option<Delivery>,
    /// Whether the event is handed over to a store, and its outcome is not known yet.
    pub(super) is_appending: bool,
}

impl KeyedOutcome {
    /// The event has its place in the room: from now on, the key stays, whatever happens to the trigger.
    pub(super) fn sequenced_by(&self, owner: &Owner) {
        self.progress.lock().owner.get_or_insert_with(|| owner.clone());
    }

    pub(super) fn delivered(&self, delivery: Delivery) {
        self.progress.lock().delivery = Some(delivery);
    }

    /// The event is handed over to a store.
    pub(super) fn begin_append(&self) {
        self.progress.lock().is_appending = true;
    }

    /// What has become of the event in the store is known.
    pub(super) fn end_append(&self) {
        self.progress.lock().is_appending = false;
        self.settled.notify_waiters();
    }

    /// Waits until the outcome of the event in the store is known.
    pub(super) async fn settled(&self) {
        loop {
            let settled = self.settled.notified();
            if !self.progress.lock().is_appending {
                return;
            }
            settled.await;
        }
    }
}

/// What a trigger that runs with a key reports, at the moment when it happens: its future may be dropped right after.
#[derive(Clone)]
pub(crate) struct Receipt {
    pub(super) key: Arc<Key>,
    pub(super) outcome: Arc<KeyedOutcome>,
    pub(super) owner: Owner,
    /// With a store: the run of the first attempt, if this is a repetition.
    pub(super) repeats: Option<u64>,
}

impl Receipt {
    /// The key, as a store needs it.
    pub(in crate::runtime) fn append_key(&self) -> AppendKey {
        AppendKey {
            user: self.key.user.clone(),
            key: self.key.key.clone(),
            connection: self.owner.connection.clone(),
            repeats: self.repeats,
        }
    }

    /// The event has its place in the room.
    pub(in crate::runtime) fn sequenced(&self) {
        self.outcome.sequenced_by(&self.owner);
    }

    /// The event is in the queue of each recipient.
    pub(in crate::runtime) fn delivered(&self, delivery: Delivery) {
        self.outcome.delivered(delivery);
    }
}
