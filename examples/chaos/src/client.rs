//! A client that tries to miss no event although its network is cut and its process stalls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, interval, sleep};

use crate::dice::Dice;
use crate::ledger::{Claim, Ledger};
use crate::server::Trouble;
use crate::wire::{Frame, Socket};

/// How long a client tries to receive the remaining events once the faults have ended.
const LAST_TRIES: Duration = Duration::from_secs(15);

/// One client with its state.
pub struct Client {
    pub server: SocketAddr,
    pub dice: Dice,
    pub ledger: Arc<Ledger>,
    pub trouble: Arc<Trouble>,
    pub rooms: BTreeMap<String, Log>,
    pub resume: Option<String>,
}

/// A client's record of a room.
pub struct Log {
    events: Vec<&'static str>,
    stay: Stay,
    /// The client's position, if it has been in the room.
    place: Option<Place>,
}

struct Place {
    epoch: String,
    /// The number after which the log begins.
    base: u64,
    position: u64,
    seen: Vec<u64>,
}

/// Whether a client is in a room.
#[derive(Clone, Copy, PartialEq)]
enum Stay {
    Out,
    Asked,
    In,
}

/// A frame from the server, with the fields that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    room_id: Option<String>,
    seq: Option<u64>,
    epoch: Option<String>,
    recovered: Option<bool>,
    resume: Option<String>,
    #[serde(default)]
    events: Vec<Listed>,
}

/// An event in the list of a `joined` frame.
#[derive(Deserialize)]
struct Listed {
    seq: Option<u64>,
}

/// How a connection ended.
enum End {
    Lost,
    /// The client has received everything that it was due.
    Finished,
}

impl Client {
    /// Connects, disconnects and reconnects until the faults end, then once more until it has received everything.
    pub async fn live(mut self) {
        let mut last_try = None;
        let mut ghost = None;
        loop {
            let calm = self.trouble.has_ended();
            if calm && *last_try.get_or_insert_with(|| Instant::now() + LAST_TRIES) < Instant::now() {
                break;
            }
            let bytes = match self.dice.below(4) {
                _ if calm => u64::MAX,
                0 => self.dice.below(3_000),
                1 => self.dice.below(3_000_000),
                _ => self.dice.below(300_000),
            };
            if let Ok(mut socket) = Socket::open(self.server, bytes).await {
                self.ledger.connections.add(1);
                if let End::Finished = self.converse(&mut socket).await {
                    break;
                }
                self.ledger.cut.add(1);
                // Sometimes the socket stays open, so that the server does not notice the end of the connection.
                ghost = self.dice.one_in(3).then_some(socket);
            }
            sleep(Duration::from_millis(self.dice.below(1_500))).await;
        }
        drop(ghost);
        for (room, log) in &mut self.rooms {
            if let Some(place) = log.place.take() {
                self.ledger.claim(place.claim(room, &log.events));
            }
        }
    }

    async fn converse(&mut self, socket: &mut Socket) -> End {
        self.rooms.values_mut().for_each(|log| log.stay = Stay::Out);
        let mut connect = json!({ "type": "connect", "protocol": 1 });
        if let Some(resume) = self.resume.take() {
            connect["resume"] = json!(resume);
        }
        if socket.send(&connect.to_string()).await.is_err() {
            return End::Lost;
        }
        let mut ticks = interval(Duration::from_millis(200));
        let mut finishing = false;
        loop {
            let frame = tokio::select! {
                frame = socket.next() => frame,
                _ = ticks.tick() => {
                    if self.act(socket, &mut finishing).await.is_err() {
                        return End::Lost;
                    }
                    continue;
                }
            };
            match frame {
                None => {
                    // A reader that stalled for too long seldom receives the close code.
                    self.ledger.too_slow.add(u64::from(!socket.is_spent()));
                    return End::Lost;
                }
                Some(Frame::Close(code)) => {
                    if code == 4000 {
                        self.ledger.too_slow.add(1);
                    }
                    return End::Lost;
                }
                Some(Frame::Text(text)) => {
                    let Ok(said) = serde_json::from_slice::<Said>(&text) else {
                        self.ledger.out_of_order.add(1);
                        return End::Lost;
                    };
                    if finishing && said.kind == "pong" {
                        return End::Finished;
                    }
                    self.hear(said);
                }
            }
        }
    }

