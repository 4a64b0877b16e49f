//! A server whose every frame a test scripts.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{CloseCode, Message, ServerBuilder, WebSocketStream};

use dialogue::DialogueClient;
use dialogue_tests::within;

/// Listens for connections; the test answers each one by hand.
pub(crate) struct Script {
    listener: TcpListener,
}

/// One accepted connection.
pub(crate) struct Served {
    socket: WebSocketStream<TcpStream>,
}

impl Script {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        Self { listener }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// Accepts the next connection, before the upgrade.
    pub(crate) async fn accept_raw(&self) -> TcpStream {
        within("a connection", self.listener.accept())
            .await
            .expect("a client")
            .0
    }

    /// Accepts the next connection and upgrades it.
    pub(crate) async fn accept(&self) -> Served {
        let stream = self.accept_raw().await;
        let (_, socket) = within("an upgrade", ServerBuilder::new().accept(stream))
            .await
            .expect("an upgrade");
        Served { socket }
    }

    /// Accepts the next connection, upgrades it and answers `connect`.
    pub(crate) async fn accept_connected(&self) -> Served {
        let mut served = self.accept().await;
        served.expect("connect").await;
        served.say(connected()).await;
        served
    }
}

impl Served {
    /// The next frame from the client, or `None` at the end of the connection.
    pub(crate) async fn recv(&mut self) -> Option<Value> {
        loop {
            let message = within("a frame of the client", self.socket.next()).await?.ok()?;
            if let Some(text) = message.as_text() {
                return serde_json::from_str(text).ok();
            }
        }
    }

    /// The next frame, which must be of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let frame = self.recv().await.expect("a frame from the client");
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// Sends a frame. It ignores a client that has gone, because the next read reports that.
    pub(crate) async fn say(&mut self, frame: Value) {
        self.say_text(frame.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: String) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        let _ = within("space to send a frame", self.socket.send(message)).await;
    }

    /// Waits until the client has read every frame sent so far, that is, until it answers a ping sent after them.
    pub(crate) async fn wait_until_read(&mut self) {
        self.send(Message::ping("")).await;
        while let Some(Ok(message)) = within("a pong", self.socket.next()).await {
            if message.is_pong() {
                break;
            }
        }
    }

    /// Sends pings without reading the pongs, until the client has gone or `most` are sent. Returns how many were sent.
    pub(crate) async fn ping_without_end(&mut self, most: usize) -> usize {
        for sent in 0..most {
            if self.socket.send(Message::ping(vec![0; 125])).await.is_err() {
                return sent;
            }
        }
        most
    }

    /// Closes with a code.
    pub(crate) async fn close(&mut self, code: u16) {
        let code = CloseCode::try_from(code).expect("a close code");
        self.send(Message::close(Some(code), "because")).await;
    }

    /// Answers the next frame, which must be a join of `room`, as if nothing had happened in the room yet.
    pub(crate) async fn welcome_to(&mut self, room: &str) -> Value {
        let join = self.expect("join").await;
        assert_eq!(join["roomId"], room, "{join}");
        self.say(joined(&join["id"], room, 0, json!([]))).await;
        join
    }
}

/// Waits until the client has processed every frame sent to it so far.
pub(crate) async fn heard_all(client: &DialogueClient, served: &mut Served) {
    let listing = tokio::spawn(client.list_rooms());
    let list = served.expect("listRooms").await;
    served
        .say(json!({ "type": "rooms", "id": list["id"], "rooms": [], "more": false }))
        .await;
    within("an answer", listing).await.expect("no panic").expect("rooms");
}

pub(crate) fn connected() -> Value {
    json!({
        "type": "connected", "protocol": 1, "clientId": "c", "userId": "ada", "resume": "r", "pingInterval": 25_000,
        "maxMessageBytes": 65_536, "fingerprint": "f",
    })
}

pub(crate) fn joined(id: &Value, room: &str, seq: u64, events: Value) -> Value {
    json!({
        "type": "joined", "id": id, "roomId": room, "roomName": "A room", "subscriptions": ["message"], "epoch": "e",
        "seq": seq, "events": events,
    })
}

pub(crate) fn event(seq: u64, text: &str) -> Value {
    json!({
        "type": "event", "event": "message", "roomId": "chat", "data": { "text": text }, "from": "bob", "timestamp": 1,
        "seq": seq,
    })
}
