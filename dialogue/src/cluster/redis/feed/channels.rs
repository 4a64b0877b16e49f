//! Which channels a feed shall carry, and what the connection has confirmed. Pure.
//!
//! Whatever does not fit ends the connection ([`OutOfStep`]): redis-rs pairs replies by their order only, and counts each
//! confirmation as a reply. Afterwards everything is subscribed again.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::calls::CallError;

/// Learns whether a channel is subscribed.
pub(super) type Waiter = oneshot::Sender<Result<(), CallError>>;

/// The channels of one feed.
#[derive(Default)]
pub(super) struct Channels {
    channels: HashMap<Bytes, Channel>,
    /// Channels whose subscription shall change. An entry may be outdated.
    to_change: VecDeque<Bytes>,
    /// Something came that cannot be. The connection must end.
    pub(super) out_of_step: Option<String>,
}

struct Channel {
    is_wanted: bool,
    wire: Wire,
    /// Redis has confirmed it before, on this connection or on an earlier one.
    was_subscribed: bool,
    waiters: Vec<Waiter>,
}

/// What the connection knows of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Idle,
    Subscribing,
    Subscribed,
    Unsubscribing,
}

/// What to send for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Subscribe(Bytes),
    Unsubscribe(Bytes),
}

/// What a confirmation means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    First,
    Again(Bytes),
}

impl Channels {
    /// Wants a channel. `was_subscribed`: another feed has had it.
    pub(super) fn want(&mut self, name: Bytes, was_subscribed: bool, waiter: Option<Waiter>) {
        let channel = self.channels.entry(name.clone()).or_insert_with(|| Channel {
            is_wanted: true,
            wire: Wire::Idle,
            was_subscribed,
            waiters: Vec::new(),
        });
        channel.is_wanted = true;
        match (channel.wire, waiter) {
            (Wire::Subscribed, Some(waiter)) => {
                let _nobody_waits = waiter.send(Ok(()));
            }
            (_, waiter) => channel.waiters.extend(waiter),
        }
        if channel.wire == Wire::Idle {
            self.to_change.push_back(name);
        }
    }

