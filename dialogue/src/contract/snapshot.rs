//! The contract as plain data, in one canonical form. A lock file contains this form, and the fingerprint is its hash.
//! It contains only properties that clients can observe: names for people and descriptions are left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::canonical;
use super::model::{Contract, ContractRoom};
use crate::event::{EventDefinition, HistorySetting};
use crate::room::{DeclaredEvents, DefaultSubscriptions, Segment, SyncHistory};

/// The version of the format.
pub(super) const VERSION: u32 = 2;

/// The version whose schemas had the form in which they were published.
pub(super) const AS_PUBLISHED: u32 = 1;

/// The whole contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    pub(super) version: u32,
    pub(super) fingerprint: String,
    /// The rooms by id. The id of a family has `*` in place of each field, because clients do not see the names of
    /// fields.
    pub(super) rooms: BTreeMap<String, RoomSnapshot>,
    /// The events by name. If several events have the same name, `~` and a number follow the name.
    pub(super) events: BTreeMap<String, EventSnapshot>,
}

/// A room or a family of rooms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RoomSnapshot {
    pub(super) events: EventKeys,
    pub(super) server_events: BTreeSet<String>,
    pub(super) default_subscriptions: EventKeys,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_size: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sync_history_on_join: Option<HistoryAmount>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) on_demand: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) listed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_created: Option<usize>,
}

/// The keys of some events, or `*` for any event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum EventKeys {
    Any(Star),
    Only(BTreeSet<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Star {
    #[serde(rename = "*")]
    Star,
}

impl EventKeys {
    const ANY: Self = Self::Any(Star::Star);

    pub(super) fn is_any(&self) -> bool {
        *self == Self::ANY
    }

    /// The listed keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        let only = match self {
            Self::Any(_) => None,
            Self::Only(keys) => Some(keys),
        };
        only.into_iter().flatten()
    }
}

/// An amount of history: `true` for as much as the server keeps, or a number of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum HistoryAmount {
    Last(usize),
    All(bool),
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EventSnapshot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<HistoryAmount>,
    /// The schema that data from clients must satisfy.
    inbound: Value,
    /// The schema of the data that clients receive, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbound: Option<Value>,
}

impl EventSnapshot {
    pub(super) fn inbound(&self) -> &Value {
        &self.inbound
    }

    pub(super) fn outbound(&self) -> &Value {
        self.outbound.as_ref().unwrap_or(&self.inbound)
    }

    pub(super) fn of(definition: &EventDefinition) -> Self {
        let form = |schema: Option<&Value>| schema.map_or(Value::Bool(true), canonical);
        let inbound = form(definition.inbound_schema());
        let outbound = match (definition.inbound_schema(), definition.outbound_schema()) {
            (inbound, outbound) if inbound == outbound => None,
            (_, outbound) => Some(form(outbound)).filter(|outbound| *outbound != inbound),
        };
        Self {
            history: match definition.history() {
                HistorySetting::Off => None,
                HistorySetting::ManagerLimit => Some(HistoryAmount::All(true)),
                HistorySetting::Limit(limit) => Some(HistoryAmount::Last(limit)),
            },
            inbound,
            outbound,
        }
    }

    /// The same event, if its schemas have the form in which they were published.
    fn upgraded(&self) -> Self {
        let inbound = canonical(&self.inbound);
        let outbound = self
            .outbound
            .as_ref()
            .map(canonical)
            .filter(|outbound| *outbound != inbound);
        Self {
            history: self.history,
            inbound,
            outbound,
        }
    }
}

impl Contract {
    /// A text that identifies the contract. It changes if the contract changes, but not if only its documentation
    /// does.
    pub(crate) fn fingerprint(&self) -> String {
        Snapshot::of(self).fingerprint
    }
}

impl Snapshot {
    pub(super) fn of(contract: &Contract) -> Self {
        let listed = contract.rooms.iter().flat_map(ContractRoom::listed);
        // A room for any event also knows the events that no room lists.
        let definitions = listed.chain(contract.known_in_open_rooms());
        let definitions: Vec<&EventDefinition> = definitions.collect();
        let mut snapshots: HashMap<usize, EventSnapshot> = HashMap::new();
        for definition in &definitions {
            let snapshot = || EventSnapshot::of(definition);
            snapshots.entry(definition.address()).or_insert_with(snapshot);
        }
        let named = definitions
            .iter()
            .filter_map(|event| Some((event.name().as_str(), snapshots.get(&event.address())?)));
        let mut file = Self::of_events(named);
        for room in &contract.rooms {
            let locked = file.room(room, &snapshots);
            file.rooms.insert(id(room), locked);
        }
        file.signed()
    }

