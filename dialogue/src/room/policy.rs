//! Which events may happen in a room, and who may trigger them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::EventDefinition;
use crate::id::EventName;

/// The definitions that the server knows by name: what an open room validates by.
pub(crate) type KnownEvents = HashMap<EventName, EventDefinition>;

/// What may happen in a room.
#[derive(Debug)]
pub(crate) struct EventPolicy {
    /// The events listed for the room, in the order of their declaration.
    names: Vec<EventName>,
    listed: HashMap<EventName, Listed>,
    /// Clients may trigger events that are not listed.
    open_to_clients: bool,
    /// The server may trigger events that are not listed.
    open_to_server: bool,
    /// Where the definitions of events that are not listed are looked up.
    known: Arc<KnownEvents>,
}

#[derive(Debug)]
struct Listed {
    definition: EventDefinition,
    clients_may: bool,
}

/// Who triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Client,
    Server,
}

impl EventPolicy {
    /// Any event, by anyone in the room; `server_events` by the server alone.
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

    /// `events` by clients and the server, `server_events` by the server alone. With neither, the room is read-only:
    /// clients trigger nothing, the server anything.
    pub(crate) fn listed(
        events: impl IntoIterator<Item = EventDefinition>,
        server_events: impl IntoIterator<Item = EventDefinition>,
        known: Arc<KnownEvents>,
    ) -> Self {
        let mut policy = Self {
            names: Vec::new(),
            listed: HashMap::new(),
            open_to_clients: false,
            open_to_server: false,
            known,
        };
        for (definition, clients_may) in events
            .into_iter()
            .map(|event| (event, true))
            .chain(server_events.into_iter().map(|event| (event, false)))
        {
            policy.names.push(definition.name().clone());
            policy.listed.insert(
                definition.name().clone(),
                Listed {
                    definition,
                    clients_may,
                },
            );
        }
        policy.open_to_server = policy.names.is_empty();
        policy
    }

    /// The names of every event that can happen, if they are all known.
    pub(crate) fn closed_names(&self) -> Option<&[EventName]> {
        (!self.open_to_server).then_some(&*self.names)
    }

    /// The names that the room lists.
    pub(crate) fn names(&self) -> &[EventName] {
        &self.names
    }

    /// The definitions that the room lists, in order.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &EventDefinition> {
        self.names.iter().filter_map(|name| self.definition(name))
    }

    /// Whether an event of this name can happen in the room.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.listed.contains_key(name) || (self.open_to_server && EventName::is_valid(name))
    }

    /// Whether `party` may trigger an event of this name; and if so, what describes it, if anything does.
    pub(crate) fn admit(&self, party: Party, name: &str) -> Option<Option<&EventDefinition>> {
        if let Some(listed) = self.listed.get(name) {
            let may = party == Party::Server || listed.clients_may;
            return may.then_some(Some(&listed.definition));
        }
        let open = match party {
            Party::Client => self.open_to_clients,
            Party::Server => self.open_to_server,
        };
        (open && EventName::is_valid(name)).then(|| self.known.get(name))
    }

    /// The definitions of events that are not listed but can happen, in no order: those that the server knows.
    #[cfg(feature = "inspector")]
    pub(crate) fn unlisted(&self) -> impl Iterator<Item = &EventDefinition> {
        let known = self.known.values().filter(|_| self.open_to_server);
        known.filter(|event| !self.listed.contains_key(event.name()))
    }

    /// What describes the event of this name, if anything does.
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
    fn clients_trigger_only_what_is_listed_for_them() {
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
    fn a_room_with_only_server_events_allows_the_server_exactly_those() {
        let policy = EventPolicy::listed([], [event("news")], Arc::default());
        assert!(policy.allows(Party::Server, "news"));
        assert!(!policy.allows(Party::Server, "message"));
        assert!(!policy.allows(Party::Client, "news"));
    }

    #[test]
    fn an_open_room_allows_every_name_that_is_one() {
        let policy = EventPolicy::open_with([], [event("mine")], Arc::default());
        assert!(policy.allows(Party::Client, "anything"));
        assert!(!policy.allows(Party::Client, "mine"));
        assert!(!policy.allows(Party::Client, "dialogue:x"));
        assert!(!policy.allows(Party::Client, "*"));
    }
}
