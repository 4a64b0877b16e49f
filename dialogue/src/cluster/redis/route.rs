//! All connections of a node: finds the server of a partition, and keeps the feeds on the servers of their channels.
//!
//! One server has one link and one feed. A cluster has a link and a feed for each of its primaries. Whether it is a cluster,
//! the first server that answers says.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::address::Address;
use super::calls::{CallError, Calls};
use super::connection::Request;
use super::error::RedisError;
use super::feed::{Feed, FeedSink, Surroundings};
use super::keys::{self, Keys, Partition};
use super::link::Link;
use super::refusal::Refusal;
use super::script::Script;
use super::settings::{Redis, Settings};
use super::slots::{Slots, complete};
use crate::random::random_name;

/// How often a call follows Redis to another server, or sends a script's text.
const MOST_ATTEMPTS: usize = 6;

/// How often the slots of a cluster are read without need: a slot may move, and nobody says so.
const REFRESH: Duration = Duration::from_secs(5);

/// The least time between two readings of the slots.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Where the arguments of a script name the server's identity (`prelude.lua`).
const IDENTITY: usize = 1;

/// All connections of a node. They end when this is dropped.
pub(super) struct Connections {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    settings: Arc<Settings>,
    sink: FeedSink,
    keys: OnceLock<Keys>,
    servers: Mutex<Servers>,
    /// The slots shall be read.
    refresh: Notify,
}

#[derive(Default)]
struct Servers {
    links: HashMap<Address, Arc<Link>>,
    feeds: HashMap<Address, Arc<Feed>>,
    /// Each channel that is wanted, with its slot, and where its feed is.
    channels: HashMap<Bytes, (u16, Address)>,
    /// Empty for one server, and as long as nothing is known of a cluster.
    slots: Slots,
    is_cluster: bool,
}

impl Connections {
    /// Checks the settings, and connects in the background. Call it in a runtime.
    pub(super) fn start(settings: Redis, sink: FeedSink) -> Result<Self, RedisError> {
        let settings = Arc::new(settings.check()?);
        let mut servers = Servers {
            is_cluster: settings.cluster,
            ..Servers::default()
        };
        for address in &settings.addresses {
            servers
                .links
                .entry(address.clone())
                .or_insert_with(|| Arc::new(Link::start(address.clone(), Arc::clone(&settings))));
        }
        let inner = Arc::new(Inner {
            settings,
            sink,
            keys: OnceLock::new(),
            servers: Mutex::new(servers),
            refresh: Notify::new(),
        });
        let task = tokio::spawn(watch(Arc::downgrade(&inner)));
        Ok(Self { inner, task })
    }

    /// Sets the number of partitions that all nodes have agreed on. Before, only [`Partition::META`] can be used.
    pub(super) fn agreed(&self, keys: Keys) {
        let _already = self.inner.keys.set(keys);
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    #[cfg(test)]
    pub(super) fn link(&self, partition: Partition) -> Arc<Link> {
        self.inner.link_of(self.inner.slot(partition))
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.task.abort();
        // Feeds know the connections.
        let mut servers = self.inner.servers.lock();
        servers.feeds.clear();
        servers.links.clear();
    }
}

impl Calls for Connections {
    fn call(
        &self,
        partition: Partition,
        script: &'static Script,
        keys: Vec<Bytes>,
        args: Vec<Bytes>,
    ) -> BoxFuture<'static, Result<Value, CallError>> {
        let slot = self.inner.slot(partition);
        let link = self.inner.link_of(slot);
        // Sent at once, in the order of the calls.
        let identity = args.get(IDENTITY).filter(|identity| !identity.is_empty()).cloned();
        let first = link.send(Request::One(command(script, true, &keys, &args)), identity);
        let inner = Arc::clone(&self.inner);
        Box::pin(inner.follow(slot, link, script, keys, args, first))
    }

    fn identity(&self, partition: Partition) -> Option<Arc<str>> {
        let slot = self.inner.slot(partition);
        let link = self.inner.known_link_of(slot)?;
        Some(Arc::clone(&link.info()?.identity))
    }

