//! WebSockets over HTTP/2: an extended CONNECT (RFC 8441) through a server of the application.

use std::net::SocketAddr;

use dialogue::prelude::*;
use dialogue::{Builder, Dialogue, Limits};
use dialogue_tests::{CapturedLog, Record, Rooms, within};
use futures_util::{SinkExt, StreamExt};
use h2::client::SendRequest;
use h2::ext::Protocol;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

/// Serves a server's router with `axum::serve`.
async fn serve(dialogue: &Dialogue) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = dialogue.router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn builder() -> Builder {
    Dialogue::builder().rooms::<Rooms>().trust_client_identity()
}

/// An HTTP/2 connection.
struct Connection {
    requests: SendRequest<bytes::Bytes>,
    authority: String,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("the server accepts");
        let (requests, connection) = h2::client::handshake(socket).await.expect("a handshake");
        tokio::spawn(connection);
        let requests = requests.ready().await.expect("a connection");
        within("the server's settings", async {
            while !requests.is_extended_connect_protocol_enabled() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Self {
            requests,
            authority: address.to_string(),
        }
    }

    /// Sends an extended CONNECT. Returns the status, and the stream if the server accepts it.
    async fn connect(&mut self, path: &str, protocol: &'static str, headers: &[(&str, &str)]) -> (u16, DuplexStream) {
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(format!("http://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).expect("a request");
        request.extensions_mut().insert(Protocol::from_static(protocol));
        let (response, mut sending) = self.requests.send_request(request, false).expect("a request");
        let response = within("a response", response).await.expect("a response");
        let status = response.status().as_u16();
        let mut receiving = response.into_body();
        let (ours, theirs) = tokio::io::duplex(100_000);
        let (mut reading, mut writing) = tokio::io::split(theirs);
        tokio::spawn(async move {
            while let Some(Ok(data)) = receiving.data().await {
                let _ = receiving.flow_control().release_capacity(data.len());
                let _ = writing.write_all(&data).await;
            }
            let _ = writing.shutdown().await;
        });
        tokio::spawn(async move {
            let mut buffer = vec![0; 1000];
            while let Ok(count @ 1..) = reading.read(&mut buffer).await {
                let data = bytes::Bytes::copy_from_slice(&buffer[..count]);
                if sending.send_data(data, false).is_err() {
                    return;
                }
            }
            let _ = sending.send_data(bytes::Bytes::new(), true);
        });
        (status, ours)
    }

    /// Sends a plain request. Returns the status and the body.
    async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = Request::builder().uri(format!("http://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (response, _) = self
            .requests
            .send_request(request.body(()).expect("a request"), true)
            .expect("a request");
        let response = within("a response", response).await.expect("a response");
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut text = String::new();
        while let Some(Ok(data)) = body.data().await {
            text.push_str(&String::from_utf8_lossy(&data));
        }
        (status, text)
    }

    /// Opens a WebSocket, and connects as this user.
    async fn client(&mut self, user: &str) -> Client {
        let (status, stream) = self.connect("/dialogue/ws", "websocket", VERSION).await;
        assert_eq!(status, 200);
        let mut client = Client(ClientBuilder::new().take_over(stream));
        client
            .send(json!({ "type": "connect", "protocol": 1, "auth": { "userId": user } }))
            .await;
        client.receive("connected").await;
        client
    }
}

const VERSION: &[(&str, &str)] = &[("sec-websocket-version", "13")];

/// A WebSocket in a stream of HTTP/2.
struct Client(WebSocketStream<DuplexStream>);

impl Client {
    async fn send(&mut self, frame: Value) {
        let message = Message::text(frame.to_string());
        within("space", self.0.send(message)).await.expect("the server reads");
    }

    /// The next frame of this type.
    async fn receive(&mut self, kind: &str) -> Value {
        loop {
            let message = within("a frame", self.0.next())
                .await
                .expect("more")
                .expect("a message");
            if let Some(text) = message.as_text() {
                let frame: Value = serde_json::from_str(text).expect("JSON");
                if frame["type"] == kind {
                    return frame;
                }
            }
        }
    }

    async fn close_code(&mut self) -> u16 {
        loop {
            let message = within("a close", self.0.next())
                .await
                .expect("more")
                .expect("a message");
            if let Some((code, _)) = message.as_close() {
                return code.into();
            }
        }
    }
}

#[tokio::test]
async fn clients_chat_over_one_http2_connection() {
    let dialogue = builder().build().expect("a server");
    let mut connection = Connection::open(serve(&dialogue).await).await;
    let (mut ada, mut bob) = (connection.client("ada").await, connection.client("bob").await);
    for client in [&mut ada, &mut bob] {
        client.send(json!({ "type": "join", "id": 1, "roomId": "open" })).await;
        client.receive("joined").await;
    }
    // Longer than the windows of HTTP/2 at first, in both directions.
    let long = "x".repeat(60_000);
    for number in 0..5 {
        let data = json!({ "text": format!("{number} {long}") });
        ada.send(json!({ "type": "trigger", "id": 2, "roomId": "open", "event": "blob", "data": data }))
            .await;
        ada.receive("ok").await;
        assert_eq!(bob.receive("event").await["data"], data);
    }
    within("the end of the drain", dialogue.stop())
        .await
        .expect("the drain finishes in time");
    assert_eq!(ada.close_code().await, 1012);
    assert_eq!(bob.close_code().await, 1012);
}

#[tokio::test]
async fn a_client_that_closes_its_stream_is_gone_and_the_others_stay() {
    let dialogue = builder().build().expect("a server");
    let mut connection = Connection::open(serve(&dialogue).await).await;
    let (mut ada, mut bob) = (connection.client("ada").await, connection.client("bob").await);
    within("a close", ada.0.close()).await.expect("the server reads");
    dialogue_tests::until("the end of the client", || dialogue.here().clients().len() == 1).await;
    drop(connection.client("cleo").await);
    dialogue_tests::until("the end of the client", || dialogue.here().clients().len() == 1).await;
    bob.send(json!({ "type": "ping" })).await;
    bob.receive("pong").await;
}

#[tokio::test]
async fn a_connect_is_checked_like_an_upgrade() {
    let log = CapturedLog::default();
    let dialogue = builder().logger(log.dispatch()).build().expect("a server");
    let address = serve(&dialogue).await;
    let mut connection = Connection::open(address).await;
    let own = format!("http://{address}");
    for (origin, status) in [
        (own.as_str(), 200),
        ("http://127.0.0.1", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let headers = [VERSION, &[("origin", origin)]].concat();
        assert_eq!(
            connection.connect("/dialogue/ws", "websocket", &headers).await.0,
            status,
            "{origin}"
        );
    }
    let foreign_host = [VERSION, &[("origin", "https://evil.example"), ("host", "evil.example")]].concat();
    assert_ne!(
        connection.connect("/dialogue/ws", "websocket", &foreign_host).await.0,
        200
    );
    log.line_with(&["WARN", "https://evil.example", &address.to_string()])
        .await;
    assert_eq!(connection.connect("/dialogue/ws", "websocket", &[]).await.0, 426);
    let old = [("sec-websocket-version", "8")];
    assert_eq!(connection.connect("/dialogue/ws", "websocket", &old).await.0, 426);
    assert_eq!(connection.connect("/dialog/ws", "websocket", VERSION).await.0, 404);
    let (status, text) = connection.get("/dialogue/ws", VERSION).await;
    assert_eq!(status, 400);
    assert!(text.contains("extended CONNECT"), "{text}");
    within("the end of the drain", dialogue.stop())
        .await
        .expect("the drain finishes in time");
    assert_eq!(connection.connect("/dialogue/ws", "websocket", VERSION).await.0, 503);
}

#[tokio::test]
async fn a_stream_of_http2_counts_for_its_address_and_authenticates() {
    let record = Record::default();
    let noted = record.clone();
    let dialogue = Dialogue::builder()
        .rooms::<Rooms>()
        .limits(Limits::default().with_connections_per_address(1))
        .authenticate(move |handshake| {
            noted.note(format!(
                "{} {} {} {}",
                handshake.cookie("a").unwrap_or_default(),
                handshake.cookie("b").unwrap_or_default(),
                handshake.query.clone().unwrap_or_default(),
                handshake.headers.contains_key("host")
            ));
            async { Ok(Identity::anonymous()) }
        })
        .build()
        .expect("a server");
    let mut connection = Connection::open(serve(&dialogue).await).await;
    // HTTP/2 has one header for each cookie.
    let headers = [VERSION, &[("cookie", "a=1"), ("cookie", "b=2")]].concat();
    let (status, stream) = connection.connect("/dialogue/ws?room=7", "websocket", &headers).await;
    assert_eq!(status, 200);
    let mut client = Client(ClientBuilder::new().take_over(stream));
    client.send(json!({ "type": "connect", "protocol": 1 })).await;
    client.receive("connected").await;
    record.expect(&["1 2 room=7 true"]).await;
    assert_eq!(connection.connect("/dialogue/ws", "websocket", VERSION).await.0, 429);
}

#[tokio::test]
async fn the_inspector_answers_pages_of_its_own_origin_over_http2() {
    let dialogue = builder()
        .inspector(dialogue::inspector::local_only)
        .build()
        .expect("a server");
    let address = serve(&dialogue).await;
    let mut connection = Connection::open(address).await;
    let own = format!("http://{address}");
    assert_eq!(connection.get("/dialogue/inspect", &[("origin", &own)]).await.0, 200);
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(connection.get("/dialogue/inspect", &foreign).await.0, 403);
}
