//! The server's side of a script: a real socket on which the script speaks for the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_websockets::{CloseCode, Message, ServerBuilder, WebSocketStream};

/// The server. Its methods return as soon as the client can know what happened, but do not wait for its reaction.
pub(crate) struct Server {
    listener: TcpListener,
    connection: Option<Connection>,
    /// What the client has sent on the connections before this one.
    earlier: Vec<Arc<Mutex<Inbox>>>,
}

struct Connection {
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    inbox: Arc<Mutex<Inbox>>,
    reading: JoinHandle<()>,
}

/// What the client has sent on a connection.
#[derive(Default)]
struct Inbox {
    frames: Vec<Value>,
    pongs: usize,
    has_ended: bool,
}

impl Server {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        Self {
            listener,
            connection: None,
            earlier: Vec::new(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Whether a connection waits to be accepted.
    pub(crate) async fn has_caller(&mut self) -> bool {
        for _ in 0..super::runner::TURNS {
            tokio::select! {
                biased;
                accepted = self.listener.accept() => return accepted.is_ok(),
                () = tokio::task::yield_now() => {}
            }
        }
        false
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&mut self) {
        let (stream, _) = self.listener.accept().await.expect("a client");
        let (_, socket) = ServerBuilder::new().accept(stream).await.expect("an upgrade");
        let (sink, mut incoming) = socket.split();
        let inbox: Arc<Mutex<Inbox>> = Arc::default();
        let filled = Arc::clone(&inbox);
        let reading = tokio::spawn(async move {
            while let Some(Ok(message)) = incoming.next().await {
                let mut inbox = locked(&filled);
                if let Some(text) = message.as_text() {
                    inbox
                        .frames
                        .push(serde_json::from_str(text).expect("JSON from the client"));
                } else if message.is_pong() {
                    inbox.pongs += 1;
                }
            }
            locked(&filled).has_ended = true;
        });
        let before = self.connection.replace(Connection { sink, inbox, reading });
        self.earlier.extend(before.map(|connection| connection.inbox));
    }

    /// The frames that the script has not expected on a connection before it ended.
    pub(crate) fn strays(&self) -> Vec<Value> {
        self.earlier
            .iter()
            .flat_map(|inbox| std::mem::take(&mut locked(inbox).frames))
            .collect()
    }

    /// Whether the script has ended the connection, so that the client cannot end it.
    pub(crate) fn is_lost(&self) -> bool {
        self.connection.is_none()
    }

    /// The frames of the client since the last call.
    pub(crate) fn frames(&self) -> Vec<Value> {
        let taken = |connection: &Connection| std::mem::take(&mut locked(&connection.inbox).frames);
        self.connection.as_ref().map(taken).unwrap_or_default()
    }

    /// How many frames of the client have arrived since they were last taken.
    pub(crate) fn arrived(&self) -> usize {
        let arrived = |connection: &Connection| locked(&connection.inbox).frames.len();
        self.connection.as_ref().map_or(0, arrived)
    }

    /// Whether the client has ended the connection.
    pub(crate) fn has_ended(&self) -> bool {
        let ended = |connection: &Connection| locked(&connection.inbox).has_ended;
        self.connection.as_ref().is_none_or(ended)
    }

    /// Sends messages, one right after another. Waits until the client has read them all, or has hung up.
    pub(crate) async fn send(&mut self, texts: Vec<String>) {
        let Some(connection) = &mut self.connection else { return };
        for text in texts {
            let _ = connection.sink.feed(Message::text(text)).await;
        }
        let _ = connection.sink.flush().await;
        // The client reacts to frames before it reads on. The second pong therefore follows its reaction.
        for _ in 0..2 {
            let before = locked(&connection.inbox).pongs;
            let _ = connection.sink.send(Message::ping("")).await;
            loop {
                let has_answered = {
                    let inbox = locked(&connection.inbox);
                    inbox.pongs > before || inbox.has_ended
                };
                if has_answered {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Closes the connection with a code. Waits until the client has read it.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let Some(connection) = &mut self.connection else { return };
        let code = CloseCode::try_from(code).expect("a close code");
        let _ = connection.sink.send(Message::close(Some(code), reason)).await;
        let _ = (&mut connection.reading).await;
    }

    /// Ends the connection without a close frame.
    pub(crate) async fn lose(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        connection.reading.abort();
        let _ = connection.reading.await;
        self.earlier.push(connection.inbox);
    }
}

fn locked(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().expect("the lock is not poisoned")
}
