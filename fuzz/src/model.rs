//! A model of what the clients know from their frames, and the rules that follow from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dialogue::{Dialogue, DialogueEvent};
use serde_json::Value;

use crate::server::{Message, Move};

/// The events with history.
const KEPT: [&str; 2] = [Message::NAME, Move::NAME];

/// A member's knowledge of its room.
#[derive(Default)]
struct View {
    epoch: String,
    /// The seqs of the events that the member received since it joined.
    seqs: BTreeSet<u64>,
}

#[derive(Default)]
pub struct Model {
    /// Every event with a seq, by its room's epoch. Nothing is ever removed.
    logs: HashMap<String, BTreeMap<u64, String>>,
    /// For each client and each room that it is in, the client's knowledge of that room.
    members: BTreeMap<(String, String), View>,
    /// The trigger that this step sends, if it sends one, and its room's epoch.
    trigger: Option<(Value, String)>,
    /// The seq of this step's event, once it is known.
    numbered: Option<u64>,
    /// The event that this step delivered: its frame, and the clients that received it.
    delivered: Option<(Value, BTreeSet<String>)>,
}

impl Model {
    /// The latest seq under an epoch.
    pub fn top(&self, epoch: &str) -> u64 {
        self.logs
            .get(epoch)
            .and_then(|log| log.keys().next_back().copied())
            .unwrap_or(0)
    }

    /// Records a request before it is sent.
    pub fn record_request(&mut self, request: &Value, epoch: Option<String>) {
        self.numbered = None;
        self.trigger = epoch
            .filter(|_| request["type"] == "trigger")
            .map(|epoch| (request.clone(), epoch));
    }

    /// Forgets a client whose connection has ended.
    pub fn remove_client(&mut self, client: &str) {
        self.members.retain(|(member, _), _| member != client);
    }

    /// Processes a frame for a client, whether or not it is the reply to `request`.
    pub fn receive(&mut self, client: &str, request: Option<&Value>, frame: &Value) {
        let room = frame["roomId"].as_str().unwrap_or_default().to_owned();
        let place = (client.to_owned(), room);
        match frame["type"].as_str().unwrap_or_default() {
            "joined" => {
                let epoch = frame["epoch"].as_str().expect("an epoch").to_owned();
                assert_eq!(frame["seq"], self.top(&epoch), "the room is at another seq");
                self.check_replay(self.members.get(&place), request, &epoch, frame);
                let view = self.members.entry(place).or_default();
                view.epoch = epoch;
                view.seqs.extend(seqs(frame));
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
                assert!(
                    self.members.contains_key(&place),
                    "history for a client that is not a member"
                );
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
        let view = self
            .members
            .get_mut(&(client.clone(), room))
            .expect("an event for a client that is not a member");
        let epoch = view.epoch.clone();
        view.seqs.extend(frame["seq"].as_u64());
        let (trigger, at) = self.trigger.as_ref().expect("an event without a trigger");
        assert_eq!(*at, epoch, "an event of another room");
        assert_eq!(frame["event"], trigger["event"]);
        let name = frame["event"].as_str().expect("a name").to_owned();
        match &mut self.delivered {
            Some((earlier, received_by)) => {
                assert_eq!(earlier, frame, "one event, two different frames");
                assert!(received_by.insert(client), "a duplicate event");
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

    /// Learns an event's seq from its `ok`, because perhaps no client received the event. A trigger repeated with its
    /// key gets the seq of the first one.
    fn note_number(&mut self, frame: &Value) {
        let (Some((trigger, epoch)), Some(seq)) = (self.trigger.clone(), frame["seq"].as_u64()) else {
            return;
        };
        if seq > self.top(&epoch) {
            let name = trigger["event"].as_str().expect("a name").to_owned();
            self.number(epoch, seq, name);
        }
    }

    /// Records an event's seq. It must be the next one, unless this step's event is recorded already.
    fn number(&mut self, epoch: String, seq: u64, name: String) {
        let top = self.top(&epoch);
        if self.numbered == Some(seq) {
            return;
        }
        assert_eq!(seq, top + 1, "a gap or a duplicate seq");
        self.numbered = Some(seq);
        self.logs.entry(epoch).or_default().insert(seq, name);
    }

    /// Checks a reply that claims a complete recovery: the client must have received every event that it missed. A
    /// client that joins receives them in the reply; a member has received them before it.
    fn check_replay(&self, member: Option<&View>, request: Option<&Value>, epoch: &str, frame: &Value) {
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
            None => assert_eq!(
                seqs, due,
                "the reply claims a complete recovery, but events are missing"
            ),
            Some(view) => {
                assert!(seqs.is_empty(), "replayed events that the member already had: {frame}");
                let missed: Vec<_> = due.iter().filter(|seq| !view.seqs.contains(seq)).collect();
                assert!(
                    missed.is_empty(),
                    "the reply claims a complete recovery, but {missed:?} are missing"
                );
            }
        }
    }

    /// Compares the clients' knowledge with the server's state, at the end of a step.
    pub fn check(&mut self, dialogue: &Dialogue) {
        let mut members = BTreeSet::new();
        for client in dialogue.here().clients() {
            for room in client.rooms() {
                members.insert((client.id().to_string(), room.to_string()));
            }
        }
        let known: BTreeSet<_> = self.members.keys().cloned().collect();
        assert_eq!(known, members, "the clients know other members than the server");
        let delivered = self.delivered.take();
        let (Some((trigger, epoch)), Some((frame, received_by))) = (self.trigger.take(), delivered) else {
            return;
        };
        let name = trigger["event"].as_str().expect("a name");
        for ((client, room), view) in &self.members {
            if view.epoch != epoch {
                continue;
            }
            let subscriptions = dialogue
                .here()
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
                received_by.contains(client),
                "{client}, subscribed to {subscriptions:?}: {frame}"
            );
        }
    }
}

fn seqs(frame: &Value) -> Vec<u64> {
    let events = frame["events"].as_array().expect("a list of events");
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}
