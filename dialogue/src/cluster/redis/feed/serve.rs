//! Uses one connection of a feed until it is lost: sends subscriptions, checks their replies, and probes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use redis::{Cmd, RedisResult, Value};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::super::calls::CallError;
use super::super::connection::{Connection, Request};
use super::super::refusal::Refusal;
use super::Shared;
use super::channels::Change;

/// How many channels are subscribed by one request.
const MOST_CHANGES: usize = 256;

/// How many requests wait for their replies.
const MOST_REQUESTS: usize = 4;

/// When refused subscriptions are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A probe that was published.
struct Probe {
    heard: u64,
    sent: JoinHandle<Result<(), CallError>>,
}

impl Shared {
    /// Returns why the connection was lost.
    pub(super) async fn serve(self: &Arc<Self>, mut connection: Connection) -> String {
        let timing = self.settings.timing;
        let mut replies = FuturesOrdered::new();
        let mut waiting_since = Instant::now();
        let mut heard = (self.heard.load(Ordering::Relaxed), Instant::now());
        let mut probe: Option<Probe> = None;
        let period = (timing.response / 4)
            .min(timing.probe / 4)
            .max(Duration::from_millis(10));
        let mut tick = interval_at(Instant::now() + period, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retried = Instant::now();

        let reason: String = loop {
            while replies.len() < MOST_REQUESTS {
                let changes = self.channels.lock().changes(MOST_CHANGES);
                if changes.is_empty() {
                    break;
                }
                if replies.is_empty() {
                    waiting_since = Instant::now();
                }
                let commands = changes.iter().map(|change| self.command(change)).collect();
                let submitted = connection.submit(Request::Many(commands));
                replies.push_back(async move { (changes, submitted.reply.await) });
            }
            if let Some(reason) = self.channels.lock().out_of_step.take() {
                break reason;
            }
            tokio::select! {
                biased;
                Some((changes, reply)) = replies.next(), if !replies.is_empty() => {
                    waiting_since = Instant::now();
                    if let Err(reason) = self.check(changes, reply) {
                        break reason;
                    }
                }
                () = connection.lost() => break "the connection was closed".to_owned(),
                () = self.changed.notified() => {}
                _ = tick.tick() => {
                    if !replies.is_empty() && waiting_since.elapsed() >= timing.response {
                        break format!("no answer within {:?}", timing.response);
                    }
                    if retried.elapsed() >= RETRY {
                        retried = Instant::now();
                        self.channels.lock().retry();
                    }
                    let now_heard = self.heard.load(Ordering::Relaxed);
                    if now_heard != heard.0 {
                        heard = (now_heard, Instant::now());
                        probe = None;
                    } else if heard.1.elapsed() >= timing.probe {
                        match probe.take() {
                            None => {
                                let sent = tokio::spawn(self.surroundings.publish(self.probe.clone()));
                                probe = Some(Probe { heard: now_heard, sent });
                                heard.1 = Instant::now();
                            }
                            // A probe that was not published proves nothing.
                            Some(Probe { heard, sent }) if heard == now_heard && sent.is_finished() => {
                                // Its slot may have moved away: then it cannot arrive here.
                                let is_subscribed = self.channels.lock().listening(&self.probe).is_some();
                                if let (Ok(Ok(())), true) = (sent.await, is_subscribed) {
                                    break "a message of our own did not arrive".to_owned();
                                }
                            }
                            Some(pending) => probe = Some(pending),
                        }
                    }
                }
            }
        };
        connection.end().await;
        self.set_lost();
        reason
    }

    fn command(&self, change: &Change) -> Cmd {
        let (name, channel) = match (change, self.is_sharded) {
            (Change::Subscribe(channel), false) => ("SUBSCRIBE", channel),
            (Change::Subscribe(channel), true) => ("SSUBSCRIBE", channel),
            (Change::Unsubscribe(channel), false) => ("UNSUBSCRIBE", channel),
            (Change::Unsubscribe(channel), true) => ("SUNSUBSCRIBE", channel),
        };
        let mut command = redis::cmd(name);
        command.arg(&channel[..]);
        command
    }

    /// Checks that each reply belongs to its command. The confirmations themselves were handled when they came.
    fn check(&self, changes: Vec<Change>, reply: RedisResult<Value>) -> Result<(), String> {
        let Value::Array(replies) = reply.map_err(|error| error.to_string())? else {
            return Err("a reply that is no array".to_owned());
        };
        if replies.len() != changes.len() {
            return Err("too few replies".to_owned());
        }
        for (change, reply) in changes.into_iter().zip(replies) {
            let (channel, is_subscription) = match change {
                Change::Subscribe(channel) => (channel, true),
                Change::Unsubscribe(channel) => (channel, false),
            };
            match reply.extract_error() {
                Ok(Value::Push { data, .. }) if is_of(&data, &channel) => {}
                Ok(_) => return Err("a confirmation of another channel".to_owned()),
                Err(error) if is_subscription => {
                    let error = match Refusal::of(&error) {
                        Refusal::Moved(_) | Refusal::Ask(_) => {
                            // It stays wanted until another feed takes it over.
                            self.surroundings.moved(channel.clone());
                            self.channels.lock().refused_for_now(&channel);
                            continue;
                        }
                        Refusal::NotPrimary(error) | Refusal::Final(error) => error,
                        Refusal::UnknownScript => CallError::Failed(error.to_string()),
                    };
                    self.channels.lock().refused(&channel, &error);
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

fn is_of(data: &[Value], channel: &Bytes) -> bool {
    matches!(data.first(), Some(Value::BulkString(name)) if name[..] == channel[..])
}
