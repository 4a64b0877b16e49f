//! Which channels a feed shall carry, and what the connection has confirmed. Pure.
//!
//! redis-rs pairs replies by their order only, and counts each confirmation as a reply. A confirmation that nobody asked for
//! therefore ends the connection if a reply is owed, and everything is subscribed again. If none is owed, it only ends
//! its own channel: the slot has moved.

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
    /// How many changes were sent and have no confirmation or error yet.
    owed: usize,
    /// A channel of the feed alone, in a slot that its server has. Its messages show that the feed is alive.
    probe: Option<Bytes>,
    /// Something came that cannot be. The connection must end.
    pub(super) out_of_step: Option<String>,
}

struct Channel {
    is_wanted: bool,
    wire: Wire,
    /// Redis has confirmed it before, on this connection or on an earlier one.
    was_subscribed: bool,
    /// Its slot is moving to this server, and another feed has the channel too.
    is_arriving: bool,
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
    /// After `ASKING`: its slot is moving to this server.
    SubscribeAsking(Bytes),
    Unsubscribe(Bytes),
}

impl Change {
    pub(super) fn channel(&self) -> &Bytes {
        match self {
            Self::Subscribe(channel) | Self::SubscribeAsking(channel) | Self::Unsubscribe(channel) => channel,
        }
    }
}

/// What a confirmation means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    First,
    Again(Bytes),
}

impl Channels {
    /// Wants a channel. `was_subscribed`: another feed has had it. Returns whether it is subscribed already.
    pub(super) fn want(&mut self, name: Bytes, was_subscribed: bool, waiter: Option<Waiter>) -> bool {
        let channel = self.wanted(name, was_subscribed);
        channel.is_arriving = false;
        match (channel.wire, waiter) {
            (Wire::Subscribed, Some(waiter)) => {
                let _nobody_waits = waiter.send(Ok(()));
            }
            (_, waiter) => channel.waiters.extend(waiter),
        }
        channel.wire == Wire::Subscribed
    }

    /// Wants a channel whose slot is moving to this server, in addition to the feed that has it.
    pub(super) fn want_arriving(&mut self, name: Bytes) {
        if self.channels.get(&name).is_none_or(|channel| channel.is_arriving) {
            // What was published before is missing, so its confirmation is one after a loss.
            self.wanted(name, true).is_arriving = true;
        }
    }

    fn wanted(&mut self, name: Bytes, was_subscribed: bool) -> &mut Channel {
        let channel = self.channels.entry(name.clone()).or_insert_with(|| Channel {
            is_wanted: true,
            wire: Wire::Idle,
            was_subscribed,
            is_arriving: false,
            waiters: Vec::new(),
        });
        channel.is_wanted = true;
        channel.was_subscribed |= was_subscribed;
        if channel.wire == Wire::Idle {
            self.to_change.push_back(name);
        }
        channel
    }

    /// Does not want a channel that was only arriving.
    pub(super) fn unwant_arriving(&mut self, name: &Bytes) {
        if self.channels.get(name).is_some_and(|channel| channel.is_arriving) {
            self.unwant(name);
        }
    }

    /// Chooses the probe, if there is none: in the slot of a channel that is subscribed.
    pub(super) fn choose_probe(&mut self, random: impl FnOnce() -> String) {
        if self.probe.is_some() {
            return;
        }
        let subscribed = self
            .channels
            .iter()
            .find(|(_, channel)| channel.is_wanted && !channel.is_arriving && channel.wire == Wire::Subscribed);
        if let Some((channel, _)) = subscribed {
            let end = channel.iter().position(|byte| *byte == b'}').map_or(0, |end| end + 1);
            let probe = Bytes::from([&channel[..end], b":p:", random().as_bytes()].concat());
            self.probe = Some(probe.clone());
            self.want(probe, false, None);
        }
    }

    /// The probe, if it is subscribed.
    pub(super) fn probe(&self) -> Option<Bytes> {
        let probe = self.probe.as_ref()?;
        self.listening(probe)
    }

