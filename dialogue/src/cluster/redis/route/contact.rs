//! Whether all servers can be reached.

use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::servers::{Inner, Servers};
use crate::cluster::Contact;

impl Inner {
    /// What a link calls when its server comes, goes, or becomes another one.
    pub(super) fn link_changed(self: &Arc<Self>) -> Arc<dyn Fn() + Send + Sync> {
        let inner = Arc::downgrade(self);
        Arc::new(move || {
            let Some(inner) = Weak::upgrade(&inner) else { return };
            let mut servers = inner.servers.lock();
            if servers.is_cluster.is_none() {
                servers.is_cluster = servers.links.values().find_map(|link| Some(link.info()?.is_cluster));
            }
            inner.refresh.notify_one();
            inner.note_contact(&servers);
        })
    }

    /// Tells whether all servers can be reached. Call it after each change of what this depends on, with the lock: so the last
    /// one that is told is the present one.
    pub(super) fn note_contact(&self, servers: &Servers) {
        let is_reached = self.is_reached(servers);
        // Also told if it stays as it is: a server came or went, and somebody may wait for that one.
        self.contact.send_modify(|contact| match (&*contact, is_reached) {
            (_, true) => *contact = Contact::Connected,
            (Contact::Connected, false) => *contact = Contact::Lost { since: Instant::now() },
            (Contact::NotYet | Contact::Lost { .. }, false) => {}
        });
    }

    fn is_reached(&self, servers: &Servers) -> bool {
        let is_usable = |address| {
            let info = servers.links.get(address).and_then(|link| link.info());
            info.is_some_and(|info| info.is_primary)
        };
        match servers.is_cluster {
            Some(true) => servers.slots.is_complete() && servers.slots.servers().all(is_usable),
            Some(false) => self.settings.addresses.first().is_some_and(is_usable),
            None => false,
        }
    }
}
