//! The events of a room that a client subscribes to: a set of names, with or without the wildcard.
//!
//! Owns their form on the wire, a list in which `*` is the wildcard. The room decides which events the names stand for.

use std::collections::BTreeSet;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::id::EventName;

/// The wildcard in a list of event names. No event can have this name.
pub(super) const WILDCARD: &str = "*";

/// The subscriptions that a client requests in `join`, and those that it receives in `joined`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SubscriptionList {
    /// Every event, including those that the room does not know by name.
    pub(crate) wildcard: bool,
    /// The names of single events.
    pub(crate) events: BTreeSet<EventName>,
}

impl SubscriptionList {
    /// The names. If there is a wildcard, `*` comes first.
    pub(crate) fn into_names(self) -> Vec<EventName> {
        let wildcard = self.wildcard.then(|| EventName::from(WILDCARD));
        wildcard.into_iter().chain(self.events).collect()
    }
}

/// Writes a list of names. If there is a wildcard, `*` comes first.
impl Serialize for SubscriptionList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(usize::from(self.wildcard) + self.events.len()))?;
        if self.wildcard {
            list.serialize_element(WILDCARD)?;
        }
        for event in &self.events {
            list.serialize_element(event)?;
        }
        list.end()
    }
}
