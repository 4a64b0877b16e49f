//! The policy of a room: the events that it allows, and whether clients or only the server may trigger them. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::event::EventDefinition;
use crate::id::EventName;

/// The definitions that the server knows by name. A room that allows any event validates with them.
pub(crate) type KnownEvents = HashMap<EventName, EventDefinition>;

/// The events that a room allows.
#[derive(Debug)]
pub(crate) struct EventPolicy {
    /// The events listed for the room, in the order of their declaration.
    names: Vec<EventName>,
    /// Few, so that comparing their names takes less time than hashing one.
    listed: BTreeMap<EventName, ListedEvent>,
    /// Whether clients may trigger events that are not listed.
    open_to_clients: bool,
    /// Whether the server may trigger events that are not listed.
    open_to_server: bool,
    /// The definitions of events that are not listed.
    known: Arc<KnownEvents>,
}

#[derive(Debug)]
struct ListedEvent {
    definition: EventDefinition,
    clients_allowed: bool,
}

/// The side that triggers an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Client,
    Server,
}

impl EventPolicy {
    /// Allows any event to the server and the clients in the room. Only the server may trigger `server_events`.
    pub(crate) fn open_with(
        events: impl IntoIterator<Item = EventDefinition>,
        server_events: impl IntoIterator<Item = EventDefinition>,
        known: Arc<KnownEvents>,
    ) -> Self {
        Self {
            open_to_clients: true,
            open_to_server: true,
            ..Self::listed(events, server_events, known)
        }
    }

    /// Allows `events` to clients and the server, and `server_events` only to the server. If both are empty, the room
    /// is read-only: clients can trigger nothing, and the server can trigger any event.
    pub(crate) fn listed(
        events: impl IntoIterator<Item = EventDefinition>,
        server_events: impl IntoIterator<Item = EventDefinition>,
        known: Arc<KnownEvents>,
    ) -> Self {
        let mut policy = Self {
            names: Vec::new(),
            listed: BTreeMap::new(),
            open_to_clients: false,
            open_to_server: false,
            known,
        };
        for (definition, clients_allowed) in events
            .into_iter()
            .map(|event| (event, true))
            .chain(server_events.into_iter().map(|event| (event, false)))
        {
            policy.names.push(definition.name().clone());
            policy.listed.insert(
                definition.name().clone(),
                ListedEvent {
                    definition,
                    clients_allowed,
                },
            );
        }
        policy.open_to_server = policy.names.is_empty();
        policy
    }

    /// Returns the names of all events that can happen in the room. `None` if the room allows any event.
    pub(crate) fn closed_names(&self) -> Option<&[EventName]> {
        (!self.open_to_server).then_some(&*self.names)
    }

    /// Returns the names that the room lists.
    pub(crate) fn names(&self) -> &[EventName] {
        &self.names
    }

    /// Returns the definitions that the room lists, in order.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &EventDefinition> {
        self.names.iter().filter_map(|name| self.definition(name))
    }

    /// Whether an event with this name can happen in the room.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.listed.contains_key(name) || (self.open_to_server && EventName::is_valid(name))
    }

    /// Returns `None` if `party` may not trigger an event with this name. Otherwise returns the event's definition, if
    /// the server has one.
    pub(crate) fn admit(&self, party: Party, name: &str) -> Option<Option<&EventDefinition>> {
        if let Some(listed) = self.listed.get(name) {
            let allowed = party == Party::Server || listed.clients_allowed;
            return allowed.then_some(Some(&listed.definition));
        }
        let open = match party {
            Party::Client => self.open_to_clients,
            Party::Server => self.open_to_server,
        };
        (open && EventName::is_valid(name)).then(|| self.known.get(name))
    }

    /// Returns the definitions of events that the room allows without listing them, in no order. Only events that the
    /// server knows have a definition.
    #[cfg(feature = "inspector")]
    pub(crate) fn unlisted(&self) -> impl Iterator<Item = &EventDefinition> {
        let known = self.known.values().filter(|_| self.open_to_server);
        known.filter(|event| !self.listed.contains_key(event.name()))
    }

    /// Returns the definition of the event with this name, if the server has one.
    pub(crate) fn definition(&self, name: &str) -> Option<&EventDefinition> {
        self.listed
            .get(name)
            .map(|listed| &listed.definition)
            .or_else(|| self.known.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl EventPolicy {
        fn allows(&self, party: Party, name: &str) -> bool {
            self.admit(party, name).is_some()
        }
    }

    fn event(name: &str) -> EventDefinition {
        EventDefinition::new(name).build().expect("a definition")
    }

    #[test]
    fn clients_can_trigger_only_the_events_that_are_listed_for_them() {
        let policy = EventPolicy::listed([event("message")], [event("joined")], Arc::default());
        assert!(policy.allows(Party::Client, "message"));
        assert!(!policy.allows(Party::Client, "joined"));
        assert!(policy.allows(Party::Server, "joined"));
        assert!(!policy.allows(Party::Server, "other"));
        assert_eq!(policy.closed_names().map(<[_]>::len), Some(2));
    }

    #[test]
    fn a_room_without_events_is_read_only() {
        let policy = EventPolicy::listed([], [], Arc::default());
        assert!(!policy.allows(Party::Client, "message"));
        assert!(policy.allows(Party::Server, "message"));
        assert!(policy.knows("message"));
        assert_eq!(policy.closed_names(), None);
    }

    #[test]
    fn a_room_with_only_server_events_allows_only_them_and_only_to_the_server() {
        let policy = EventPolicy::listed([], [event("news")], Arc::default());
        assert!(policy.allows(Party::Server, "news"));
        assert!(!policy.allows(Party::Server, "message"));
        assert!(!policy.allows(Party::Client, "news"));
    }

    #[test]
    fn an_open_room_allows_every_valid_event_name() {
        let policy = EventPolicy::open_with([], [event("mine")], Arc::default());
        assert!(policy.allows(Party::Client, "anything"));
        assert!(!policy.allows(Party::Client, "mine"));
        assert!(!policy.allows(Party::Client, "dialogue:x"));
        assert!(!policy.allows(Party::Client, "*"));
    }
}