    /// Joins its rooms, and sometimes triggers an event or stalls.
    async fn act(&mut self, socket: &mut Socket, finishing: &mut bool) -> std::io::Result<()> {
        for (room, log) in &mut self.rooms {
            if log.stay == Stay::Out {
                log.stay = Stay::Asked;
                socket.send(&log.join(room).to_string()).await?;
            }
        }
        if self.trouble.has_ended() {
            let everywhere = self.rooms.values().all(|log| log.stay == Stay::In);
            if everywhere && !*finishing {
                *finishing = true;
                // All events that were due arrive before the answer.
                socket.send(r#"{"type":"ping"}"#).await?;
            }
            return Ok(());
        }
        if self.dice.one_in(10) {
            let nth = self.dice.below(self.rooms.len() as u64) as usize;
            let room = self.rooms.keys().nth(nth);
            let line = json!({ "type": "trigger", "roomId": room, "event": "line", "data": { "text": "hello" } });
            socket.send(&line.to_string()).await?;
        }
        if self.dice.one_in(100) {
            self.ledger.stalled.add(1);
            sleep(Duration::from_millis(1_000 + self.dice.below(8_000))).await;
        }
        Ok(())
    }

    fn hear(&mut self, said: Said) {
        if said.kind == "connected" {
            self.resume = said.resume;
            return;
        }
        let Some(room) = said.room_id else {
            return;
        };
        let Some(log) = self.rooms.get_mut(&room) else {
            return;
        };
        match said.kind.as_str() {
            "event" => {
                self.ledger.delivered.add(1);
                if let (Some(seq), Some(place)) = (said.seq, &mut log.place) {
                    place.take(seq, &self.ledger);
                }
            }
            "joined" => {
                log.stay = Stay::In;
                match said.recovered {
                    Some(true) => self.ledger.recoveries.add(1),
                    Some(false) => self.ledger.gaps.add(1),
                    None => {}
                }
                let top = said.seq.unwrap_or(0);
                match &mut log.place {
                    Some(place) if said.recovered == Some(true) => {
                        self.ledger.recovered.add(said.events.len() as u64);
                        for event in &said.events {
                            place.take(event.seq.unwrap_or(0), &self.ledger);
                        }
                        place.position = place.position.max(top);
                    }
                    place => {
                        let new = Place {
                            epoch: said.epoch.unwrap_or_default(),
                            base: top,
                            position: top,
                            seen: Vec::new(),
                        };
                        if let Some(old) = place.replace(new) {
                            self.ledger.claim(old.claim(&room, &log.events));
                        }
                    }
                }
            }
            "left" => log.stay = Stay::Out,
            // The join was refused, or another request failed: a client that is not in the room asks again.
            "error" if log.stay == Stay::Asked => log.stay = Stay::Out,
            _ => {}
        }
    }
}

impl Log {
    /// An empty log of a room's events with these names.
    pub fn of(events: &[&'static str]) -> Self {
        Self {
            events: events.to_vec(),
            stay: Stay::Out,
            place: None,
        }
    }

    fn join(&self, room: &str) -> Value {
        let mut join = json!({ "type": "join", "id": 1, "roomId": room, "subscriptions": self.events });
        if let Some(place) = &self.place {
            join["since"] = json!({ "epoch": place.epoch, "seq": place.position });
        }
        join
    }
}

impl Place {
    /// Records a numbered event, which must be the next one.
    fn take(&mut self, seq: u64, ledger: &Ledger) {
        if seq > self.position {
            self.seen.push(seq);
            self.position = seq;
        } else if self.seen.contains(&seq) {
            ledger.duplicated.add(1);
        } else {
            ledger.out_of_order.add(1);
        }
    }

    fn claim(self, room: &str, events: &[&'static str]) -> Claim {
        Claim {
            incarnation: (room.to_owned(), self.epoch),
            events: events.to_vec(),
            base: self.base,
            position: self.position,
            seen: self.seen,
        }
    }
}
