//! The created rooms about which this node may be wrong, because other nodes create and delete rooms too. Plain data:
//! [`settle`](super::settle) reads their records.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::id::RoomId;
use crate::serial::SerialQueue;
use crate::store_failure::StoreFailure;

/// How many records are read at once.
const BATCH: usize = 100;

/// The rooms whose records must be read from the log.
#[derive(Default)]
pub(crate) struct Unsettled {
    waiting: Mutex<BTreeMap<RoomId, Unread>>,
    /// Notified when a room is added.
    noted: Notify,
    /// Reads the records.
    pub(super) worker: SerialQueue,
}

/// Why the record of a room must be read.
#[derive(Default)]
pub(super) struct Unread {
    /// The log may have changed it: it is read until there is an answer.
    may_have_changed: bool,
    /// They wait for one attempt.
    callers: Vec<oneshot::Sender<Result<(), StoreFailure>>>,
}

impl Unsettled {
    /// Notes that the log may have another record of this room than this node believes. Never waits.
    pub(in crate::runtime) fn note(&self, id: &RoomId) {
        self.waiting.lock().entry(id.clone()).or_default().may_have_changed = true;
        self.noted.notify_one();
    }

    /// Waits until the room's record was read: the index then knows whether the room exists. Fails with the first attempt.
    pub(super) async fn read(&self, id: &RoomId) -> Result<(), StoreFailure> {
        let (caller, read) = oneshot::channel();
        self.waiting.lock().entry(id.clone()).or_default().callers.push(caller);
        self.noted.notify_one();
        read.await.unwrap_or(Err(StoreFailure::Closed))
    }

    /// Waits until a room is noted. It may be taken out by now.
    pub(super) async fn noted(&self) {
        self.noted.notified().await;
    }

    /// Takes out some rooms.
    pub(super) fn take(&self) -> BTreeMap<RoomId, Unread> {
        let mut waiting = self.waiting.lock();
        match waiting.keys().nth(BATCH).cloned() {
            Some(rest) => {
                let rest = waiting.split_off(&rest);
                std::mem::replace(&mut *waiting, rest)
            }
            None => std::mem::take(&mut *waiting),
        }
    }

    /// The record of a room was read. Returns false if the log may have changed it since it was taken out: those who wait then
    /// wait for the next one.
    pub(super) fn is_latest(&self, id: &RoomId, unread: &mut Unread) -> bool {
        match self.waiting.lock().get_mut(id) {
            Some(again) if again.may_have_changed => {
                again.callers.append(&mut unread.callers);
                false
            }
            _ => true,
        }
    }

    /// The record of a room cannot be read now.
    pub(super) fn fail(&self, id: RoomId, unread: Unread, failure: &StoreFailure) {
        if unread.may_have_changed {
            self.note(&id);
        }
        unread.tell(&Err(failure.clone()));
    }
}

impl Unread {
    /// Tells those who wait for it.
    pub(super) fn tell(self, outcome: &Result<(), StoreFailure>) {
        for caller in self.callers {
            let _is_gone = caller.send(outcome.clone());
        }
    }
}
