//! Sequences of commands from a few clients. A model checks every step.

use std::time::Duration;

use arbitrary::Arbitrary;
use dialogue::{Dialogue, DialogueEvent, Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::model::Model;
use crate::peer::{Received, receive, text};
use crate::{on_paused_clock, server};

/// The number of clients: enough to fill a room and have one refused.
const CLIENTS: usize = 3;

/// The most steps that one input runs; more would only be slower.
const MAX_STEPS: usize = 64;

/// One action of one client.
#[derive(Debug, Clone, Arbitrary)]
pub struct Step {
    pub client: u8,
    pub action: Action,
}

#[derive(Debug, Clone, Arbitrary)]
pub enum Action {
    /// Connects the client if it is not connected, or renews its session. It may use the resume secret of another
    /// client.
    Connect {
        succeeds: Option<u8>,
    },
    /// The network connection fails.
    HangUp,
    Join {
        room: Room,
        events: Option<Vec<Event>>,
        since: Option<Since>,
    },
    Leave {
        room: Room,
    },
    Subscribe {
        room: Room,
        event: Event,
    },
    Unsubscribe {
        room: Room,
        event: Event,
    },
    SubscribeAll {
        room: Room,
    },
    Trigger {
        room: Room,
        event: Event,
        data: Data,
        key: Option<u8>,
    },
    Page {
        room: Room,
        event: Event,
        start: u8,
        end: u8,
    },
    PageBefore {
        room: Room,
        event: Event,
        before: u8,
        limit: u8,
    },
    ListRooms {
        after: Option<Room>,
    },
    CreateRoom {
        room: Room,
        max_size: Option<u8>,
    },
    DeleteRoom {
        room: Room,
    },
    /// The server deletes a room.
    Delete {
        room: Room,
    },
    /// The server revokes a user, which closes all of the user's connections.
    Revoke,
    Pass {
        seconds: u8,
    },
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Room {
    Chat,
    Booth,
    Open,
    News,
    Table(u8),
    Lobby(u8),
    Nowhere,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Event {
    Message,
    Move,
    Typing,
    Other,
    Wildcard,
}

#[derive(Debug, Clone, Arbitrary)]
pub enum Data {
    Text(u8),
    Number(i16),
    Nothing,
}

/// A position: the current one of the room, an earlier one, or one of another room.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub struct Since {
    pub back: u8,
    pub elsewhere: bool,
}

impl Room {
    fn id(self) -> String {
        match self {
            Self::Chat => "chat".to_owned(),
            Self::Booth => "booth".to_owned(),
            Self::Open => "open".to_owned(),
            Self::News => "news".to_owned(),
            Self::Table(number) => format!("table-{}", number % 4),
            Self::Lobby(name) => format!("lobby-{}", name % 2),
            Self::Nowhere => "nowhere".to_owned(),
        }
    }
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Message => server::Message::NAME,
            Self::Move => server::Move::NAME,
            Self::Typing => server::Typing::NAME,
            Self::Other => "other",
            Self::Wildcard => "*",
        }
    }
}

impl Data {
    fn value(&self) -> Value {
        match self {
            Self::Text(length) => json!({ "text": "x".repeat(usize::from(*length)) }),
            Self::Number(x) => json!({ "x": x }),
            Self::Nothing => Value::Null,
        }
    }
}

/// Runs the steps.
///
/// # Panics
///
/// Panics if the server does anything that contradicts the protocol document or the model.
pub fn run_commands(steps: &[Step]) {
    on_paused_clock(async {
        let limits = Limits::default()
            .with_inbound_frames(100_000)
            .with_rooms_per_client(3)
            .with_subscriptions_per_client(6)
            .with_on_demand_idle(Duration::from_secs(20));
        let dialogue = server::server(limits);
        let mut run = Run {
            slots: Default::default(),
            secrets: Default::default(),
            model: Model::default(),
            dialogue,
            last_id: 0,
        };
        for step in steps.iter().take(MAX_STEPS) {
            run.step(usize::from(step.client) % CLIENTS, &step.action).await;
        }
        for slot in 0..CLIENTS {
            run.hang_up(slot).await;
        }
        server::check(&run.dialogue);
        server::stop(run.dialogue).await;
    });
}

struct Run {
    dialogue: Dialogue,
    slots: [Option<Connection>; CLIENTS],
    /// The last `resume` secret that each client received.
    secrets: [Option<String>; CLIENTS],
    model: Model,
    last_id: i64,
}

