//! The channels that are wanted, and the feeds that carry them.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use redis::Value;
use tokio::sync::oneshot;

use super::super::address::Address;
use super::super::calls::CallError;
use super::super::connection::Request;
use super::super::feed::{Feed, Surroundings};
use super::super::hash_tag;
use super::super::refusal::Refusal;
use super::servers::{Inner, Servers};

impl Inner {
    /// Subscribes a channel at its feed. `None` if nothing is known of a cluster, or whether it is one.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        channel: Bytes,
        slot: u16,
    ) -> Option<oneshot::Receiver<Result<(), CallError>>> {
        let mut servers = self.servers.lock();
        let address = servers.address_of(slot, &self.settings)?.clone();
        let feed = self.feed_at(&mut servers, &address);
        // With the lock, so that it cannot be moved to another feed before it is there.
        let answered = feed.subscribe(channel.clone());
        self.subscribe_arriving(&mut servers, slot, &channel);
        servers.channels.insert(channel, (slot, address));
        Some(answered)
    }

    pub(super) fn feed_at(self: &Arc<Self>, servers: &mut Servers, address: &Address) -> Arc<Feed> {
        let is_cluster = servers.is_cluster == Some(true);
        let feed = servers.feeds.entry(address.clone()).or_insert_with(|| {
            let surroundings = Around(Arc::downgrade(self));
            Arc::new(Feed::start(
                address.clone(),
                Arc::clone(&self.settings),
                is_cluster,
                Arc::new(surroundings),
                Arc::clone(&self.sink),
            ))
        });
        Arc::clone(feed)
    }

    pub(super) fn publish_command(&self) -> &'static str {
        match self.servers.lock().is_cluster {
            Some(true) => "SPUBLISH",
            Some(false) | None => "PUBLISH",
        }
    }

    pub(super) fn unsubscribe(&self, channel: &Bytes) {
        let mut servers = self.servers.lock();
        let Some((slot, address)) = servers.channels.remove(channel) else {
            return;
        };
        if let Some(feed) = servers.feeds.get(&address) {
            feed.unsubscribe(channel);
        }
        let target = servers.moving.get(&slot).map(|moving| &moving.target);
        if let Some(feed) = target.and_then(|target| servers.feeds.get(target)) {
            feed.unsubscribe_arriving(channel);
        }
    }
}

/// The connections around a feed.
struct Around(Weak<Inner>);

impl Surroundings for Around {
    fn publish(&self, channel: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        let inner = self.0.upgrade();
        Box::pin(async move {
            let closed = || CallError::NotSent("the connections were closed".to_owned());
            let inner = inner.ok_or_else(closed)?;
            let mut command = redis::cmd(inner.publish_command());
            command.arg(&channel[..]).arg("");
            let link = inner.link_of(hash_tag::slot_of(&channel));
            drop(inner);
            match link.send(Request::One(command), None).await? {
                Value::ServerError(error) => Err(match Refusal::of(&error.into()) {
                    Refusal::Final(error) => error,
                    _ => CallError::Refused("another server has the channel".to_owned()),
                }),
                _ => Ok(()),
            }
        })
    }

    fn moved(&self) {
        if let Some(inner) = self.0.upgrade() {
            inner.refresh.notify_one();
        }
    }

    fn identity(&self, address: &Address) -> Option<Arc<str>> {
        let inner = self.0.upgrade()?;
        let link = inner.servers.lock().links.get(address).cloned()?;
        Some(Arc::clone(&link.info()?.identity))
    }
}