    fn subscribe(&self, partition: Partition, channel: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        let slot = self.inner.slot(partition);
        let feed = self.inner.subscribed(channel.clone(), slot);
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let timing = inner.settings.timing;
            let Some(feed) = feed else {
                inner.servers.lock().channels.remove(&channel);
                return Err(CallError::NotSent("no connection to Redis yet".to_owned()));
            };
            let answered = feed.subscribe(channel.clone());
            drop(feed);
            match timeout(timing.queue + timing.response, answered).await {
                Ok(Ok(answer)) => answer,
                // The caller does not know whether it is subscribed, and must not care: it is not wanted any more.
                Ok(Err(_)) | Err(_) => {
                    inner.unsubscribe(&channel);
                    Err(CallError::Unknown(
                        "Redis has not confirmed the subscription".to_owned(),
                    ))
                }
            }
        })
    }

    fn unsubscribe(&self, _partition: Partition, channel: Bytes) {
        self.inner.unsubscribe(&channel);
    }

    fn publish_command(&self) -> &'static str {
        match self.inner.servers.lock().is_cluster {
            true => "SPUBLISH",
            false => "PUBLISH",
        }
    }
}

impl Inner {
    fn slot(&self, partition: Partition) -> u16 {
        match self.keys.get() {
            Some(keys) => keys.slot(partition),
            None => keys::slot(self.settings.prefix.as_bytes()),
        }
    }

    /// The link to the server of a slot, if that is known.
    fn known_link_of(&self, slot: u16) -> Option<Arc<Link>> {
        let servers = self.servers.lock();
        let address = match servers.is_cluster {
            true => servers.slots.of(slot)?,
            false => self.settings.addresses.first()?,
        };
        servers.links.get(address).cloned()
    }