struct Connection {
    socket: DuplexStream,
    serving: JoinHandle<()>,
    /// The id that the server gave this client.
    id: String,
}

impl Run {
    async fn step(&mut self, slot: usize, action: &Action) {
        match action {
            Action::Connect { succeeds } => return self.connect(slot, *succeeds).await,
            Action::HangUp => self.hang_up(slot).await,
            Action::Pass { seconds } => tokio::time::sleep(Duration::from_secs(u64::from(seconds % 31))).await,
            Action::Delete { room } => {
                self.dialogue.delete_room(&*room.id()).await.expect("a deletion");
            }
            Action::Revoke => {
                self.dialogue.revoke(user(slot)).await;
            }
            command => {
                if self.slots[slot].is_some() {
                    let request = self.request(command);
                    self.command(slot, request).await;
                }
                return;
            }
        }
        self.settle(None).await;
    }

    /// Builds the frame of a command.
    fn request(&self, command: &Action) -> Value {
        match command {
            Action::Join { room, events, since } => {
                let mut request = json!({ "type": "join", "roomId": room.id() });
                if let Some(events) = events {
                    request["subscriptions"] = events.iter().map(|event| event.name()).collect();
                }
                if let Some(since) = since {
                    let here = self.dialogue.here().room(&*room.id());
                    let epoch = here
                        .as_ref()
                        .filter(|_| !since.elsewhere)
                        .map_or("gone".to_owned(), |room| room.epoch());
                    let seq = self.model.top(&epoch).saturating_sub(since.back.into());
                    request["since"] = json!({ "epoch": epoch, "seq": seq });
                }
                request
            }
            Action::Leave { room } => json!({ "type": "leave", "roomId": room.id() }),
            Action::Subscribe { room, event } => {
                json!({ "type": "subscribe", "roomId": room.id(), "event": event.name() })
            }
            Action::Unsubscribe { room, event } => {
                json!({ "type": "unsubscribe", "roomId": room.id(), "event": event.name() })
            }
            Action::SubscribeAll { room } => json!({ "type": "subscribeAll", "roomId": room.id() }),
            Action::Trigger { room, event, data, key } => {
                let mut request =
                    json!({ "type": "trigger", "roomId": room.id(), "event": event.name(), "data": data.value() });
                if let Some(key) = key {
                    request["key"] = json!((key % 4).to_string());
                }
                request
            }
            Action::Page {
                room,
                event,
                start,
                end,
            } => json!({
                "type": "history", "roomId": room.id(), "event": event.name(), "start": start, "end": end,
            }),
            Action::PageBefore {
                room,
                event,
                before,
                limit,
            } => json!({
                "type": "history", "roomId": room.id(), "event": event.name(), "before": before, "limit": limit,
            }),
            Action::ListRooms { after } => match after {
                Some(room) => json!({ "type": "listRooms", "after": room.id() }),
                None => json!({ "type": "listRooms" }),
            },
            Action::CreateRoom { room, max_size } => {
                let mut request = json!({ "type": "createRoom", "room": { "id": room.id() } });
                if let Some(max_size) = max_size {
                    request["room"]["maxSize"] = json!(max_size);
                }
                request
            }
            Action::DeleteRoom { room } => json!({ "type": "deleteRoom", "roomId": room.id() }),
            Action::Connect { .. } | Action::HangUp | Action::Delete { .. } | Action::Revoke | Action::Pass { .. } => {
                unreachable!("not a command of a client")
            }
        }
    }

    async fn connect(&mut self, slot: usize, succeeds: Option<u8>) {
        let mut request = json!({ "type": "connect", "protocol": 1, "auth": { "userId": user(slot) } });
        let secret = succeeds.and_then(|other| self.secrets[usize::from(other) % CLIENTS].clone());
        if let Some(secret) = secret {
            request["resume"] = json!(secret);
        }
        if self.slots[slot].is_none() {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let dialogue = self.dialogue.clone();
            let serving = tokio::spawn(async move { dialogue::testing::serve_stream(&dialogue, theirs).await });
            self.slots[slot] = Some(Connection {
                socket: ours,
                serving,
                id: String::new(),
            });
        }
        self.command(slot, request).await;
    }

