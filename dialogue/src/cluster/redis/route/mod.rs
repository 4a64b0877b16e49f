//! All connections of a node: finds the server of a partition, and keeps the feeds on the servers of their channels.
//!
//! One server has one link and one feed. A cluster has a link and a feed for each of its primaries. Whether it is a cluster,
//! the first server that answers says.
//!
//! [`servers`] knows the servers and reads where the slots are, [`follow`] sends a call where Redis says, [`feeds`] has the channels, [`moving`] the slots
//! that move, and
//! [`contact`] says whether all servers can be reached.

mod contact;
mod feeds;
mod follow;
mod moving;
mod servers;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::Value;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::follow::{command, expected};
use self::servers::{Inner, Servers, watch_slots};
use super::address::Address;
use super::calls::{CallError, Calls};
use super::connection::Request;
use super::error::RedisError;
use super::feed::FeedSink;
use super::keys::{Keys, Partition};
use super::script::Script;
use super::server_info::ServerInfo;
use super::settings::{Redis, Settings};
use crate::cluster::Contact;

/// All connections of a node. They end when this is dropped.
pub(super) struct Connections {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Connections {
    /// Checks the settings, and connects in the background. Call it in a runtime.
    pub(super) fn start(settings: Redis, sink: FeedSink) -> Result<Self, RedisError> {
        let settings = Arc::new(settings.check()?);
        let inner = Arc::new(Inner {
            settings: Arc::clone(&settings),
            sink,
            keys: OnceLock::new(),
            servers: Mutex::new(Servers {
                is_cluster: settings.cluster.then_some(true),
                ..Servers::default()
            }),
            refresh: Notify::new(),
            contact: watch::channel(Contact::NotYet).0,
            turn: AtomicUsize::new(0),
        });
        for address in &settings.addresses {
            inner.link_to(address.clone());
        }
        let task = tokio::spawn(watch_slots(Arc::downgrade(&inner)));
        Ok(Self { inner, task })
    }

    /// What the servers in use say about themselves, as far as they are connected: one, or the primaries of a cluster.
    pub(super) fn servers(&self) -> Vec<(Address, Arc<ServerInfo>)> {
        let servers = self.inner.servers.lock();
        let used: BTreeSet<&Address> = match servers.is_cluster {
            Some(true) => servers.slots.servers().collect(),
            Some(false) | None => self.inner.settings.addresses.first().into_iter().collect(),
        };
        let infos = used
            .into_iter()
            .filter_map(|address| Some((address.clone(), servers.links.get(address)?.info()?)));
        infos.collect()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    #[cfg(test)]
    pub(super) fn link(&self, partition: Partition) -> Arc<super::link::Link> {
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
        let first = link.send(Request::One(command(script, true, &keys, &args)), expected(&args));
        let inner = Arc::clone(&self.inner);
        Box::pin(inner.follow(slot, link, script, keys, args, first))
    }

    fn identity(&self, partition: Partition) -> Option<Arc<str>> {
        let slot = self.inner.slot(partition);
        let info = self.inner.known_link_of(slot)?.info()?;
        // A server that is no primary any more does not have the partition.
        info.is_primary.then(|| Arc::clone(&info.identity))
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.inner.contact.subscribe()
    }

    fn subscribe(&self, partition: Partition, channel: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        let slot = self.inner.slot(partition);
        let answered = self.inner.subscribe(channel.clone(), slot);
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let timing = inner.settings.timing;
            let Some(answered) = answered else {
                return Err(CallError::NotSent("no connection to Redis yet".to_owned()));
            };
            let error = match timeout(timing.queue + timing.response, answered).await {
                Ok(Ok(Ok(()))) => return Ok(()),
                Ok(Ok(Err(refused))) => refused,
                Ok(Err(_)) | Err(_) => CallError::Unknown("Redis has not confirmed the subscription".to_owned()),
            };
            // The caller does not know whether it is subscribed, and must not care: it is not wanted any more.
            inner.unsubscribe(&channel);
            Err(error)
        })
    }

    fn unsubscribe(&self, _partition: Partition, channel: Bytes) {
        self.inner.unsubscribe(&channel);
    }

    fn agreed(&self, keys: &Keys) {
        let _already = self.inner.keys.set(keys.clone());
    }

    fn publish_command(&self) -> &'static str {
        self.inner.publish_command()
    }
}
