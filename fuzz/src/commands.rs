//! Sequences of commands of a few clients, each step checked against a model.

use std::time::Duration;

use arbitrary::Arbitrary;
use dialogue::{Dialogue, DialogueEvent, Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::model::Model;
use crate::peer::{Heard, hear, text};
use crate::{on_paused_clock, server};

/// As many clients as there may be: enough for a full room and one that is turned away.
const CLIENTS: usize = 3;

/// The most steps of one input; more would only be slower.
const MAX_STEPS: usize = 64;

/// What one of the clients does.
#[derive(Debug, Clone, Arbitrary)]
pub struct Step {
    pub client: u8,
    pub action: Action,
}

#[derive(Debug, Clone, Arbitrary)]
pub enum Action {
    /// Connects if the client is not, or renews its session; perhaps as the successor of another.
    Connect {
        succeeds: Option<u8>,
    },
    /// The network fails.
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
    /// The server takes a user's connections away.
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

/// A position: that of the room as it is, moved back, or one of another room.
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
/// If anything that the server does is not what the protocol document and the model say.
pub fn run_commands(steps: &[Step]) {
    on_paused_clock(async {
        let limits = Limits {
            inbound_frames: 100_000,
            rooms_per_client: 3,
            subscriptions_per_client: 6,
            on_demand_idle: Duration::from_secs(20),
            ..Limits::default()
        };
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
    /// The last `resume` that each client was given.
    secrets: [Option<String>; CLIENTS],
    model: Model,
    last_id: i64,
}

struct Connection {
    socket: DuplexStream,
    serving: JoinHandle<()>,
    /// The server's name for it.
    id: String,
}

impl Run {
    async fn step(&mut self, slot: usize, action: &Action) {
        match action {
            Action::Connect { succeeds } => return self.connect(slot, *succeeds).await,
            Action::HangUp => self.hang_up(slot).await,
            Action::Pass { seconds } => tokio::time::sleep(Duration::from_secs(u64::from(seconds % 31))).await,
            Action::Delete { room } => {
                self.dialogue.delete_room(&*room.id()).await;
            }
            Action::Revoke => {
                self.dialogue.revoke(user(slot));
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

    /// The frame of a command.
    fn request(&self, command: &Action) -> Value {
        match command {
            Action::Join { room, events, since } => {
                let mut request = json!({ "type": "join", "roomId": room.id() });
                if let Some(events) = events {
                    request["subscriptions"] = events.iter().map(|event| event.name()).collect();
                }
                if let Some(since) = since {
                    let here = self.dialogue.room(&*room.id());
                    let epoch = here
                        .as_ref()
                        .filter(|_| !since.elsewhere)
                        .map_or("gone", |room| room.epoch());
                    let seq = self.model.top(epoch).saturating_sub(since.back.into());
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
                unreachable!("no command of a client")
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
                .expect("a connection ends")
                .expect("no panic");
            self.model.gone(&id);
        }
    }

    /// Sends a request, and checks the reply and what everybody else is told.
    async fn command(&mut self, slot: usize, mut request: Value) {
        self.last_id += 1;
        request["id"] = json!(self.last_id);
        let Some(connection) = &mut self.slots[slot] else {
            return;
        };
        let epoch = request["roomId"]
            .as_str()
            .and_then(|id| self.dialogue.room(id))
            .map(|room| room.epoch().to_owned());
        self.model.asked(&request, epoch);
        connection
            .socket
            .write_all(&text(&request.to_string()))
            .await
            .expect("the server reads");
        self.settle(Some((slot, request))).await;
    }

    /// Reads what each client has been told, up to the answer to a `ping`, and checks it and the state of the server.
    async fn settle(&mut self, asked: Option<(usize, Value)>) {
        // The asker first: its command must be done before others can be known to have heard all of it.
        let first = asked.as_ref().map(|(slot, _)| *slot);
        let order = first
            .into_iter()
            .chain((0..CLIENTS).filter(|slot| Some(*slot) != first));
        let mut heard: [Vec<Value>; CLIENTS] = Default::default();
        for slot in order {
            if self.slots[slot].is_none() {
                continue;
            }
            match self.listen(slot).await {
                Ok(frames) => heard[slot] = frames,
                Err(code) => {
                    assert_eq!(code, Some(4501), "closed for no reason");
                    self.hang_up(slot).await;
                }
            }
        }
        for (slot, frames) in heard.iter().enumerate() {
            let request = asked
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
                    panic!("{request} was answered by {replies:?}");
                };
                assert_eq!(reply["id"], request["id"]);
                if reply["type"] == "connected" {
                    connection.id = reply["clientId"].as_str().expect("an id").to_owned();
                    self.secrets[slot] = reply["resume"].as_str().map(str::to_owned);
                }
            } else {
                assert!(replies.is_empty(), "replies to nothing: {replies:?}");
            }
            for frame in frames {
                self.model.hear(&connection.id, request, frame);
            }
        }
        server::check(&self.dialogue);
        self.model.check(&self.dialogue);
    }

    /// What a client is told up to the answer to a `ping`, or the code with which its connection ends.
    async fn listen(&mut self, slot: usize) -> Result<Vec<Value>, Option<u16>> {
        let Some(connection) = &mut self.slots[slot] else {
            return Ok(Vec::new());
        };
        // A connection that is being ended reads no more.
        let _ = connection.socket.write_all(&text(r#"{"type":"ping","id":-1}"#)).await;
        let mut frames = Vec::new();
        loop {
            let heard = timeout(Duration::from_secs(60), hear(&mut connection.socket)).await;
            match heard.expect("an answer to a ping") {
                Some(Heard::Text(frame)) if frame["id"] == -1 => {
                    assert_eq!(frame["type"], "pong", "{frame}");
                    return Ok(frames);
                }
                Some(Heard::Text(frame)) => frames.push(frame),
                Some(Heard::Ping) => {
                    let pong = [0x8a, 0x80, 0, 0, 0, 0];
                    let _ = connection.socket.write_all(&pong).await;
                }
                Some(Heard::Pong) => panic!("a pong to nothing"),
                Some(Heard::Close(code)) => return Err(code),
                None => return Err(None),
            }
        }
    }
}

/// The first two clients are one user's.
fn user(slot: usize) -> &'static str {
    if slot < 2 { "ada" } else { "bob" }
}
