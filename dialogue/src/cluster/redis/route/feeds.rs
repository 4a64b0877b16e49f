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
use super::servers::{Inner, Servers};
use crate::random::random_name;

impl Inner {
    /// Subscribes a channel at its feed. `None` if nothing is known of a cluster, or whether it is one.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        channel: Bytes,
        slot: u16,
    ) -> Option<oneshot::Receiver<Result<(), CallError>>> {
        let mut servers = self.servers.lock();
        let address = servers.address_of(slot, &self.settings)?.clone();
        let feed = self.feed_at(&mut servers, &address, slot, &channel);
        // With the lock, so that it cannot be moved to another feed before it is there.
        let answered = feed.subscribe(channel.clone());
        servers.channels.insert(channel, (slot, address));
        Some(answered)
    }

    pub(super) fn feed_at(
        self: &Arc<Self>,
        servers: &mut Servers,
        address: &Address,
        slot: u16,
        channel: &Bytes,
    ) -> Arc<Feed> {
        let is_cluster = servers.is_cluster == Some(true);
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

    pub(super) fn publish_command(&self) -> &'static str {
        match self.servers.lock().is_cluster {
            Some(true) => "SPUBLISH",
            Some(false) | None => "PUBLISH",
        }
    }

    pub(super) fn unsubscribe(&self, channel: &Bytes) {
        let mut servers = self.servers.lock();
        if let Some((_, address)) = servers.channels.remove(channel)
            && let Some(feed) = servers.feeds.get(&address)
        {
            feed.unsubscribe(channel);
        }
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
            let mut command = redis::cmd(inner.publish_command());
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