    async fn hang_up(&mut self, slot: usize) {
        if let Some(Connection { socket, serving, id }) = self.slots[slot].take() {
            drop(socket);
            timeout(Duration::from_secs(60), serving)
                .await
                .expect("the connection must end")
                .expect("no panic");
            self.model.remove_client(&id);
        }
    }

    /// Sends a request, then checks the reply and every frame that the other clients receive.
    async fn command(&mut self, slot: usize, mut request: Value) {
        self.last_id += 1;
        request["id"] = json!(self.last_id);
        let Some(connection) = &mut self.slots[slot] else {
            return;
        };
        let epoch = request["roomId"]
            .as_str()
            .and_then(|id| self.dialogue.here().room(id))
            .map(|room| room.epoch());
        self.model.record_request(&request, epoch);
        connection
            .socket
            .write_all(&text(&request.to_string()))
            .await
            .expect("the server reads");
        self.settle(Some((slot, request))).await;
    }

    /// Reads the frames for each client, up to the answer to a command that changes nothing. Then checks them and the state of the server.
    async fn settle(&mut self, sent: Option<(usize, Value)>) {
        // The client that sent the request comes first. Only after its command is done can the frames for the others be
        // complete.
        let first = sent.as_ref().map(|(slot, _)| *slot);
        let order = first
            .into_iter()
            .chain((0..CLIENTS).filter(|slot| Some(*slot) != first));
        let mut received: [Vec<Value>; CLIENTS] = Default::default();
        for slot in order {
            if self.slots[slot].is_none() {
                continue;
            }
            match self.frames_for(slot).await {
                Ok(frames) => received[slot] = frames,
                Err(code) => {
                    // 1001: another connection of this user wanted into a full room while this one did not answer.
                    assert!(matches!(code, Some(4501 | 1001)), "unexpected close code {code:?}");
                    self.hang_up(slot).await;
                }
            }
        }
        for (slot, frames) in received.iter().enumerate() {
            let request = sent
                .as_ref()
                .filter(|(asker, _)| *asker == slot)
                .map(|(_, request)| request);
            let Some(connection) = &mut self.slots[slot] else {
                continue;
            };
            let replies = frames.iter().filter(|frame| !frame["id"].is_null());
            let replies: Vec<_> = replies.collect();
            if let Some(request) = request {
                let [reply] = replies[..] else {
                    panic!("{request} must have exactly one reply: {replies:?}");
                };
                assert_eq!(reply["id"], request["id"]);
                if reply["type"] == "connected" {
                    connection.id = reply["clientId"].as_str().expect("an id").to_owned();
                    self.secrets[slot] = reply["resume"].as_str().map(str::to_owned);
                }
            } else {
                assert!(replies.is_empty(), "replies without a request: {replies:?}");
            }
            for frame in frames {
                self.model.receive(&connection.id, request, frame);
            }
        }
        server::check(&self.dialogue);
        self.model.check(&self.dialogue);
    }

    /// The frames for a client up to the answer to a command that changes nothing, or the code with which its connection
    /// ends. A `ping` would not do, because its answer may overtake others.
    async fn frames_for(&mut self, slot: usize) -> Result<Vec<Value>, Option<u16>> {
        let Some(connection) = &mut self.slots[slot] else {
            return Ok(Vec::new());
        };
        // A connection that is closing reads nothing more, so a failed write is ignored.
        let barrier = text(r#"{"type":"leave","id":-1,"roomId":"nowhere"}"#);
        let _ = connection.socket.write_all(&barrier).await;
        let mut frames = Vec::new();
        loop {
            let received = timeout(Duration::from_secs(60), receive(&mut connection.socket)).await;
            match received.expect("an answer to a leave") {
                Some(Received::Text(frame)) if frame["id"] == -1 => {
                    assert_eq!(frame["code"], "ROOM_NOT_FOUND", "{frame}");
                    return Ok(frames);
                }
                Some(Received::Text(frame)) => frames.push(frame),
                Some(Received::Ping) => {
                    let pong = [0x8a, 0x80, 0, 0, 0, 0];
                    let _ = connection.socket.write_all(&pong).await;
                }
                Some(Received::Pong) => panic!("a pong without a ping"),
                Some(Received::Close(code)) => return Err(code),
                None => return Err(None),
            }
        }
    }
}

/// The first two clients belong to one user.
fn user(slot: usize) -> &'static str {
    if slot < 2 { "ada" } else { "bob" }
}