    pub(super) fn is_probe(&self, name: &[u8]) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe[..] == *name)
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
                    self.owed += 1;
                    changes.push(match channel.is_arriving {
                        true => Change::SubscribeAsking(name),
                        false => Change::Subscribe(name),
                    });
                }
                (false, Wire::Subscribed) => {
                    channel.wire = Wire::Unsubscribing;
                    self.owed += 1;
                    changes.push(Change::Unsubscribe(name));
                }
                _ => {}
            }
        }
        changes
    }

    /// Redis has confirmed a subscription.
    pub(super) fn subscribed(&mut self, name: &[u8]) -> Option<Confirmed> {
        self.owed = self.owed.saturating_sub(1);
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

    /// Redis has ended a subscription. Returns the channel if it is lost: it has to be subscribed again, here or elsewhere.
    pub(super) fn unsubscribed(&mut self, name: &[u8]) -> Option<Bytes> {
        let (name, channel) = match self.channels.get_key_value(name).map(|(name, _)| name.clone()) {
            Some(name) => (name.clone(), self.channels.get_mut(&name)?),
            // Given away in the meantime.
            None if self.owed == 0 => return None,
            None => {
                self.out_of_step("Redis has ended a subscription");
                return None;
            }
        };
        match (channel.wire, self.owed) {
            (Wire::Unsubscribing, _) => {
                self.owed = self.owed.saturating_sub(1);
                channel.wire = Wire::Idle;
                match channel.is_wanted {
                    true => self.to_change.push_back(name),
                    false => drop(self.channels.remove(&name)),
                }
                None
            }
            (Wire::Subscribed, 0) => {
                channel.wire = Wire::Idle;
                let is_probe = self.probe.as_ref() == Some(&name);
                let is_lost = channel.is_wanted && !channel.is_arriving && !is_probe;
                if is_probe {
                    self.probe = None;
                }
                if !is_lost {
                    self.channels.remove(&name);
                }
                is_lost.then_some(name)
            }
            _ => {
                self.out_of_step("Redis has ended a subscription");
                None
            }
        }
    }

    /// Redis has refused a subscription. Callers who wait are told. A channel that nobody has waited for stays wanted.
    pub(super) fn refused(&mut self, name: &Bytes, error: &CallError) {
        if !self.is_refused(name) {
            return;
        }
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
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
        self.is_refused(name);
    }

    /// Returns whether the channel is still here. The probe and arriving channels are given up.
    fn is_refused(&mut self, name: &Bytes) -> bool {
        self.owed = self.owed.saturating_sub(1);
        let is_probe = self.probe.as_ref() == Some(name);
        let Some(channel) = self.channels.get_mut(name) else {
            return false;
        };
        if channel.wire != Wire::Subscribing {
            self.out_of_step("an error that belongs to no subscription");
            return false;
        }
        channel.wire = Wire::Idle;
        let is_given_up = is_probe || channel.is_arriving;
        if is_given_up {
            self.channels.remove(name);
        }
        if is_probe {
            self.probe = None;
        }
        !is_given_up
    }

    /// Subscribes again what was refused. Keeps what has to change anyway.
    pub(super) fn retry(&mut self) {
        let to_change = self.channels.iter().filter(|(_, channel)| {
            matches!(
                (channel.is_wanted, channel.wire),
                (true, Wire::Idle) | (false, Wire::Subscribed)
            )
        });
        self.to_change = to_change.map(|(name, _)| name.clone()).collect();
    }

    /// The name of a channel that is subscribed and wanted.
    pub(super) fn listening(&self, name: &[u8]) -> Option<Bytes> {
        let (name, channel) = self.channels.get_key_value(name)?;
        (channel.is_wanted && channel.wire == Wire::Subscribed).then(|| name.clone())
    }

    /// The connection is lost. Returns the channels that were subscribed; all wanted ones will be subscribed again.
    pub(super) fn lost(&mut self) -> Vec<Bytes> {
        self.out_of_step = None;
        self.owed = 0;
        let probe = self.probe.take();
        self.channels
            .retain(|name, channel| channel.is_wanted && probe.as_ref() != Some(name));
        let mut lost = Vec::new();
        for (name, channel) in &mut self.channels {
            // The feed that has an arriving channel is another one.
            if channel.wire == Wire::Subscribed && !channel.is_arriving {
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
        channels.subscribed(b"a");
        assert!(channels.out_of_step.is_some());
        let mut channels = subscribed();
        channels.refused(&A, &CallError::Failed("x".into()));
        assert!(channels.out_of_step.is_some());
        // While a reply is owed, redis-rs takes the push for it.
        let mut channels = subscribed();
        channels.want(Bytes::from_static(b"b"), false, None);
        channels.changes(9);
        assert_eq!(channels.unsubscribed(b"a"), None);
        assert!(channels.out_of_step.is_some());
        assert_eq!(channels.lost(), [A]);
        assert!(channels.out_of_step.is_none());
    }

    #[test]
    fn a_subscription_that_redis_ends_is_lost_alone_while_no_reply_is_owed() {
        let mut channels = subscribed();
        assert_eq!(channels.unsubscribed(b"a"), Some(A));
        assert_eq!(channels.unsubscribed(b"given away"), None);
        assert_eq!(channels.listening(b"a"), None);
        assert!(channels.out_of_step.is_none());
        channels.retry();
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        assert_eq!(channels.subscribed(b"a"), Some(Confirmed::Again(A)));
        // An error ends the debt too.
        channels.want(Bytes::from_static(b"b"), false, None);
        channels.changes(9);
        channels.refused_for_now(&Bytes::from_static(b"b"));
        assert_eq!(channels.unsubscribed(b"a"), Some(A));
        assert!(channels.out_of_step.is_none());
    }

    #[test]
    fn an_arriving_channel_is_asked_for_and_never_lost_until_it_is_wanted() {
        let mut channels = Channels::default();
        channels.want_arriving(A);
        assert_eq!(channels.changes(9), [Change::SubscribeAsking(A)]);
        // What was published before is missing.
        assert_eq!(channels.subscribed(b"a"), Some(Confirmed::Again(A)));
        assert!(channels.lost().is_empty());
        assert_eq!(channels.changes(9), [Change::SubscribeAsking(A)]);
        channels.refused_for_now(&A);
        assert!(channels.channels.is_empty());

        channels.want_arriving(A);
        channels.changes(9);
        channels.subscribed(b"a");
        assert!(channels.want(A, true, None));
        channels.unwant_arriving(&A);
        channels.want_arriving(A);
        assert_eq!(channels.lost(), [A]);
        assert_eq!(channels.changes(9), [Change::Subscribe(A)]);
        channels.subscribed(b"a");

        let b = Bytes::from_static(b"b");
        channels.want_arriving(b.clone());
        channels.changes(9);
        channels.subscribed(b"b");
        channels.unwant_arriving(&b);
        assert_eq!(channels.changes(9), [Change::Unsubscribe(b)]);
    }

    #[test]
    fn the_probe_is_in_the_slot_of_a_subscribed_channel_and_chosen_again_when_it_leaves() {
        let mut channels = Channels::default();
        let room = Bytes::from_static(b"{p:1}:c:room");
        channels.want(room.clone(), false, None);
        channels.choose_probe(|| "r".to_owned());
        assert_eq!(channels.changes(9), [Change::Subscribe(room)]);
        channels.subscribed(b"{p:1}:c:room");
        channels.choose_probe(|| "r".to_owned());
        let probe = Bytes::from_static(b"{p:1}:p:r");
        assert_eq!(channels.changes(9), [Change::Subscribe(probe.clone())]);
        assert_eq!(channels.probe(), None);
        channels.subscribed(&probe);
        assert_eq!(channels.probe(), Some(probe.clone()));
        assert_eq!(channels.unsubscribed(&probe), None);
        assert_eq!(channels.probe(), None);
        channels.choose_probe(|| "s".to_owned());
        let probe = Bytes::from_static(b"{p:1}:p:s");
        assert_eq!(channels.changes(9), [Change::Subscribe(probe.clone())]);
        channels.refused_for_now(&probe);
        assert!(!channels.is_probe(&probe));
        assert_eq!(channels.lost(), [Bytes::from_static(b"{p:1}:c:room")]);
        assert_eq!(channels.channels.len(), 1);
    }

    #[test]
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
