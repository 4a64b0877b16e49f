//! Tests of the stores and of the handle. Stores are compared with a model, and with a reference that has a single
//! lock.

mod concurrency;
#[allow(dead_code, reason = "the tests that use all of it follow")]
pub(crate) mod fake_store;
mod laws;
mod manager;
mod model;
mod recency;
mod reference;

use super::store::LogStore;
use super::{Evicted, LogBounds, LogCursor, LogPage, StoredEvent};
use crate::id::RoomId;

/// Appends an event and returns the evicted events.
fn append_to(store: &impl LogStore, room: &RoomId, event: StoredEvent, limit: usize) -> Vec<Evicted> {
    let mut evicted = Vec::new();
    store.append(room, event, limit, |more| evicted.extend(more));
    evicted
}

fn page_of(store: &impl LogStore, room: &str, event: &str, cursor: LogCursor, bounds: LogBounds) -> LogPage {
    store.page(room, event, cursor, bounds, |page, _| page)
}

fn drain(store: &impl LogStore) -> Vec<Evicted> {
    let mut evicted = Vec::new();
    store.drain(|more| evicted.extend(more));
    evicted
}