    /// The link to the server of a slot, or to one that will say where it is.
    fn link_of(&self, slot: u16) -> Arc<Link> {
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

    fn link_to(&self, address: Address) -> Arc<Link> {
        let mut servers = self.servers.lock();
        let link = servers
            .links
            .entry(address)
            .or_insert_with_key(|address| Arc::new(Link::start(address.clone(), Arc::clone(&self.settings))));
        Arc::clone(link)
    }

    /// Waits for a call, and follows Redis to another server.
    async fn follow(
        self: Arc<Self>,
        slot: u16,
        mut link: Arc<Link>,
        script: &'static Script,
        keys: Vec<Bytes>,
        mut args: Vec<Bytes>,
        first: BoxFuture<'static, Result<Value, CallError>>,
    ) -> Result<Value, CallError> {
        let mut reply = first.await?;
        let (mut is_known, mut is_asking) = (true, false);
        let mut attempts = 1;
        loop {
            let error = match reply {
                Value::ServerError(error) => redis::RedisError::from(error),
                reply => return Ok(reply),
            };
            let refusal = Refusal::of(&error);
            if attempts >= MOST_ATTEMPTS {
                return Err(CallError::Refused(super::refusal::text(&error)));
            }
            attempts += 1;
            let elsewhere = match refusal {
                Refusal::UnknownScript => {
                    is_known = false;
                    None
                }
                Refusal::Moved(address) => {
                    let address = complete(address, link.address());
                    self.servers.lock().slots.set_moved(slot, address.clone());
                    self.refresh.notify_one();
                    is_asking = false;
                    Some(address)
                }
                Refusal::Ask(address) => {
                    is_asking = true;
                    Some(complete(address, link.address()))
                }
                Refusal::NotPrimary(error) => {
                    self.refresh.notify_one();
                    link.suspect();
                    return Err(error);
                }
                Refusal::Final(error) => return Err(error),
            };
            if let Some(address) = elsewhere {
                link = self.link_to(address);
                is_known = true;
                // The script runs under the identity of the server that runs it.
                if args.get(IDENTITY).is_some_and(|identity| !identity.is_empty()) {
                    args[IDENTITY] = identity(&link, self.settings.timing.queue).await?;
                }
            }
            let command = command(script, is_known, &keys, &args);
            let request = match is_asking {
                true => Request::Asking(command),
                false => Request::One(command),
            };
            let identity = args.get(IDENTITY).filter(|identity| !identity.is_empty()).cloned();
            reply = link.send(request, identity).await?;
        }
    }

    /// Notes a channel, and returns its feed. `None` if nothing is known of a cluster, or whether it is one.
    fn subscribed(self: &Arc<Self>, channel: Bytes, slot: u16) -> Option<Arc<Feed>> {
        let mut servers = self.servers.lock();
        let address = self.feed_address(&servers, slot)?;
        let feed = self.feed_at(&mut servers, &address, slot, &channel);
        servers.channels.insert(channel, (slot, address));
        Some(feed)
    }

    fn feed_address(&self, servers: &Servers, slot: u16) -> Option<Address> {
        match servers.is_cluster {
            true => servers.slots.of(slot).cloned(),
            false => {
                let first = self.settings.addresses.first()?;
                // Until a server has said so, it may be a cluster.
                let is_known = !servers.feeds.is_empty() || servers.links.get(first)?.info().is_some();
                is_known.then(|| first.clone())
            }
        }
    }

    fn feed_at(self: &Arc<Self>, servers: &mut Servers, address: &Address, slot: u16, channel: &Bytes) -> Arc<Feed> {
        let is_cluster = servers.is_cluster;
        let feed = servers.feeds.entry(address.clone()).or_insert_with(|| {
            let surroundings = Around {
                inner: Arc::downgrade(self),
                slot,
            };
            Arc::new(Feed::start(
                address.clone(),
                Arc::clone(&self.settings),
                is_cluster,
                probe(channel),
                Arc::new(surroundings),
                Arc::clone(&self.sink),
            ))
        });
        Arc::clone(feed)
    }

    fn unsubscribe(&self, channel: &Bytes) {
        let mut servers = self.servers.lock();
        if let Some((_, address)) = servers.channels.remove(channel)
            && let Some(feed) = servers.feeds.get(&address)
        {
            feed.unsubscribe(channel);
        }
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

    fn use_slots(self: &Arc<Self>, slots: Slots) {
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
async fn watch(inner: Weak<Inner>) {
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

/// The identity of a server, as soon as there is a connection.
async fn identity(link: &Link, longest: Duration) -> Result<Bytes, CallError> {
    let mut contact = link.contact();
    let identity = async {
        let contact = contact.wait_for(|contact| contact.info.is_some()).await.ok()?;
        Some(Bytes::copy_from_slice(contact.info.as_ref()?.identity.as_bytes()))
    };
    match timeout(longest, identity).await {
        Ok(Some(identity)) => Ok(identity),
        _ => Err(CallError::NotSent(format!(
            "no connection to Redis at {}",
            link.address()
        ))),
    }
}

/// A channel that nobody else has, in the slot of another channel.
fn probe(channel: &Bytes) -> Bytes {
    let end = channel.iter().position(|byte| *byte == b'}').map_or(0, |end| end + 1);
    let mut probe = channel[..end].to_vec();
    probe.extend_from_slice(b":p:");
    probe.extend_from_slice(random_name(16).as_bytes());
    probe.into()
}

fn command(script: &Script, is_known: bool, keys: &[Bytes], args: &[Bytes]) -> Cmd {
    let mut bytes: usize = keys.iter().chain(args).map(Bytes::len).sum();
    bytes += 64;
    let mut command = Cmd::with_capacity(3 + keys.len() + args.len(), bytes);
    match is_known {
        true => command.arg("EVALSHA").arg(script.sha1()),
        false => command.arg("EVAL").arg(script.text()),
    };
    command.arg(keys.len());
    for argument in keys.iter().chain(args) {
        command.arg(&argument[..]);
    }
    command
}

/// The connections around a feed.
struct Around {
    inner: Weak<Inner>,
    slot: u16,
}

impl Surroundings for Around {
    fn publish(&self, channel: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        let (inner, slot) = (self.inner.upgrade(), self.slot);
        Box::pin(async move {
            let closed = || CallError::NotSent("the connections were closed".to_owned());
            let inner = inner.ok_or_else(closed)?;
            let name = match inner.servers.lock().is_cluster {
                true => "SPUBLISH",
                false => "PUBLISH",
            };
            let mut command = redis::cmd(name);
            command.arg(&channel[..]).arg("");
            let link = inner.link_of(slot);
            drop(inner);
            match link.send(Request::One(command), None).await? {
                Value::ServerError(error) => Err(CallError::Refused(error.to_string())),
                _ => Ok(()),
            }
        })
    }

    fn moved(&self, _channel: Bytes) {
        if let Some(inner) = self.inner.upgrade() {
            inner.refresh.notify_one();
        }
    }
}
