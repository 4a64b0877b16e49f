//! All connections of a node: finds the server of a partition, and keeps the feeds on the servers of their channels.
//!
//! One server has one link and one feed. A cluster has a link and a feed for each of its primaries. Whether it is a cluster,
//! the first server that answers says.
//!
//! [`servers`] knows the servers and reads where the slots are, [`follow`] sends a call where Redis says, [`feeds`] has the channels.

mod feeds;
mod follow;
mod servers;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::follow::{command, expected};
use self::servers::{Inner, Servers, watch};
use super::calls::{CallError, Calls};
use super::connection::Request;
use super::error::RedisError;
use super::feed::FeedSink;
use super::keys::{Keys, Partition};
use super::link::Link;
use super::script::Script;
use super::settings::{Redis, Settings};

/// All connections of a node. They end when this is dropped.
pub(super) struct Connections {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
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
        let first = link.send(Request::One(command(script, true, &keys, &args)), expected(&args));
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
