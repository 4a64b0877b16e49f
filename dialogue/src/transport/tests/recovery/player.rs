//! A client's own view: its connection, and its state of each room.

use std::collections::BTreeMap;

use serde_json::Value;

use super::steps::{Claim, ROOMS};
use crate::transport::tests::model::{Client, Happened, Received, Since};
use crate::transport::tests::peer::Peer;

/// A client's own view.
#[derive(Default)]
pub(super) struct Player {
    pub(super) peer: Option<Peer>,
    pub(super) resume: Option<String>,
    /// The id of its last connection.
    pub(super) id: String,
    pub(super) rooms: BTreeMap<&'static str, Log>,
    /// The rooms of the requests whose `ok` says how far the client has everything. It does not if the client is no member.
    pub(super) asked: BTreeMap<u64, &'static str>,
    pub(super) next_id: u64,
}

/// A client's state of a room.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) epoch: String,
    pub(super) position: u64,
    pub(super) numbers: Vec<u64>,
}

impl Player {
    pub(super) fn claim(&self, room: &str, claim: Claim) -> Option<Since> {
        let log = self.rooms.get(room).cloned().unwrap_or_default();
        let (epoch, seq) = match claim {
            Claim::Nothing => return None,
            _ if log.epoch.is_empty() => return None,
            Claim::Truth => (log.epoch, log.position),
            Claim::Earlier(index) => (log.epoch, index.index(log.position as usize + 1) as u64),
            Claim::AnotherEpoch => ("another".to_owned(), log.position),
            Claim::AboveTheTop => (log.epoch, log.position + 1_000),
        };
        Some(Since { epoch, seq })
    }

    pub(super) fn take(&mut self, text: &Value, received: Received) {
        match received {
            Received::Connected => {
                self.resume = text["resume"].as_str().map(str::to_owned);
                self.id = text["clientId"].as_str().expect("an id").to_owned();
            }
            Received::Joined {
                room,
                epoch,
                seq,
                recovered,
                events,
            } => {
                let log = self.rooms.entry(known(&room)).or_default();
                if recovered != Some(true) {
                    log.numbers.clear();
                }
                (log.epoch, log.position) = (epoch, seq);
                log.numbers.extend(events.iter().filter_map(|event| event.seq));
            }
            Received::Event(room, Happened { seq: Some(seq), .. }) => {
                let log = self.rooms.entry(known(&room)).or_default();
                log.numbers.push(seq);
                log.position = log.position.max(seq);
            }
            Received::Ok(Some(seq)) => {
                if let Some(room) = self.asked.get(&text["id"].as_u64().expect("an id")) {
                    let log = self.rooms.entry(room).or_default();
                    log.position = log.position.max(seq);
                }
            }
            _ => {}
        }
    }
}

impl Client {
    /// Events that the client has not read are no longer due. It may request them later.
    pub(super) fn disconnect(&mut self, player: &Player) {
        self.connection = None;
        self.due = player
            .rooms
            .iter()
            .map(|(room, log)| (*room, log.numbers.clone()))
            .collect();
    }
}

fn known(room: &str) -> &'static str {
    ROOMS
        .iter()
        .find(|(id, ..)| *id == room)
        .expect("a room of this test")
        .0
}

pub(super) fn read(text: &Value) -> Received {
    let string = |field: &str| text[field].as_str().unwrap_or_default().to_owned();
    let happened = |event: &Value| Happened {
        event: event["event"].as_str().expect("a name").to_owned(),
        number: event["data"]["number"].as_u64().expect("a number"),
        seq: event["seq"].as_u64(),
    };
    let events = || {
        let listed = text["events"].as_array().expect("events");
        listed.iter().map(happened).collect()
    };
    match text["type"].as_str() {
        Some("connected") => Received::Connected,
        Some("joined") => Received::Joined {
            room: string("roomId"),
            epoch: string("epoch"),
            seq: text["seq"].as_u64().expect("a number"),
            recovered: text["recovered"].as_bool(),
            events: events(),
        },
        Some("history") => Received::Page {
            events: events(),
            more: text["more"].as_bool().expect("whether there are more"),
        },
        Some("event") => Received::Event(string("roomId"), happened(text)),
        Some("left") => Received::Left(string("roomId"), text["reason"].as_str().map(str::to_owned)),
        Some("ok") => Received::Ok(text["seq"].as_u64()),
        Some("error") => Received::Error(string("code")),
        Some("roomCreated") => Received::RoomCreated(text["room"]["id"].as_str().expect("an id").to_owned()),
        Some("roomDeleted") => Received::RoomDeleted(string("roomId")),
        _ => panic!("the server sent {text}"),
    }
}
