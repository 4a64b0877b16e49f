//! The changes between two snapshots of a contract, and whether they break clients of the first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::inclusion::{Mismatch, compatible};
use crate::contract::direction::Direction;
use crate::contract::snapshot::{EventSnapshot, HistoryAmount, RoomSnapshot, Snapshot, name_of};

/// The effect of a change on clients that use the older contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// They keep working.
    Additive,
    /// They may be refused, or receive data that they do not expect. Changes that cannot be proven harmless count as
    /// breaking too.
    Breaking,
}

/// One difference between two contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The effect on clients.
    pub impact: Impact,
    /// The subject of the change: a room's id, or an event's name with a place in its payload.
    pub subject: String,
    /// The change itself.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let impact = match self.impact {
            Impact::Additive => "additive",
            Impact::Breaking => "BREAKING",
        };
        write!(f, "{impact}  {}: {}", self.subject, self.what)
    }
}

/// All changes, breaking ones first.
pub(super) fn changes(old: &Snapshot, new: &Snapshot) -> Vec<Change> {
    let mut comparison = ContractComparison::default();
    for (id, room) in &old.rooms {
        match new.rooms.get(id) {
            None => comparison.breaking(id, "the room was removed"),
            Some(now) => comparison.room(id, &ComparedRoom::of(old, room), &ComparedRoom::of(new, now)),
        }
    }
    for id in new.rooms.keys().filter(|id| !old.rooms.contains_key(*id)) {
        comparison.additive(id, "a new room");
    }
    comparison.events();
    comparison
        .changes
        .sort_by_key(|change| std::cmp::Reverse(change.impact));
    comparison.changes
}

/// A room with its events by name.
struct ComparedRoom<'s> {
    room: &'s RoomSnapshot,
    /// The events that clients may trigger. For an open room, the events that are known by name.
    triggers: BTreeMap<&'s str, &'s EventSnapshot>,
    received: BTreeMap<&'s str, &'s EventSnapshot>,
    triggers_any: bool,
    receives_any: bool,
}

impl<'s> ComparedRoom<'s> {
    fn of(snapshot: &'s Snapshot, room: &'s RoomSnapshot) -> Self {
        let by_name = |keys: &mut dyn Iterator<Item = &'s String>| -> BTreeMap<&'s str, &'s EventSnapshot> {
            keys.filter_map(|key| Some((name_of(key), snapshot.events.get(key)?)))
                .collect()
        };
        let mut triggers = by_name(&mut room.events.keys());
        let mut received = by_name(&mut room.events.keys().chain(&room.server_events));
        let triggers_any = room.events.is_any();
        let receives_any = received.is_empty();
        if receives_any {
            // If a name has two definitions, an open room knows neither.
            let unique = |key: &&String| !key.contains('~') && !snapshot.events.contains_key(&format!("{key}~2"));
            received = by_name(&mut snapshot.events.keys().filter(unique));
            if triggers_any {
                triggers.clone_from(&received);
            }
        }
        Self {
            room,
            triggers,
            received,
            triggers_any,
            receives_any,
        }
    }
}

/// Two versions of an event, and the rooms in which the second replaced the first.
struct EventPair<'s> {
    name: &'s str,
    direction: Direction,
    old: &'s EventSnapshot,
    new: &'s EventSnapshot,
    rooms: Vec<String>,
}

#[derive(Default)]
struct ContractComparison<'s> {
    changes: Vec<Change>,
    pairs: Vec<EventPair<'s>>,
}

impl<'s> ContractComparison<'s> {
    fn breaking(&mut self, subject: &str, what: impl Into<String>) {
        self.add(Impact::Breaking, subject, what);
    }

    fn additive(&mut self, subject: &str, what: impl Into<String>) {
        self.add(Impact::Additive, subject, what);
    }

    fn add(&mut self, impact: Impact, subject: &str, what: impl Into<String>) {
        self.changes.push(Change {
            impact,
            subject: subject.to_owned(),
            what: what.into(),
        });
    }

    fn room(&mut self, id: &str, old: &ComparedRoom<'s>, new: &ComparedRoom<'s>) {
        self.triggers(id, old, new);
        self.received(id, old, new);
        self.subscriptions(id, old.room, new.room);
        let (old, new) = (old.room, new.room);
        // More space is harmless, and less space is breaking. No limit counts as the most space.
        let bound = |size: Option<usize>| size.unwrap_or(usize::MAX);
        self.amount(id, "seats", bound(old.max_size), bound(new.max_size));
        let count = |created: Option<usize>| created.unwrap_or(0);
        self.amount(
            id,
            "rooms that a user may create",
            count(old.client_created),
            count(new.client_created),
        );
        self.history(
            id,
            "history for clients that join",
            old.sync_history_on_join,
            new.sync_history_on_join,
        );
        for (what, was, is) in [
            ("created by the first client that joins", old.on_demand, new.on_demand),
            ("listed", old.listed, new.listed),
        ] {
            match (was, is) {
                (true, false) => self.breaking(id, format!("no longer {what}")),
                (false, true) => self.additive(id, format!("now {what}")),
                _ => {}
            }
        }
    }

