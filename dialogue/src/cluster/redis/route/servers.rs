//! Which servers there are: one, or those of a cluster by their slots.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::super::address::Address;
use super::super::connection::Request;
use super::super::feed::{Feed, FeedSink};
use super::super::hash_tag;
use super::super::keys::{Keys, Partition};
use super::super::link::Link;
use super::super::settings::Settings;
use super::super::slots::Slots;
use crate::cluster::Contact;

/// How often the slots of a cluster are read without need: a slot may move, and nobody says so.
const REFRESH: Duration = Duration::from_secs(5);

/// The same while a server cannot be reached.
const REFRESH_LOST: Duration = Duration::from_millis(500);

/// The least time between two readings of the slots.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Inner {
    pub(super) settings: Arc<Settings>,
    pub(super) sink: FeedSink,
    pub(super) keys: OnceLock<Keys>,
    pub(super) servers: Mutex<Servers>,
    /// The slots shall be read.
    pub(super) refresh: Notify,
    pub(super) contact: watch::Sender<Contact>,
    /// Which server is asked next for the slots.
    pub(super) turn: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Servers {
    pub(super) links: HashMap<Address, Arc<Link>>,
    pub(super) feeds: HashMap<Address, Arc<Feed>>,
    /// Each channel that is wanted, with its slot, and where its feed is.
    pub(super) channels: HashMap<Bytes, (u16, Address)>,
    pub(super) moving: HashMap<u16, Moving>,
    /// When a server was last asked where a slot is moving.
    pub(super) asked: HashMap<u16, Instant>,
    /// Empty for one server, and as long as nothing is known of a cluster.
    pub(super) slots: Slots,
    /// Whether it is a cluster. `None` until a server has said so.
    pub(super) is_cluster: Option<bool>,
}

/// A slot that is moving to another server.
pub(super) struct Moving {
    pub(super) target: Address,
    /// When a server last said so.
    pub(super) heard: Instant,
}

impl Servers {
    /// The server that has a slot, if that is known.
    pub(super) fn address_of<'a>(&'a self, slot: u16, settings: &'a Settings) -> Option<&'a Address> {
        match self.is_cluster? {
            true => self.slots.of(slot),
            false => settings.addresses.first(),
        }
    }
}

impl Inner {
    pub(super) fn slot(&self, partition: Partition) -> u16 {
        match self.keys.get() {
            Some(keys) => keys.slot(partition),
            None => hash_tag::slot(self.settings.prefix.as_bytes()),
        }
    }

    /// The link to the server of a slot, if that is known.
    pub(super) fn known_link_of(&self, slot: u16) -> Option<Arc<Link>> {
        let servers = self.servers.lock();
        let address = servers.address_of(slot, &self.settings)?;
        servers.links.get(address).cloned()
    }

    /// The link to the server of a slot, or to one that will say where it is.
    pub(super) fn link_of(self: &Arc<Self>, slot: u16) -> Arc<Link> {
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

    pub(super) fn link_to(self: &Arc<Self>, address: Address) -> Arc<Link> {
        self.link_at(&mut self.servers.lock(), &address)
    }

    pub(super) fn link_at(self: &Arc<Self>, servers: &mut Servers, address: &Address) -> Arc<Link> {
        let link = servers.links.entry(address.clone()).or_insert_with(|| {
            let settings = Arc::clone(&self.settings);
            Arc::new(Link::start(address.clone(), settings, self.link_changed()))
        });
        Arc::clone(link)
    }

    /// Reads the slots of the cluster. `false` if no server has said them.
    async fn read_slots(self: &Arc<Self>) -> bool {
        let mut links: Vec<_> = self.servers.lock().links.values().cloned().collect();
        links.retain(|link| link.info().is_some());
        if links.is_empty() {
            return false;
        }
        // Each in its turn: one that is cut off from the others says what was.
        links.sort_unstable_by(|a, b| a.address().cmp(b.address()));
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % links.len();
        links.rotate_left(first);
        for link in links {
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

    fn use_slots(self: &Arc<Self>, slots: Slots) {
        let mut servers = self.servers.lock();
        if servers.slots != slots {
            servers.slots = slots;
            self.follow_slots(&mut servers);
        }
        servers.forget_moves();
        // Servers without slots are left. Those of the settings may be the way back.
        let targets = servers.moving.values().map(|moving| &moving.target);
        let used: HashSet<_> = servers.slots.servers().chain(targets).cloned().collect();
        let seeds = &self.settings.addresses;
        servers.feeds.retain(|address, _| used.contains(address));
        servers
            .links
            .retain(|address, _| used.contains(address) || seeds.contains(address));
        self.note_contact(&servers);
    }

    /// Channels follow their slots.
    fn follow_slots(self: &Arc<Self>, servers: &mut Servers) {
        let addresses: HashSet<_> = servers.slots.servers().cloned().collect();
        for address in addresses {
            self.link_at(servers, &address);
        }
        let moved: Vec<_> = servers
            .channels
            .iter()
            .filter_map(|(channel, (slot, at))| {
                let address = servers.slots.of(*slot)?;
                (address != at).then(|| (channel.clone(), *slot, at.clone(), address.clone()))
            })
            .collect();
        for (channel, slot, from, to) in moved {
            let feed = self.feed_at(servers, &to);
            if let Some(from) = servers.feeds.get(&from) {
                feed.take_over(&channel, from);
            }
            servers.channels.insert(channel, (slot, to));
        }
    }
}

/// Reads where the slots of a cluster are, again and again. Ends if it is no cluster.
pub(super) async fn watch_slots(inner: Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let is_cluster = inner.servers.lock().is_cluster;
        match is_cluster {
            Some(false) => return,
            Some(true) if !inner.read_slots().await => {}
            Some(true) => {
                // A replica may take over from a server that is lost, and nobody says so.
                let longest = match *inner.contact.borrow() {
                    Contact::Connected => REFRESH,
                    Contact::NotYet | Contact::Lost { .. } => REFRESH_LOST,
                };
                drop(timeout(longest, inner.refresh.notified()).await);
            }
            None => inner.refresh.notified().await,
        }
        tokio::time::sleep(REFRESH_PAUSE).await;
    }
}