    /// A snapshot without rooms.
    fn of_events<'s>(events: impl IntoIterator<Item = (&'s str, &'s EventSnapshot)>) -> Self {
        let mut file = Self {
            version: VERSION,
            fingerprint: String::new(),
            rooms: BTreeMap::new(),
            events: BTreeMap::new(),
        };
        // The numbers of events with the same name must not depend on the order of the declarations.
        let mut by_name: BTreeMap<&str, BTreeMap<String, &EventSnapshot>> = BTreeMap::new();
        for (name, event) in events {
            let text = serde_json::to_string(event).unwrap_or_default();
            by_name.entry(name).or_default().insert(text, event);
        }
        for (name, versions) in by_name {
            for event in versions.into_values() {
                file.key(name, event);
            }
        }
        file
    }

    /// The same snapshot, with its fingerprint.
    fn signed(mut self) -> Self {
        self.fingerprint = String::new();
        self.fingerprint = sha1_smol::Sha1::from(self.text()).digest().to_string();
        self
    }

    /// The same contract as this version of Dialogue writes it, if an earlier one has written it.
    pub(super) fn upgraded(&self) -> Self {
        let events: BTreeMap<&String, EventSnapshot> =
            self.events.iter().map(|(key, event)| (key, event.upgraded())).collect();
        let mut file = Self::of_events(events.iter().map(|(key, event)| (name_of(key), event)));
        let mut renamed = |keys: &BTreeSet<String>| -> BTreeSet<String> {
            let known = keys.iter().filter_map(|key| Some((name_of(key), events.get(key)?)));
            known.map(|(name, event)| file.key(name, event)).collect()
        };
        let mut rooms = BTreeMap::new();
        for (id, room) in &self.rooms {
            let mut room = room.clone();
            room.server_events = renamed(&room.server_events);
            if let EventKeys::Only(keys) = &mut room.events {
                *keys = renamed(keys);
            }
            rooms.insert(id.clone(), room);
        }
        file.rooms = rooms;
        file.signed()
    }

    pub(super) fn text(&self) -> String {
        // The detour through a `Value` allows sorting the keys. A struct of strings and values always converts.
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value.sort_all_objects();
        format!("{value:#}\n")
    }

    fn room(&mut self, room: &ContractRoom, snapshots: &HashMap<usize, EventSnapshot>) -> RoomSnapshot {
        let declaration = room.declaration;
        let mut keys = |events: &[EventDefinition]| -> BTreeSet<String> {
            let known = events
                .iter()
                .filter_map(|event| Some((event.name(), snapshots.get(&event.address())?)));
            known.map(|(name, snapshot)| self.key(name, snapshot)).collect()
        };
        RoomSnapshot {
            events: match declaration.events {
                DeclaredEvents::Any => EventKeys::ANY,
                DeclaredEvents::Only(_) => EventKeys::Only(keys(&room.events)),
            },
            server_events: keys(&room.server_events),
            default_subscriptions: match declaration.default_subscriptions {
                DefaultSubscriptions::All => EventKeys::ANY,
                DefaultSubscriptions::Only(names) => {
                    EventKeys::Only(names.iter().map(|name| (*name).to_owned()).collect())
                }
            },
            max_size: declaration.max_size,
            sync_history_on_join: match declaration.sync_history_on_join {
                SyncHistory::Off => None,
                SyncHistory::All => Some(HistoryAmount::All(true)),
                SyncHistory::PerType(number) => Some(HistoryAmount::Last(number)),
            },
            on_demand: declaration.family.on_demand,
            listed: declaration.family.listed,
            client_created: declaration.family.client_created,
        }
    }

    /// The key of an event. An event that is not in the snapshot yet is added.
    fn key(&mut self, name: &str, event: &EventSnapshot) -> String {
        let keys = std::iter::once(name.to_owned()).chain((2..).map(|number: u32| format!("{name}~{number}")));
        for key in keys {
            match self.events.get(&key) {
                Some(found) if found != event => {}
                Some(_) => return key,
                None => {
                    self.events.insert(key.clone(), event.clone());
                    return key;
                }
            }
        }
        // Unreachable: there are more numbers than events.
        name.to_owned()
    }
}

fn id(room: &ContractRoom) -> String {
    let segments = room.segments();
    let texts = segments.iter().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::Field(_) => "*",
    });
    texts.collect()
}

/// The name of the event with this key.
pub(super) fn name_of(key: &str) -> &str {
    key.split_once('~').map_or(key, |(name, _)| name)
}
