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
use crate::random::random_name;

/// How many channels are subscribed by one request.
const MOST_CHANGES: usize = 256;

/// How many requests wait for their replies.
const MOST_REQUESTS: usize = 4;

/// When refused subscriptions are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A probe that was published.
struct Probe {
    channel: Bytes,
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
        let mut elsewhere = Elsewhere {
            own: run(&connection.info.identity).into(),
            first: self.surroundings.identity(&self.address),
            ticks: 0,
        };

        let reason: String = loop {
            while replies.len() < MOST_REQUESTS {
                let changes = self.channels.lock().changes(MOST_CHANGES);
                if changes.is_empty() {
                    break;
                }
                if replies.is_empty() {
                    waiting_since = Instant::now();
                }
                let commands = changes.iter().flat_map(|change| self.commands(change)).collect();
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
                    if elsewhere.is_certain(self.surroundings.identity(&self.address)) {
                        break "commands reach another server".to_owned();
                    }
                    self.channels.lock().choose_probe(|| random_name(16));
                    let now_heard = self.heard.load(Ordering::Relaxed);
                    if now_heard != heard.0 {
                        heard = (now_heard, Instant::now());
                        probe = None;
                    } else if heard.1.elapsed() >= timing.probe {
                        let channel = self.channels.lock().probe();
                        match probe.take() {
                            None => {
                                if let Some(channel) = channel {
                                    let sent = tokio::spawn(self.surroundings.publish(channel.clone()));
                                    probe = Some(Probe { channel, sent });
                                    heard.1 = Instant::now();
                                }
                            }
                            Some(pending) if !pending.sent.is_finished() => probe = Some(pending),
                            // A probe that was not published proves nothing, and neither does one whose slot has moved away.
                            Some(published) => match published.sent.await {
                                Ok(Ok(())) if channel == Some(published.channel) => {
                                    break "a message of our own did not arrive".to_owned();
                                }
                                Ok(Err(CallError::Failed(reason))) => self.tell_failed_probe(&reason),
                                _ => {}
                            },
                        }
                    }
                }
            }
        };
        connection.end().await;
        self.set_lost();
        reason
    }

    /// `ASKING` counts for the command after it.
    fn commands(&self, change: &Change) -> Vec<Cmd> {
        let (name, asks) = match (change, self.is_sharded) {
            (Change::Subscribe(_), false) => ("SUBSCRIBE", false),
            (Change::Subscribe(_), true) => ("SSUBSCRIBE", false),
            (Change::SubscribeAsking(_), _) => ("SSUBSCRIBE", true),
            (Change::Unsubscribe(_), false) => ("UNSUBSCRIBE", false),
            (Change::Unsubscribe(_), true) => ("SUNSUBSCRIBE", false),
        };
        let mut command = redis::cmd(name);
        command.arg(&change.channel()[..]);
        let asking = asks.then(|| redis::cmd("ASKING"));
        asking.into_iter().chain([command]).collect()
    }

    /// Once is enough: it is a right that the user of Redis has not.
    fn tell_failed_probe(&self, reason: &str) {
        if !self.told_probe.swap(true, Ordering::Relaxed) {
            tracing::warn!(server = %self.address, reason, "Redis does not let this user publish");
        }
    }

    /// Checks that each reply belongs to its command. The confirmations themselves were handled when they came.
    fn check(&self, changes: Vec<Change>, reply: RedisResult<Value>) -> Result<(), String> {
        let Value::Array(replies) = reply.map_err(|error| error.to_string())? else {
            return Err("a reply that is no array".to_owned());
        };
        let mut replies = replies.into_iter();
        for change in changes {
            let mut next = || replies.next().ok_or("too few replies");
            let (channel, is_subscription) = match change {
                Change::Subscribe(channel) => (channel, true),
                Change::SubscribeAsking(channel) => {
                    // If it is refused, so is the subscription, which says more.
                    if matches!(next()?, Value::Push { .. }) {
                        return Err("a confirmation instead of a reply".to_owned());
                    }
                    (channel, true)
                }
                Change::Unsubscribe(channel) => (channel, false),
            };
            match next()?.extract_error() {
                Ok(Value::Push { data, .. }) if is_of(&data, &channel) => {}
                Ok(_) => return Err("a confirmation of another channel".to_owned()),
                Err(error) if is_subscription => {
                    let error = match Refusal::of(&error) {
                        Refusal::Moved(_) | Refusal::Ask(_) => {
                            // It stays wanted until another feed takes it over.
                            self.surroundings.moved();
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

/// Whether commands to the feed's address reach another server than the feed.
struct Elsewhere {
    /// The run of the feed's server.
    own: Box<str>,
    /// What commands reached when the feed was connected. An address that leads to several servers stays as it is.
    first: Option<Arc<str>>,
    ticks: u32,
}

impl Elsewhere {
    /// Twice in a row is certain: one connection may be opened before the other.
    fn is_certain(&mut self, now: Option<Arc<str>>) -> bool {
        match now {
            Some(now) if Some(&now) != self.first.as_ref() && run(&now) != &*self.own => self.ticks += 1,
            _ => self.ticks = 0,
        }
        self.ticks >= 2
    }
}

/// The part of an identity that belongs to the process.
fn run(identity: &str) -> &str {
    identity.split_once('/').map_or(identity, |(run, _)| run)
}

fn is_of(data: &[Value], channel: &Bytes) -> bool {
    matches!(data.first(), Some(Value::BulkString(name)) if name[..] == channel[..])
}
