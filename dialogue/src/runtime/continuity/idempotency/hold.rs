//! Keeps a key reserved while a store has its event, whatever happens to the trigger.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::outcome::Receipt;
use super::table::KeyTable;
use crate::delivery::Delivery;
use crate::log::durable::AppendKey;

/// Reserves a key until it is dropped. A repetition waits meanwhile.
pub(crate) struct KeyHold {
    state: Arc<Mutex<KeyTable>>,
    receipt: Receipt,
}

impl KeyHold {
    pub(super) fn new(state: &Arc<Mutex<KeyTable>>, receipt: &Receipt) -> Self {
        receipt.outcome.begin_append();
        Self {
            state: Arc::clone(state),
            receipt: receipt.clone(),
        }
    }

    /// The key, as a store needs it.
    pub(in crate::runtime) fn append_key(&self) -> AppendKey {
        self.receipt.append_key()
    }

    /// The event may have been delivered: nothing may run its trigger again.
    pub(in crate::runtime) fn sequenced(&self) {
        self.receipt.sequenced();
    }

    /// The event is stored and has been applied.
    pub(in crate::runtime) fn delivered(&self, delivery: Delivery) {
        self.receipt.sequenced();
        self.receipt.delivered(delivery);
    }
}

impl Drop for KeyHold {
    /// Remembers the key if its event is stored. Otherwise, it can be used again.
    fn drop(&mut self) {
        let Receipt { key, outcome, .. } = &self.receipt;
        outcome.end_append();
        // The table frees a key only if nothing else has its outcome.
        let (key, outcome) = (Arc::clone(key), std::mem::take(&mut self.receipt.outcome));
        self.state.lock().release(&key, outcome, Instant::now());
    }
}
