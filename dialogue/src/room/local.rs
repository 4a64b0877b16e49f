//! A room's members on this node, and the events that each is subscribed to. Pure: no clock, no lock, no socket.
//!
//! Generic over `S`, the place where the server queues a member's events, so that tests can inspect it. This file does
//! not count seats: [`super::record`] does.

use std::collections::HashMap;

use super::subscriptions::Subscriptions;
use crate::connection::{ClientKey, ClientMap};
use crate::id::EventName;

/// The members of a room on this node.
#[derive(Debug)]
pub(crate) struct LocalMembers<S> {
    members: ClientMap<LocalMember<S>>,
    /// For each event, the members that subscribed to it by name.
    by_event: HashMap<EventName, ClientMap<S>>,
    /// The members that subscribed with the wildcard.
    to_everything: ClientMap<S>,
}

#[derive(Debug)]
struct LocalMember<S> {
    sink: S,
    subscriptions: Subscriptions,
    /// The member has received every event after this number that it is subscribed to.
    complete_since: u64,
    /// How many times the room's epoch had changed when the member was last told it.
    told: u32,
    /// The member wants to learn which events are erased.
    wants_erasures: bool,
}

impl<S> Default for LocalMembers<S> {
    fn default() -> Self {
        Self {
            members: ClientMap::default(),
            by_event: HashMap::new(),
            to_everything: ClientMap::default(),
        }
    }
}

impl<S: Clone> LocalMembers<S> {
    /// Adds a member that receives every event after the number `seq`.
    pub(super) fn add(&mut self, key: ClientKey, sink: S, subscriptions: Subscriptions, seq: u64) {
        self.index(key, &sink, &subscriptions);
        self.members.insert(
            key,
            LocalMember {
                sink,
                subscriptions,
                complete_since: seq,
                told: 0,
                wants_erasures: false,
            },
        );
    }

    /// Removes a member. Returns false if the client was not a member.
    pub(super) fn remove(&mut self, key: ClientKey) -> bool {
        let Some(member) = self.members.swap_remove(&key) else {
            return false;
        };
        self.unindex(key, &member.subscriptions);
        true
    }

    /// Removes every member and returns them.
    pub(super) fn remove_all(&mut self) -> Vec<S> {
        let members = std::mem::take(self).members;
        members.into_values().map(|member| member.sink).collect()
    }

    /// Replaces a member's subscriptions; `seq` is the room's last number. Returns false if the client is not a member.
    pub(super) fn set_subscriptions(&mut self, key: ClientKey, subscriptions: Subscriptions, seq: u64) -> bool {
        let Some(member) = self.members.get_mut(&key) else {
            return false;
        };
        let sink = member.sink.clone();
        let before = std::mem::replace(&mut member.subscriptions, subscriptions.clone());
        if subscriptions.adds_to(&before) {
            member.complete_since = seq;
        }
        self.unindex(key, &before);
        self.index(key, &sink, &subscriptions);
        true
    }

    fn index(&mut self, key: ClientKey, sink: &S, subscriptions: &Subscriptions) {
        match subscriptions {
            Subscriptions::Named(names) => {
                for name in names {
                    self.by_event.entry(name.clone()).or_default().insert(key, sink.clone());
                }
            }
            Subscriptions::All { .. } => {
                self.to_everything.insert(key, sink.clone());
            }
        }
    }

    fn unindex(&mut self, key: ClientKey, subscriptions: &Subscriptions) {
        match subscriptions {
            Subscriptions::Named(names) => {
                for name in names {
                    if let Some(subscribers) = self.by_event.get_mut(name) {
                        subscribers.swap_remove(&key);
                        if subscribers.is_empty() {
                            self.by_event.remove(name);
                        }
                    }
                }
            }
            Subscriptions::All { .. } => {
                self.to_everything.swap_remove(&key);
            }
        }
    }

    /// Returns every member that is subscribed to `event`, each once.
    pub(crate) fn subscribers<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a S> {
        let by_name = self.by_event.get(event).into_iter().flat_map(ClientMap::values);
        let to_everything = self
            .to_everything
            .iter()
            .filter(move |(key, _)| self.subscriptions(**key).is_some_and(|all| all.includes(event)))
            .map(|(_, sink)| sink);
        by_name.chain(to_everything)
    }

    pub(crate) fn subscriptions(&self, key: ClientKey) -> Option<&Subscriptions> {
        self.members.get(&key).map(|member| &member.subscriptions)
    }

    pub(crate) fn contains(&self, key: ClientKey) -> bool {
        self.members.contains_key(&key)
    }

    /// Notes that a member is told the room's epoch, after this many changes.
    pub(super) fn set_told(&mut self, key: ClientKey, renewals: u32) {
        if let Some(member) = self.members.get_mut(&key) {
            member.told = renewals;
        }
    }

    /// How many times the room's epoch had changed when a member was last told it.
    pub(super) fn told(&self, key: ClientKey) -> Option<u32> {
        self.members.get(&key).map(|member| member.told)
    }

    /// Notes whether a member wants to learn which events are erased.
    pub(crate) fn set_wants_erasures(&mut self, key: ClientKey, wanted: bool) {
        if let Some(member) = self.members.get_mut(&key) {
            member.wants_erasures = wanted;
        }
    }

    /// Returns the members that want to learn which events are erased.
    pub(crate) fn informed_of_erasures(&self) -> impl Iterator<Item = &S> {
        let members = self.members.values().filter(|member| member.wants_erasures);
        members.map(|member| &member.sink)
    }

    /// Returns the members, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &S> {
        self.members.values().map(|member| &member.sink)
    }

    /// Notes that a member has received every event after `seq` that it is subscribed to. It may lack earlier ones.
    pub(crate) fn set_complete_since(&mut self, key: ClientKey, seq: u64) {
        if let Some(member) = self.members.get_mut(&key) {
            member.complete_since = seq;
        }
    }

    /// Returns the number after which a member has received every event that it is subscribed to.
    pub(crate) fn complete_since(&self, key: ClientKey) -> Option<u64> {
        self.members.get(&key).map(|member| member.complete_since)
    }
}
