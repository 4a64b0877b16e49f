//! What the clients know from what they were told, and what must follow from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dialogue::{Dialogue, DialogueEvent};
use serde_json::Value;

use crate::server::{Message, Move};

/// The events with history.
const KEPT: [&str; 2] = [Message::NAME, Move::NAME];

/// What a member has been told of its room.
#[derive(Default)]
struct Told {
    epoch: String,
    /// The numbers of the events that it was sent since it came in.
    seqs: BTreeSet<u64>,
}

#[derive(Default)]
pub struct Model {
    /// Every numbered event by its room's epoch: all that ever happened.
    logs: HashMap<String, BTreeMap<u64, String>>,
    /// For each client and room that it is in, what it has been told there.
    members: BTreeMap<(String, String), Told>,
    /// The trigger that this step is, if it is one, with its room's epoch.
    trigger: Option<(Value, String)>,
    /// The number of this step's event, once it is known.
    numbered: Option<u64>,
    /// The event that this step has brought to members: its number, and who heard it.
    delivered: Option<(Value, BTreeSet<String>)>,
}

impl Model {
    /// The number of the latest event that was numbered under an epoch.
    pub fn top(&self, epoch: &str) -> u64 {
        self.logs
            .get(epoch)
            .and_then(|log| log.keys().next_back().copied())
            .unwrap_or(0)
    }

    /// Notes a request before it is sent.
    pub fn asked(&mut self, request: &Value, epoch: Option<String>) {
        self.numbered = None;
        self.trigger = epoch
            .filter(|_| request["type"] == "trigger")
            .map(|epoch| (request.clone(), epoch));
    }

    /// Forgets a client whose connection has ended.
    pub fn gone(&mut self, client: &str) {
        self.members.retain(|(member, _), _| member != client);
    }

    /// Takes in what a client was told, be it a reply to `request` or not.
    pub fn hear(&mut self, client: &str, request: Option<&Value>, frame: &Value) {
        let room = frame["roomId"].as_str().unwrap_or_default().to_owned();
        let place = (client.to_owned(), room);
        match frame["type"].as_str().unwrap_or_default() {
            "joined" => {
                let epoch = frame["epoch"].as_str().expect("an epoch").to_owned();
                assert_eq!(frame["seq"], self.top(&epoch), "the room's number is another");
                self.check_replay(self.members.get(&place), request, &epoch, frame);
                let told = self.members.entry(place).or_default();
                told.epoch = epoch;
                told.seqs.extend(seqs(frame));
            }
            "left" => {
                assert!(
                    self.members.remove(&place).is_some(),
                    "left a room that it was not in: {frame}"
                );
            }
            "event" => self.deliver(place, frame),
            "history" => {
                let seqs = seqs(frame);
                assert!(
                    seqs.is_sorted_by(|newer, older| newer > older),
                    "not newest first: {frame}"
                );
                assert!(self.members.contains_key(&place), "history for a stranger");
            }
            "error" => {
                assert!(frame["code"].is_string() && frame["message"].is_string(), "{frame}");
            }
            "ok" => self.note_number(frame),
            "connected" | "rooms" | "roomCreated" | "roomDeleted" => {}
            other => panic!("`{other}` is not in the protocol document"),
        }
    }

    fn deliver(&mut self, (client, room): (String, String), frame: &Value) {
        let told = self
            .members
            .get_mut(&(client.clone(), room))
            .expect("an event for no member");
        let epoch = told.epoch.clone();
        told.seqs.extend(frame["seq"].as_u64());
        let (trigger, at) = self.trigger.as_ref().expect("an event that nobody triggered");
        assert_eq!(*at, epoch, "an event of another room");
        assert_eq!(frame["event"], trigger["event"]);
        let name = frame["event"].as_str().expect("a name").to_owned();
        match &mut self.delivered {
            Some((earlier, heard_by)) => {
                assert_eq!(earlier, frame, "one event, told in two ways");
                assert!(heard_by.insert(client), "an event twice");
            }
            None => {
                self.delivered = Some((frame.clone(), BTreeSet::from([client])));
                assert_eq!(frame["seq"].is_null(), !KEPT.contains(&&*name), "{frame}");
                if let Some(seq) = frame["seq"].as_u64() {
                    self.number(epoch, seq, name);
                }
            }
        }
    }

