//! Which servers there are: one, or those of a cluster by their slots.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::super::address::Address;
use super::super::connection::Request;
use super::super::feed::{Feed, FeedSink};
use super::super::keys::{self, Keys, Partition};
use super::super::link::Link;
use super::super::settings::Settings;
use super::super::slots::Slots;

/// How often the slots of a cluster are read without need: a slot may move, and nobody says so.
const REFRESH: Duration = Duration::from_secs(5);

/// The least time between two readings of the slots.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Inner {
    pub(super) settings: Arc<Settings>,
    pub(super) sink: FeedSink,
    pub(super) keys: OnceLock<Keys>,
    pub(super) servers: Mutex<Servers>,
    /// The slots shall be read.
    pub(super) refresh: Notify,
}

#[derive(Default)]
pub(super) struct Servers {
    pub(super) links: HashMap<Address, Arc<Link>>,
    pub(super) feeds: HashMap<Address, Arc<Feed>>,
    /// Each channel that is wanted, with its slot, and where its feed is.
    pub(super) channels: HashMap<Bytes, (u16, Address)>,
    /// Empty for one server, and as long as nothing is known of a cluster.
    pub(super) slots: Slots,
    pub(super) is_cluster: bool,
}

impl Inner {
    pub(super) fn slot(&self, partition: Partition) -> u16 {
        match self.keys.get() {
            Some(keys) => keys.slot(partition),
            None => keys::slot(self.settings.prefix.as_bytes()),
        }
    }

    /// The link to the server of a slot, if that is known.
    pub(super) fn known_link_of(&self, slot: u16) -> Option<Arc<Link>> {
        let servers = self.servers.lock();
        let address = match servers.is_cluster {
            true => servers.slots.of(slot)?,
            false => self.settings.addresses.first()?,
        };
        servers.links.get(address).cloned()
    }

    /// The link to the server of a slot, or to one that will say where it is.
    pub(super) fn link_of(&self, slot: u16) -> Arc<Link> {
        if let Some(link) = self.known_link_of(slot) {
            return link;
        }
        let connected = self
            .servers
            .lock()
            .links
            .values()
            .find(|link| link.info().is_some())
            .cloned();
        connected.unwrap_or_else(|| {
            let first = self.settings.addresses.first().cloned();
            self.link_to(first.unwrap_or(Address::Unix("none".into())))
        })
    }

    pub(super) fn link_to(&self, address: Address) -> Arc<Link> {
        let mut servers = self.servers.lock();
        let link = servers
            .links
            .entry(address)
            .or_insert_with_key(|address| Arc::new(Link::start(address.clone(), Arc::clone(&self.settings))));
        Arc::clone(link)
    }

    /// Reads the slots of the cluster. `false` if no server has said them.
    async fn read_slots(self: &Arc<Self>) -> bool {
        let links: Vec<_> = self.servers.lock().links.values().cloned().collect();
        for link in links.into_iter().filter(|link| link.info().is_some()) {
            let mut command = redis::cmd("CLUSTER");
            command.arg("SLOTS");
            let Ok(reply) = link.send(Request::One(command), None).await else {
                continue;
            };
            match Slots::parse(&reply, link.address()) {
                Some(slots) if !slots.is_empty() => {
                    self.use_slots(slots);
                    return true;
                }
                _ => tracing::debug!(server = %link.address(), "CLUSTER SLOTS has no slots"),
            }
        }
        false
    }

    pub(super) fn use_slots(self: &Arc<Self>, slots: Slots) {
        let mut servers = self.servers.lock();
        for address in slots.servers() {
            servers
                .links
                .entry(address.clone())
                .or_insert_with(|| Arc::new(Link::start(address.clone(), Arc::clone(&self.settings))));
        }
        servers.slots = slots;
        // Channels follow their slots.
        let moved: Vec<_> = servers
            .channels
            .iter()
            .filter_map(|(channel, (slot, at))| {
                let address = servers.slots.of(*slot)?;
                (address != at).then(|| (channel.clone(), *slot, at.clone(), address.clone()))
            })
            .collect();
        for (channel, slot, from, to) in moved {
            let feed = self.feed_at(&mut servers, &to, slot, &channel);
            if let Some(from) = servers.feeds.get(&from) {
                feed.take_over(&channel, from);
            }
            servers.channels.insert(channel, (slot, to));
        }
        // Servers without slots are left. Those of the settings may be the way back.
        let used: Vec<_> = servers.slots.servers().cloned().collect();
        let seeds = &self.settings.addresses;
        servers.feeds.retain(|address, _| used.contains(address));
        servers
            .links
            .retain(|address, _| used.contains(address) || seeds.contains(address));
    }
}

/// Finds out whether it is a cluster, and then where its slots are.
pub(super) async fn watch(inner: Weak<Inner>) {
    let mut contacts: Vec<_> = match inner.upgrade() {
        Some(inner) => inner.servers.lock().links.values().map(|link| link.contact()).collect(),
        None => return,
    };
    let firsts = contacts.iter_mut().map(|contact| {
        Box::pin(async move {
            let contact = contact.wait_for(|contact| contact.info.is_some()).await;
            let is_cluster = contact
                .ok()
                .map(|contact| contact.info.as_ref().is_some_and(|info| info.is_cluster));
            match is_cluster {
                Some(is_cluster) => is_cluster,
                None => std::future::pending().await,
            }
        })
    });
    let (is_cluster, ..) = futures_util::future::select_all(firsts).await;
    {
        let Some(inner) = inner.upgrade() else { return };
        let mut servers = inner.servers.lock();
        servers.is_cluster |= is_cluster;
        if !servers.is_cluster {
            return;
        }
    }
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let is_read = strong.read_slots().await;
        tokio::time::sleep(REFRESH_PAUSE).await;
        if is_read {
            let _time_is_up = timeout(REFRESH, strong.refresh.notified()).await;
        }
    }
}
