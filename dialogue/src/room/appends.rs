//! The events that each client of this node has handed over to a store, and that are not applied yet. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::connection::ClientKey;

/// How many events of each client are on their way through a store. Empty without a store.
#[derive(Debug, Default)]
pub(crate) struct ClientAppends(HashMap<ClientKey, usize>);

impl ClientAppends {
    /// An event of a client is handed over.
    pub(crate) fn begin(&mut self, client: ClientKey) {
        *self.0.entry(client).or_default() += 1;
    }

    /// An event of a client has been applied, or has failed.
    pub(crate) fn end(&mut self, client: ClientKey) {
        if let Entry::Occupied(mut count) = self.0.entry(client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// Whether an event of a client is on its way.
    pub(crate) fn has(&self, client: ClientKey) -> bool {
        self.0.contains_key(&client)
    }
}