    /// Learns from its `ok` the number of an event that perhaps nobody heard. A key's repetition is told an earlier one.
    fn note_number(&mut self, frame: &Value) {
        let (Some((trigger, epoch)), Some(seq)) = (self.trigger.clone(), frame["seq"].as_u64()) else {
            return;
        };
        if seq > self.top(&epoch) {
            let name = trigger["event"].as_str().expect("a name").to_owned();
            self.number(epoch, seq, name);
        }
    }

    /// Notes an event's number: the next one, unless this step's event has been noted already.
    fn number(&mut self, epoch: String, seq: u64, name: String) {
        let top = self.top(&epoch);
        if self.numbered == Some(seq) {
            return;
        }
        assert_eq!(seq, top + 1, "a gap, or a number twice");
        self.numbered = Some(seq);
        self.logs.entry(epoch).or_default().insert(seq, name);
    }

    /// Checks that who was told that it missed nothing was told all that it missed: in the reply if it comes in, before
    /// it if it is a member already.
    fn check_replay(&self, member: Option<&Told>, request: Option<&Value>, epoch: &str, frame: &Value) {
        let seqs = seqs(frame);
        assert!(
            seqs.is_sorted_by(|older, newer| older < newer),
            "not oldest first: {frame}"
        );
        let since = request.map_or(&Value::Null, |request| &request["since"]);
        assert_eq!(frame["recovered"].is_null(), since.is_null(), "{frame}");
        if frame["recovered"] != true {
            return;
        }
        assert_eq!(since["epoch"], epoch, "recovered from another epoch");
        let since = since["seq"].as_u64().expect("a number");
        let wanted = frame["subscriptions"].as_array().expect("a list");
        let due: Vec<u64> = self
            .logs
            .get(epoch)
            .into_iter()
            .flatten()
            .filter(|(seq, name)| **seq > since && wanted.iter().any(|wanted| *wanted == **name))
            .map(|(seq, _)| *seq)
            .collect();
        match member {
            None => assert_eq!(seqs, due, "missed something, and told that it did not"),
            Some(told) => {
                assert!(seqs.is_empty(), "told twice: {frame}");
                let missed: Vec<_> = due.iter().filter(|seq| !told.seqs.contains(seq)).collect();
                assert!(missed.is_empty(), "missed {missed:?}, and told that it did not");
            }
        }
    }

    /// Compares what the clients have been told with the server's state, at the end of a step.
    pub fn check(&mut self, dialogue: &Dialogue) {
        let mut members = BTreeSet::new();
        for client in dialogue.clients() {
            for room in client.rooms() {
                members.insert((client.id().to_string(), room.to_string()));
            }
        }
        let told: BTreeSet<_> = self.members.keys().cloned().collect();
        assert_eq!(told, members, "clients were told otherwise");
        let delivered = self.delivered.take();
        let (Some((trigger, epoch)), Some((frame, heard_by))) = (self.trigger.take(), delivered) else {
            return;
        };
        let name = trigger["event"].as_str().expect("a name");
        for ((client, room), told) in &self.members {
            if told.epoch != epoch {
                continue;
            }
            let subscriptions = dialogue
                .clients()
                .into_iter()
                .find(|other| other.id().as_str() == client)
                .map(|client| client.subscriptions(&**room))
                .unwrap_or_default();
            let wants = subscriptions
                .iter()
                .any(|event| matches!(&**event, "*") || &**event == name);
            assert_eq!(
                wants,
                heard_by.contains(client),
                "{client}, subscribed to {subscriptions:?}: {frame}"
            );
        }
    }
}

fn seqs(frame: &Value) -> Vec<u64> {
    let events = frame["events"].as_array().expect("a list of events");
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}