    fn triggers(&mut self, id: &str, old: &ComparedRoom<'s>, new: &ComparedRoom<'s>) {
        if old.triggers_any && !new.triggers_any {
            self.breaking(id, "clients may no longer trigger any event");
        }
        for (&name, &was) in &old.triggers {
            match new.triggers.get(name) {
                Some(is) => self.pair(id, name, Direction::Inbound, was, is),
                None if new.triggers_any => {}
                None if new.received.contains_key(name) => {
                    self.breaking(id, format!("now only the server may trigger `{name}`"));
                }
                None => self.breaking(id, format!("clients may no longer trigger `{name}`")),
            }
        }
        for (&name, is) in new
            .triggers
            .iter()
            .filter(|(name, _)| !old.triggers.contains_key(*name))
        {
            if old.triggers_any && *is.inbound() != Value::Bool(true) {
                self.breaking(
                    id,
                    format!("`{name}` could have any payload here, and now has a schema"),
                );
            } else {
                self.additive(id, format!("clients may trigger `{name}`"));
            }
        }
        if new.triggers_any && !old.triggers_any {
            self.additive(id, "clients may trigger any event");
        }
    }

    fn received(&mut self, id: &str, old: &ComparedRoom<'s>, new: &ComparedRoom<'s>) {
        if old.receives_any && !new.receives_any {
            self.breaking(id, "clients may now receive only the listed events");
        }
        for (&name, &was) in &old.received {
            match new.received.get(name) {
                Some(is) => self.pair(id, name, Direction::Outbound, was, is),
                None if new.receives_any => self.breaking(id, format!("`{name}` may now have any payload")),
                None => self.breaking(id, format!("clients no longer receive `{name}`")),
            }
        }
        for &name in new.received.keys().filter(|name| !old.received.contains_key(*name)) {
            if !new.triggers.contains_key(name) {
                self.additive(id, format!("clients may receive `{name}`"));
            }
        }
        if new.receives_any && !old.receives_any {
            self.additive(id, "clients may receive any event");
        }
    }

    /// Compares the events to which a client is subscribed if it names none when it joins.
    fn subscriptions(&mut self, id: &str, old: &RoomSnapshot, new: &RoomSnapshot) {
        let (old, new) = (&old.default_subscriptions, &new.default_subscriptions);
        match (old.is_any(), new.is_any()) {
            (true, true) => {}
            (true, false) => self.breaking(id, "joining no longer subscribes to all events"),
            (false, true) => self.additive(id, "joining subscribes to all events"),
            (false, false) => {
                let [old, new] = [old, new].map(|listed| listed.keys().collect::<BTreeSet<_>>());
                for name in old.difference(&new) {
                    self.breaking(id, format!("joining no longer subscribes to `{name}`"));
                }
                for name in new.difference(&old) {
                    self.additive(id, format!("joining subscribes to `{name}`"));
                }
            }
        }
    }

    fn amount(&mut self, subject: &str, of: &str, old: usize, new: usize) {
        let say = |amount: usize| match amount {
            usize::MAX => "any number".to_owned(),
            amount => amount.to_string(),
        };
        let what = format!("{of}: was {}, now {}", say(old), say(new));
        match new.cmp(&old) {
            std::cmp::Ordering::Less => self.breaking(subject, what),
            std::cmp::Ordering::Greater => self.additive(subject, what),
            std::cmp::Ordering::Equal => {}
        }
    }

    fn history(&mut self, subject: &str, of: &str, old: Option<HistoryAmount>, new: Option<HistoryAmount>) {
        match (old, new) {
            (old, new) if old == new => {}
            (None, _) => self.additive(subject, format!("{of}: was none, now some")),
            (_, None) => self.breaking(subject, format!("{of}: now none")),
            (Some(HistoryAmount::Last(old)), Some(HistoryAmount::Last(new))) => self.amount(subject, of, old, new),
            // The amount that the history manager keeps is unknown here.
            _ => self.breaking(subject, format!("{of}: a different amount")),
        }
    }

    fn pair(&mut self, id: &str, name: &'s str, direction: Direction, old: &'s EventSnapshot, new: &'s EventSnapshot) {
        if old == new {
            return;
        }
        let is_same = |pair: &&mut EventPair<'_>| {
            pair.name == name && pair.direction == direction && pair.old == old && pair.new == new
        };
        match self.pairs.iter_mut().find(is_same) {
            Some(pair) => pair.rooms.push(id.to_owned()),
            None => self.pairs.push(EventPair {
                name,
                direction,
                old,
                new,
                rooms: vec![id.to_owned()],
            }),
        }
    }

    /// Compares the events that have changed. Each is reported once for all rooms that have it.
    fn events(&mut self) {
        for pair in std::mem::take(&mut self.pairs) {
            let EventPair {
                name,
                direction,
                old,
                new,
                ..
            } = pair;
            let rooms = pair.rooms.join(", ");
            let (old_schema, new_schema, verb, additive) = match direction {
                Direction::Inbound => (
                    old.inbound(),
                    new.inbound(),
                    "triggered",
                    "all data that was accepted still is",
                ),
                Direction::Outbound => (
                    old.outbound(),
                    new.outbound(),
                    "received",
                    "all data was possible before",
                ),
            };
            if direction == Direction::Outbound {
                self.history(&format!("{name} in {rooms}"), "history", old.history, new.history);
            }
            if old_schema == new_schema {
                continue;
            }
            match compatible(direction, old_schema, new_schema) {
                Ok(()) => self.additive(&format!("{name}, {verb} in {rooms}"), additive),
                Err(Mismatch { at, why, .. }) => self.breaking(&format!("{name}{at}, {verb} in {rooms}"), why),
            }
        }
    }
}
