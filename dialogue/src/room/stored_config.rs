//! A [`RoomConfig`] as a store keeps it: JSON. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::RoomConfig;
use super::policy::KnownEvents;
use super::{SyncHistory, config};
use crate::event::{EventDefinition, HistorySetting};
use crate::id::{EventName, RoomId};

/// A room that was described at run time, without its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredRoomConfig {
    name: Option<String>,
    description: Option<String>,
    open: bool,
    events: Vec<StoredDefinition>,
    server_events: Vec<StoredDefinition>,
    subscribe_to: Vec<EventName>,
    subscribe_to_all: bool,
    max_size: Option<usize>,
    sync_history_on_join: StoredSync,
}

/// An event of the room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredDefinition {
    name: String,
    description: Option<String>,
    history: StoredHistory,
    /// What clients may send. `None` for any data.
    schema: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StoredHistory {
    Off,
    ManagerLimit,
    Limit(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StoredSync {
    Off,
    All,
    PerType(usize),
}

impl StoredRoomConfig {
    /// Describes a room.
    pub(crate) fn of(config: &RoomConfig) -> Self {
        let parts = config.parts();
        Self {
            name: parts.name.clone(),
            description: parts.description.clone(),
            open: parts.open,
            events: parts.events.iter().map(StoredDefinition::of).collect(),
            server_events: parts.server_events.iter().map(StoredDefinition::of).collect(),
            subscribe_to: parts.subscribe_to.to_vec(),
            subscribe_to_all: parts.subscribe_to_all,
            max_size: parts.max_size,
            sync_history_on_join: match parts.sync_history_on_join {
                SyncHistory::Off => StoredSync::Off,
                SyncHistory::All => StoredSync::All,
                SyncHistory::PerType(count) => StoredSync::PerType(count),
            },
        }
    }

    /// The same room without its events.
    pub(crate) fn without_events(self) -> Self {
        Self {
            events: Vec::new(),
            server_events: Vec::new(),
            subscribe_to: Vec::new(),
            ..self
        }
    }

    /// Makes the description of a room again. An event that the server knows by name is that event; the definition of any
    /// other is compiled. `None` if one does not compile any more.
    pub(crate) fn into_config(self, id: RoomId, known: &KnownEvents) -> Option<RoomConfig> {
        let define = |stored: Vec<StoredDefinition>| -> Option<Vec<EventDefinition>> {
            stored.into_iter().map(|event| event.define(known)).collect()
        };
        Some(RoomConfig::of_parts(
            id,
            config::RoomConfigParts {
                name: &self.name,
                description: &self.description,
                open: self.open,
                events: &define(self.events)?,
                server_events: &define(self.server_events)?,
                subscribe_to: &self.subscribe_to,
                subscribe_to_all: self.subscribe_to_all,
                max_size: self.max_size,
                sync_history_on_join: match self.sync_history_on_join {
                    StoredSync::Off => SyncHistory::Off,
                    StoredSync::All => SyncHistory::All,
                    StoredSync::PerType(count) => SyncHistory::PerType(count),
                },
            },
        ))
    }
}

impl StoredDefinition {
    fn of(event: &EventDefinition) -> Self {
        Self {
            name: event.name().to_string(),
            description: event.description().map(str::to_owned),
            history: match event.history() {
                HistorySetting::Off => StoredHistory::Off,
                HistorySetting::ManagerLimit => StoredHistory::ManagerLimit,
                HistorySetting::Limit(limit) => StoredHistory::Limit(limit),
            },
            schema: event.inbound_schema().cloned(),
        }
    }

    fn define(self, known: &KnownEvents) -> Option<EventDefinition> {
        if let Some(known) = known.get(&*self.name) {
            return Some(known.clone());
        }
        let mut event = EventDefinition::new(self.name).history(match self.history {
            StoredHistory::Off => HistorySetting::Off,
            StoredHistory::ManagerLimit => HistorySetting::ManagerLimit,
            StoredHistory::Limit(limit) => HistorySetting::Limit(limit),
        });
        if let Some(description) = self.description {
            event = event.description(description);
        }
        if let Some(schema) = self.schema {
            event = event.schema(schema);
        }
        event.build().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> RoomConfig {
        let schema = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } });
        let ordered = EventDefinition::new("order:placed")
            .description("Somebody has ordered.")
            .schema(schema)
            .history(HistorySetting::Limit(7))
            .build()
            .expect("a definition");
        let any = EventDefinition::new("any").build().expect("a definition");
        RoomConfig::new("shop")
            .name("The shop")
            .description("Where people order.")
            .events([ordered])
            .server_events([any])
            .default_subscriptions(["order:placed"])
            .max_size(3)
            .sync_history_on_join(SyncHistory::PerType(2))
    }

    #[test]
    fn a_room_that_was_described_at_run_time_reads_back_with_its_schemas() {
        let stored = StoredRoomConfig::of(&config());
        let text = serde_json::to_string(&stored).expect("JSON");
        let read: StoredRoomConfig = serde_json::from_str(&text).expect("a config");
        assert_eq!(read, stored);
        let again = read.into_config("shop".into(), &KnownEvents::new()).expect("a config");
        assert_eq!(StoredRoomConfig::of(&again), stored);
        let template = again.template(Default::default()).expect("a template");
        let ordered = template.policy.definition("order:placed").expect("a definition");
        assert!(ordered.accept(json!({ "id": 1 })).is_ok());
        assert!(ordered.accept(json!({})).is_err());
    }

    #[test]
    fn a_definition_that_the_server_knows_by_name_is_that_definition() {
        let known = EventDefinition::new("any")
            .history(HistorySetting::ManagerLimit)
            .build();
        let known = known.expect("a definition");
        let events = KnownEvents::from([("any".into(), known)]);
        let again = StoredRoomConfig::of(&config())
            .into_config("shop".into(), &events)
            .expect("a config");
        let template = again.template(Default::default()).expect("a template");
        let history = template.policy.definition("any").map(EventDefinition::history);
        assert_eq!(history, Some(HistorySetting::ManagerLimit));
    }
}
