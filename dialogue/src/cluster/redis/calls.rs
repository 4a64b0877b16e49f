//! What the log needs of the connections to Redis.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::keys::{Keys, Partition};
use super::script::Script;
use crate::cluster::Contact;

/// Connections to Redis: they find the server of a partition, and connect again.
pub(super) trait Calls: Send + Sync + 'static {
    /// Sends one script call to the primary of a partition, once. Repeats only after NOSCRIPT, MOVED and ASK, where the
    /// server has done nothing.
    fn call(
        &self,
        partition: Partition,
        script: &'static Script,
        keys: Vec<Bytes>,
        args: Vec<Bytes>,
    ) -> BoxFuture<'static, Result<redis::Value, CallError>>;

    /// The identity of the server that has a partition now: `run_id/master_replid2`. `None` while there is no contact with it.
    fn identity(&self, partition: Partition) -> Option<Arc<str>>;

    /// Whether all servers can be reached: one primary of a cluster that cannot is enough for [`Contact::Lost`].
    ///
    /// Also notified when a server comes, goes, or becomes another one while this stays as it is. Then
    /// [`identity`](Self::identity) may have changed for some partitions.
    fn contact(&self) -> watch::Receiver<Contact>;

    /// Subscribes a channel of a partition. Answers when Redis has confirmed it. Subscribes again after a lost connection,
    /// and says so ([`FeedEvent::Resubscribed`]).
    fn subscribe(&self, partition: Partition, channel: Bytes) -> BoxFuture<'static, Result<(), CallError>>;

    /// Ends a subscription.
    fn unsubscribe(&self, partition: Partition, channel: Bytes);

    /// The names that all nodes have agreed on. Before, only [`Partition::META`] can be used.
    fn agreed(&self, _keys: &Keys) {}

    /// `PUBLISH`, or `SPUBLISH` in a cluster.
    fn publish_command(&self) -> &'static str {
        "PUBLISH"
    }
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// It was not sent.
    NotSent(String),
    /// It was sent, and the connection was lost before the answer.
    Unknown(String),
    /// Redis refused it, for example out of memory: nothing was changed.
    Refused(String),
    /// An error of the script, such as foreign data or missing rights.
    Failed(String),
}

impl CallError {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::NotSent(text) | Self::Unknown(text) | Self::Refused(text) | Self::Failed(text) => text,
        }
    }
}

/// What a feed connection reports. Called in the connection's task: it must not wait.
#[derive(Debug)]
pub(super) enum FeedEvent {
    Message { channel: Bytes, payload: Bytes },
    Resubscribed { channel: Bytes },
    Lost { channel: Bytes },
}