    /// Does not want a channel any more.
    pub(super) fn unwant(&mut self, name: &Bytes) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        channel.is_wanted = false;
        channel.was_subscribed = false;
        channel.waiters.clear();
        match channel.wire {
            Wire::Idle => {
                self.channels.remove(name);
            }
            Wire::Subscribed => self.to_change.push_back(name.clone()),
            Wire::Subscribing | Wire::Unsubscribing => {}
        }
    }

    /// Removes a channel that another feed takes over. Returns whether it was subscribed before, and who waits.
    pub(super) fn give_away(&mut self, name: &Bytes) -> Option<(bool, Vec<Waiter>)> {
        let channel = self.channels.remove(name)?;
        channel.is_wanted.then_some((channel.was_subscribed, channel.waiters))
    }

    /// The next changes to send, at most so many.
    pub(super) fn changes(&mut self, most: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        while changes.len() < most
            && let Some(name) = self.to_change.pop_front()
        {
            let Some(channel) = self.channels.get_mut(&name) else {
                continue;
            };
            match (channel.is_wanted, channel.wire) {
                (true, Wire::Idle) => {
                    channel.wire = Wire::Subscribing;
                    changes.push(Change::Subscribe(name));
                }
                (false, Wire::Subscribed) => {
                    channel.wire = Wire::Unsubscribing;
                    changes.push(Change::Unsubscribe(name));
                }
                _ => {}
            }
        }
        changes
    }

    /// Redis has confirmed a subscription.
    pub(super) fn subscribed(&mut self, name: &[u8]) -> Option<Confirmed> {
        let Some((name, _)) = self.channels.get_key_value(name) else {
            // Given away in the meantime. Its messages are ignored.
            return None;
        };
        let name = name.clone();
        let channel = self.channels.get_mut(&name)?;
        if channel.wire != Wire::Subscribing {
            self.out_of_step("an unexpected confirmation of a subscription");
            return None;
        }
        channel.wire = Wire::Subscribed;
        if !channel.is_wanted {
            self.to_change.push_back(name);
            return None;
        }
        for waiter in channel.waiters.drain(..) {
            let _nobody_waits = waiter.send(Ok(()));
        }
        match std::mem::replace(&mut channel.was_subscribed, true) {
            true => Some(Confirmed::Again(name)),
            false => Some(Confirmed::First),
        }
    }

    /// Redis has ended a subscription.
    pub(super) fn unsubscribed(&mut self, name: &[u8]) {
        let Some(channel) = self.channels.get_mut(name) else {
            return self.out_of_step("Redis has ended a subscription");
        };
        if channel.wire != Wire::Unsubscribing {
            // Its slot has moved.
            return self.out_of_step("Redis has ended a subscription");
        }
        channel.wire = Wire::Idle;
        match channel.is_wanted {
            true => {
                let name = self.channels.get_key_value(name).map(|(name, _)| name.clone());
                self.to_change.extend(name);
            }
            false => {
                self.channels.remove(name);
            }
        }
    }

    /// Redis has refused a subscription. Callers who wait are told. A channel that nobody has waited for stays wanted.
    pub(super) fn refused(&mut self, name: &Bytes, error: &CallError) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        if channel.wire != Wire::Subscribing {
            return self.out_of_step("an error that belongs to no subscription");
        }
        channel.wire = Wire::Idle;
        let had_waiters = !channel.waiters.is_empty();
        for waiter in channel.waiters.drain(..) {
            let _nobody_waits = waiter.send(Err(error.clone()));
        }
        if !channel.is_wanted || (had_waiters && !channel.was_subscribed) {
            self.channels.remove(name);
        }
    }

    /// Redis has refused a subscription, because another server has the slot. It stays wanted, and callers wait on.
    pub(super) fn refused_for_now(&mut self, name: &Bytes) {
        match self.channels.get_mut(name) {
            Some(channel) if channel.wire == Wire::Subscribing => channel.wire = Wire::Idle,
            Some(_) => self.out_of_step("an error that belongs to no subscription"),
            None => {}
        }
    }

    /// Subscribes again what was refused.
    pub(super) fn retry(&mut self) {
        let idle = self.channels.iter().filter(|(_, channel)| channel.wire == Wire::Idle);
        self.to_change = idle.map(|(name, _)| name.clone()).collect();
    }

    /// The name of a channel that is subscribed and wanted.
    pub(super) fn listening(&self, name: &[u8]) -> Option<Bytes> {
        let (name, channel) = self.channels.get_key_value(name)?;
        (channel.is_wanted && channel.wire == Wire::Subscribed).then(|| name.clone())
    }

    /// The connection is lost. Returns the channels that were subscribed; all wanted ones will be subscribed again.
    pub(super) fn lost(&mut self) -> Vec<Bytes> {
        self.out_of_step = None;
        self.channels.retain(|_, channel| channel.is_wanted);
        let mut lost = Vec::new();
        for (name, channel) in &mut self.channels {
            if channel.wire == Wire::Subscribed {
                lost.push(name.clone());
            }
            channel.wire = Wire::Idle;
        }
        self.to_change = self.channels.keys().cloned().collect();
        lost
    }

    pub(super) fn out_of_step(&mut self, reason: &str) {
        self.out_of_step.get_or_insert_with(|| reason.to_owned());
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.to_change.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Bytes = Bytes::from_static(b"a");

    fn subscribed() -> Channels {
        let mut channels = Channels::default();
        channels.want(A, false, None);
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        assert_eq!(channels.listening(b"a"), None);
        assert_eq!(channels.subscribed(b"a"), Some(Confirmed::First));
        assert_eq!(channels.listening(b"a"), Some(A));
        channels
    }

    #[test]
    fn subscribes_again_after_a_loss_and_says_so() {
        let mut channels = subscribed();
        assert_eq!(channels.lost(), [A]);
        assert_eq!(channels.listening(b"a"), None);
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        // Lost before the confirmation: it is not lost twice.
        assert!(channels.lost().is_empty());
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        assert_eq!(channels.subscribed(b"a"), Some(Confirmed::Again(A)));
    }

    #[test]
    fn a_channel_may_be_given_up_and_wanted_again_at_each_moment() {
        let mut channels = Channels::default();
        channels.want(A, false, None);
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        channels.unwant(&A);
        channels.want(A, false, None);
        assert!(channels.changes(9).is_empty());
        assert_eq!(channels.subscribed(b"a"), Some(Confirmed::First));
        channels.unwant(&A);
        assert_eq!(channels.listening(b"a"), None);
        assert_eq!(channels.changes(9), [Change::Unsubscribe(A)]);
        channels.want(A, false, None);
        assert!(channels.changes(9).is_empty());
        channels.unsubscribed(b"a");
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        channels.unwant(&A);
        assert_eq!(channels.subscribed(b"a"), None);
        assert_eq!(channels.changes(9), [Change::Unsubscribe(A)]);
        channels.unsubscribed(b"a");
        assert!(channels.channels.is_empty() && channels.out_of_step.is_none());
    }

    #[test]
    fn what_was_not_asked_for_is_out_of_step() {
        let mut channels = subscribed();
        channels.unsubscribed(b"a");
        assert!(channels.out_of_step.is_some());
        assert_eq!(channels.lost(), [A]);
        assert!(channels.out_of_step.is_none());
        let mut channels = subscribed();
        channels.subscribed(b"a");
        assert!(channels.out_of_step.is_some());
        let mut channels = subscribed();
        channels.refused(&A, &CallError::Failed("x".into()));
        assert!(channels.out_of_step.is_some());
    }

    #[test]
    #[ignore = "fails until STORE"]
    fn a_retry_forgets_no_subscription_that_has_to_end() {
        let mut channels = subscribed();
        channels.unwant(&A);
        channels.retry();
        assert_eq!(channels.changes(9), [Change::Unsubscribe(A)]);
    }

    #[test]
    fn a_first_subscription_that_is_refused_is_forgotten_and_a_repeated_one_is_tried_again() {
        let error = CallError::Refused("CLUSTERDOWN".into());
        let mut channels = Channels::default();
        let (waiter, mut answered) = oneshot::channel();
        channels.want(A, false, Some(waiter));
        channels.changes(9);
        channels.refused(&A, &error);
        assert_eq!(answered.try_recv().unwrap(), Err(error.clone()));
        assert!(channels.channels.is_empty());

        let mut channels = subscribed();
        channels.lost();
        channels.changes(9);
        channels.refused(&A, &error);
        assert!(channels.changes(9).is_empty());
        channels.retry();
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        assert_eq!(channels.subscribed(b"a"), Some(Confirmed::Again(A)));
    }
}
