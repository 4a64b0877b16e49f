//! The events that each client of this node has handed over to a store, and that are not applied yet. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio::time::Instant;

use crate::connection::ClientKey;

/// How many events of each client are on their way through a store, and when the outcome of
/// the latest counts as unknown. Empty without a store.
#[derive(Debug, Default)]
pub(crate) struct ClientAppends(HashMap<ClientKey, (usize, Instant)>);

impl ClientAppends {
    /// An event of a client is handed over.
    pub(crate) fn begin(&mut self, client: ClientKey, deadline: Instant) {
        let (count, latest) = self.0.entry(client).or_insert((0, deadline));
        *count += 1;
        *latest = deadline.max(*latest);
    }

    /// An event of a client has been applied, or has failed.
    pub(crate) fn end(&mut self, client: ClientKey) {
        if let Entry::Occupied(mut count) = self.0.entry(client) {
            count.get_mut().0 -= 1;
            if count.get().0 == 0 {
                count.remove();
            }
        }
    }

    /// The outcome of a client's latest event is unknown from now on, before its deadline.
    pub(crate) fn note_unknown(&mut self, client: ClientKey, now: Instant) {
        if let Some((_, deadline)) = self.0.get_mut(&client) {
            *deadline = now.min(*deadline);
        }
    }

    /// If an event of a client is on its way: when its outcome counts as unknown.
    pub(crate) fn deadline(&self, client: ClientKey) -> Option<Instant> {
        self.0.get(&client).map(|(_, deadline)| *deadline)
    }
}
