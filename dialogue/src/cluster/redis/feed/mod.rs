//! The connection for messages from one server: opened again after each loss, with verified subscriptions.
//!
//! It carries nothing but subscriptions, their ends, and messages. A channel is subscribed when the confirmation itself has
//! come, not when a command was answered. What comes in is passed on in the connection's task, in the order in which Redis
//! sent it, and nothing there waits.

mod channels;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::channels::{Channels, Confirmed};
use super::address::Address;
use super::calls::{CallError, FeedEvent};
use super::connection::{Connection, usable};
use super::settings::Settings;
use crate::backoff::Backoff;

/// Receives what feeds report. Must not wait.
pub(super) type FeedSink = Arc<dyn Fn(FeedEvent) + Send + Sync>;

/// What a feed needs of the other connections.
pub(super) trait Surroundings: Send + Sync + 'static {
    /// Publishes to a channel on the usual way.
    fn publish(&self, channel: Bytes) -> BoxFuture<'static, Result<(), CallError>>;

    /// Redis says that another server has the slot of a channel.
    fn moved(&self);

    /// The identity of the server that commands to this address reach now.
    fn identity(&self, address: &Address) -> Option<Arc<str>>;
}

/// A feed. It ends when this is dropped.
pub(super) struct Feed {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    address: Address,
    settings: Arc<Settings>,
    /// `SSUBSCRIBE` instead of `SUBSCRIBE`.
    is_sharded: bool,
    surroundings: Arc<dyn Surroundings>,
    sink: FeedSink,
    channels: Mutex<Channels>,
    changed: Notify,
    /// How many pushes have come in, on all connections.
    heard: AtomicU64,
    /// Somebody was told that the probe cannot be published.
    told_probe: AtomicBool,
}

impl Feed {
    /// Connects in the background.
    pub(super) fn start(
        address: Address,
        settings: Arc<Settings>,
        is_sharded: bool,
        surroundings: Arc<dyn Surroundings>,
        sink: FeedSink,
    ) -> Self {
        let shared = Arc::new(Shared {
            address,
            settings,
            is_sharded,
            surroundings,
            sink,
            channels: Mutex::default(),
            changed: Notify::new(),
            heard: AtomicU64::new(0),
            told_probe: AtomicBool::new(false),
        });
        let task = tokio::spawn(Arc::clone(&shared).run());
        Self { shared, task }
    }

    /// Subscribes a channel. The receiver gets the answer when Redis has confirmed or refused it.
    pub(super) fn subscribe(&self, channel: Bytes) -> oneshot::Receiver<Result<(), CallError>> {
        let (waiter, answered) = oneshot::channel();
        self.shared.channels.lock().want(channel, false, Some(waiter));
        self.shared.changed.notify_one();
        answered
    }

    /// Ends a subscription.
    pub(super) fn unsubscribe(&self, channel: &Bytes) {
        self.shared.channels.lock().unwant(channel);
        self.shared.changed.notify_one();
    }

    /// Takes a channel over from the feed that had it.
    pub(super) fn take_over(&self, channel: &Bytes, from: &Self) {
        let Some((was_subscribed, waiters)) = from.shared.channels.lock().give_away(channel) else {
            return;
        };
        let is_subscribed = {
            let mut channels = self.shared.channels.lock();
            for waiter in waiters {
                channels.want(channel.clone(), was_subscribed, Some(waiter));
            }
            channels.want(channel.clone(), was_subscribed, None)
        };
        self.shared.changed.notify_one();
        if is_subscribed {
            // It was arriving. The other feed may have said that it is lost.
            let channel = channel.clone();
            (self.shared.sink)(FeedEvent::Resubscribed { channel });
        }
    }

    /// Subscribes a channel whose slot is moving to this server, in addition to the feed that has it.
    pub(super) fn subscribe_arriving(&self, channel: Bytes) {
        self.shared.channels.lock().want_arriving(channel);
        self.shared.changed.notify_one();
    }

    /// Ends the subscription of a channel whose slot has not moved to this server.
    pub(super) fn unsubscribe_arriving(&self, channel: &Bytes) {
        self.shared.channels.lock().unwant_arriving(channel);
        self.shared.changed.notify_one();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        let (base, cap) = self.settings.timing.backoff;
        let mut backoff = Backoff::new(base, cap);
        let mut told: Option<String> = None;
        loop {
            let pushes: Arc<dyn redis::aio::AsyncPushSender> = {
                let shared = Arc::clone(&self);
                Arc::new(move |push| {
                    shared.received(push);
                    Ok::<_, std::convert::Infallible>(())
                })
            };
            let opened = Connection::open(&self.address, &self.settings, Some(pushes)).await;
            let reason = match opened.and_then(usable) {
                Ok(connection) => {
                    let opened = Instant::now();
                    let reason = self.serve(connection).await;
                    backoff.lasted(opened.elapsed());
                    reason
                }
                Err(error) => error.to_string(),
            };
            if told.as_deref() != Some(&reason) {
                tracing::warn!(server = %self.address, reason, "lost the feed from Redis");
                told = Some(reason);
            }
            sleep(backoff.next(getrandom::u64().unwrap_or(u64::MAX))).await;
        }
    }

    /// Takes what Redis pushes. Called by redis-rs while it reads: must not wait.
    fn received(&self, push: PushInfo) {
        let PushInfo { kind, data } = push;
        self.heard.fetch_add(1, Ordering::Relaxed);
        let mut data = data.into_iter();
        let Some(Value::BulkString(name)) = data.next() else {
            return;
        };
        match kind {
            PushKind::Message | PushKind::SMessage => {
                let channel = {
                    let channels = self.channels.lock();
                    channels.listening(&name).filter(|name| !channels.is_probe(name))
                };
                if let (Some(channel), Some(Value::BulkString(payload))) = (channel, data.next()) {
                    let payload = payload.into();
                    (self.sink)(FeedEvent::Message { channel, payload });
                }
            }
            PushKind::Subscribe | PushKind::SSubscribe => {
                let confirmed = self.channels.lock().subscribed(&name);
                if let Some(Confirmed::Again(channel)) = confirmed {
                    (self.sink)(FeedEvent::Resubscribed { channel });
                }
                self.wake_if_out_of_step();
            }
            PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                let lost = self.channels.lock().unsubscribed(&name);
                if let Some(channel) = lost {
                    (self.sink)(FeedEvent::Lost { channel });
                    self.surroundings.moved();
                }
                self.wake_if_out_of_step();
            }
            _ => {}
        }
    }

    fn wake_if_out_of_step(&self) {
        let channels = self.channels.lock();
        if channels.out_of_step.is_some() || channels.has_changes() {
            self.changed.notify_one();
        }
    }

    /// The connection is lost.
    fn set_lost(&self) {
        let lost = self.channels.lock().lost();
        for channel in lost {
            (self.sink)(FeedEvent::Lost { channel });
        }
    }
}
