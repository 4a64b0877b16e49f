//! Slots that are moving from one server of a cluster to another.
//!
//! Meanwhile the old server answers for the keys that it still has, and sends calls for others to the new one. A message reaches only
//! subscribers of the server where it is published. So the channels of such a slot are subscribed at both.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::Value;
use tokio::time::Instant;

use super::super::address::Address;
use super::super::connection::Request;
use super::super::link::Link;
use super::super::refusal::Refusal;
use super::super::slots::complete;
use super::servers::{Inner, Moving, Servers};

/// A move that nobody has heard of for so long was given up.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// How often the old server is asked where a slot goes.
const ASK_PAUSE: Duration = Duration::from_millis(200);

impl Inner {
    /// A server has said that a slot is moving to another one.
    pub(super) fn note_moving(self: &Arc<Self>, slot: u16, target: &Address) {
        let mut servers = self.servers.lock();
        let servers = &mut *servers;
        if servers.slots.of(slot) == Some(target) {
            return;
        }
        let heard = Instant::now();
        let before = servers.moving.insert(
            slot,
            Moving {
                target: target.clone(),
                heard,
            },
        );
        if before.as_ref().is_some_and(|before| before.target == *target) {
            return;
        }
        tracing::info!(slot, %target, "a slot of Redis Cluster is moving");
        let channels = servers.channels_of(slot);
        if let Some(before) = before {
            servers.unsubscribe_arriving(&before.target, &channels);
        }
        for channel in channels {
            self.subscribe_arriving(servers, slot, &channel);
        }
    }

    /// Subscribes a channel at the server to which its slot is moving.
    pub(super) fn subscribe_arriving(self: &Arc<Self>, servers: &mut Servers, slot: u16, channel: &Bytes) {
        if let Some(moving) = servers.moving.get(&slot) {
            let target = moving.target.clone();
            self.feed_at(servers, &target).subscribe_arriving(channel.clone());
        }
    }

    /// A server has refused a call because it has only some of the keys. It does not say where the others are, but it does for a
    /// key that does not exist.
    pub(super) fn ask_where(self: &Arc<Self>, slot: u16, link: &Arc<Link>, key: Option<&Bytes>) {
        let Some(tag) = key.and_then(|key| Some(&key[..=key.iter().position(|byte| *byte == b'}')?])) else {
            return;
        };
        {
            let mut servers = self.servers.lock();
            let now = Instant::now();
            if servers.asked.get(&slot).is_some_and(|asked| now - *asked < ASK_PAUSE) {
                return;
            }
            servers.asked.insert(slot, now);
        }
        let mut command = redis::cmd("EXISTS");
        command.arg([tag, b":moving"].concat());
        let reply = link.send(Request::One(command), None);
        let (inner, link) = (Arc::downgrade(self), Arc::clone(link));
        tokio::spawn(async move {
            if let Ok(Value::ServerError(error)) = reply.await
                && let Refusal::Ask(target) = Refusal::of(&error.into())
                && let Some(inner) = inner.upgrade()
            {
                inner.note_moving(slot, &complete(target, link.address()));
            }
        });
    }
}

impl Servers {
    /// Forgets moves that have ended. Channels have followed their slots already.
    pub(super) fn forget_moves(&mut self) {
        let now = Instant::now();
        self.asked.retain(|_, asked| now - *asked < ASK_PAUSE);
        let ended: Vec<u16> = self
            .moving
            .iter()
            .filter(|(slot, moving)| self.slots.of(**slot) == Some(&moving.target) || now - moving.heard >= GIVEN_UP)
            .map(|(slot, _)| *slot)
            .collect();
        for slot in ended {
            if let Some(moving) = self.moving.remove(&slot) {
                let channels = self.channels_of(slot);
                self.unsubscribe_arriving(&moving.target, &channels);
            }
        }
    }

    fn channels_of(&self, slot: u16) -> Vec<Bytes> {
        let channels = self.channels.iter().filter(|(_, (of, _))| *of == slot);
        channels.map(|(channel, _)| channel.clone()).collect()
    }

    fn unsubscribe_arriving(&self, target: &Address, channels: &[Bytes]) {
        if let Some(feed) = self.feeds.get(target) {
            for channel in channels {
                feed.unsubscribe_arriving(channel);
            }
        }
    }
}
