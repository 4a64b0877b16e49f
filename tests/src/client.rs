//! A plain WebSocket client that follows the protocol document.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use crate::{PATIENCE, within};

/// A client of a server under test.
pub struct TestClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that arrived while the client was waiting for a reply.
    inbox: VecDeque<Value>,
    /// Every frame received so far, for the panic message of a failing test.
    seen: Vec<Value>,
    next_id: i64,
    /// The server's `connected` frame.
    pub connected: Value,
}

/// One thing that the socket delivers.
enum Incoming {
    Frame(Value),
    Closed(Option<u16>),
}

impl TestClient {
    /// Opens the WebSocket and sends nothing.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, "/dialogue/ws", &[]).await
    }

    /// Opens the WebSocket at any path, with extra headers.
    pub async fn open_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut builder = ClientBuilder::new()
            .uri(&format!("ws://{address}{path}"))
            .expect("a URI");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a valid header name");
            let value = HeaderValue::from_str(value).expect("a valid header value");
            builder = builder.add_header(name, value).expect("a header");
        }
        let (socket, _) = within("the upgrade", builder.connect())
            .await
            .expect("the server upgrades");
        Self {
            socket,
            inbox: VecDeque::new(),
            seen: Vec::new(),
            next_id: 1_000,
            connected: Value::Null,
        }
    }

    /// Opens a connection and connects as this user.
    pub async fn connect_as(address: SocketAddr, user: &str) -> Self {
        let mut client = Self::open(address).await;
        client.connect(json!({ "userId": user })).await;
        client
    }

    /// Sends `connect` with this `auth` and waits for `connected`.
    pub async fn connect(&mut self, auth: Value) {
        self.send(json!({ "type": "connect", "protocol": 1, "auth": auth }))
            .await;
        self.connected = self.recv().await;
        assert_eq!(self.connected["type"], "connected", "{}", self.connected);
    }

    /// Joins a room and returns `joined`.
    pub async fn join(&mut self, room: &str) -> Value {
        let joined = self.request(json!({ "type": "join", "roomId": room })).await;
        assert_eq!(joined["type"], "joined", "{joined}");
        joined
    }

    /// Joins a room with these subscriptions and returns `joined`.
    pub async fn join_for(&mut self, room: &str, events: &[&str]) -> Value {
        let joined = self
            .request(json!({ "type": "join", "roomId": room, "subscriptions": events }))
            .await;
        assert_eq!(joined["type"], "joined", "{joined}");
        joined
    }

    /// Triggers a `message` and returns the reply.
    pub async fn say(&mut self, room: &str, text: &str) -> Value {
        self.request(json!({ "type": "trigger", "roomId": room, "event": "message", "data": { "text": text } }))
            .await
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_message(Message::text(text.into())).await;
    }

    /// Sends any message.
    pub async fn send_message(&mut self, message: Message) {
        within("space to send a frame", self.socket.send(message))
            .await
            .unwrap_or_else(|error| panic!("cannot send: {error}; received so far: {:#?}", self.seen));
    }

    /// Sends a request under its own id and returns the reply. Frames that arrive before the reply stay to be
    /// [received](Self::recv).
    #[track_caller]
    pub fn request(&mut self, mut request: Value) -> impl Future<Output = Value> {
        self.next_id += 1;
        let id = self.next_id;
        request["id"] = json!(id);
        async move {
            self.send(request.clone()).await;
            loop {
                match self.incoming(&format!("the reply to {request}")).await {
                    Incoming::Frame(frame) if frame["id"] == id => return frame,
                    Incoming::Frame(frame) => self.inbox.push_back(frame),
                    Incoming::Closed(code) => panic!(
                        "closed with {code:?} before the reply to {request}; received so far: {:#?}",
                        self.seen
                    ),
                }
            }
        }
    }

    /// Sends a request that the server must refuse, and returns the error code.
    pub async fn refused(&mut self, request: Value) -> String {
        let reply = self.request(request.clone()).await;
        assert_eq!(
            reply["type"], "error",
            "{request} should have been refused, but the reply was {reply}"
        );
        reply["code"].as_str().expect("a code").to_owned()
    }

    /// The next frame that is not the reply to a [`request`](Self::request).
    pub async fn recv(&mut self) -> Value {
        if let Some(frame) = self.inbox.pop_front() {
            return frame;
        }
        match self.incoming("a frame").await {
            Incoming::Frame(frame) => frame,
            Incoming::Closed(code) => panic!(
                "closed with {code:?} instead of a frame; received so far: {:#?}",
                self.seen
            ),
        }
    }

    /// The next frame, which must be of this type.
    pub async fn recv_type(&mut self, kind: &str) -> Value {
        let frame = self.recv().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// Receives until the connection ends, and returns the close code, or 1006 if there was none. Frames that arrive
    /// before the close stay to be received.
    pub async fn expect_close(&mut self) -> u16 {
        loop {
            match self.incoming("a close").await {
                Incoming::Frame(frame) => self.inbox.push_back(frame),
                Incoming::Closed(code) => return code.unwrap_or(1006),
            }
        }
    }

    /// Asserts that nothing arrived except replies to requests: the answer to a `ping` is the next frame.
    pub async fn assert_nothing_came(&mut self) {
        let pong = self.request(json!({ "type": "ping" })).await;
        assert_eq!(pong["type"], "pong", "{pong}");
        assert!(self.inbox.is_empty(), "unexpected frames arrived: {:#?}", self.inbox);
    }

    /// Sends a close frame, as a browser does when its tab is closed.
    pub async fn close(mut self) {
        let _ = self.socket.close().await;
        while let Some(Ok(_)) = within("the end of the connection", self.socket.next()).await {}
    }

    async fn incoming(&mut self, awaited: &str) -> Incoming {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let Ok(message) = next else {
                panic!("timed out waiting for {awaited}; received so far: {:#?}", self.seen);
            };
            let Some(Ok(message)) = message else {
                return Incoming::Closed(None);
            };
            if let Some((code, _)) = message.as_close() {
                return Incoming::Closed(Some(code.into()));
            }
            if let Some(text) = message.as_text() {
                let frame: Value = serde_json::from_str(text).expect("the server sends JSON");
                self.seen.push(frame.clone());
                return Incoming::Frame(frame);
            }
        }
    }
}
