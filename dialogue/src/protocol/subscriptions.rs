//! The events of a room that a client wants: a set of names, and perhaps the wildcard.
//!
//! Owns its form on the wire, a list in which `*` is the wildcard; what a name resolves to is the room's business.

use std::collections::BTreeSet;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::id::EventName;

/// The wildcard in a list of event names. No event can have this name.
pub(super) const WILDCARD: &str = "*";

/// What a client asks for in `join`, and what it is told in `joined`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SubscriptionList {
    /// Every event, also such as the room does not know by name.
    pub(crate) wildcard: bool,
    /// The events by name.
    pub(crate) events: BTreeSet<EventName>,
}

impl SubscriptionList {
    /// The names, preceded by `*` if the wildcard is among them.
    pub(crate) fn into_names(self) -> Vec<EventName> {
        let wildcard = self.wildcard.then(|| EventName::from(WILDCARD));
        wildcard.into_iter().chain(self.events).collect()
    }
}

/// A list of names, preceded by `*` if the wildcard is among them.
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
