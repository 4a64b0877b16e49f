//! A server whose clients are connections without a network.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use dialogue::prelude::*;
use dialogue::{Limits, RoomRef, silent_logger, testing};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

/// A chat message.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[schemars(length(min = 1, max = 1000))]
    text: String,
    sender_id: String,
}

/// A chat message that the room keeps in its history.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
#[event(history = 50)]
pub struct Line {
    #[schemars(length(min = 1, max = 1000))]
    text: String,
}

rooms! {
    /// Every room.
    pub Rooms;
    /// Each benchmark creates as many of these rooms as it needs.
    pub Lobby { number: u32 } = "lobby-{number}" {
        events: [Message], default_subscriptions: [Message], on_demand: true,
    }
    /// A room with history.
    pub Kept = "kept" { events: [Line], default_subscriptions: [Line], sync_history_on_join: true }
}

/// The server, its clients, and the one thread that they run on.
pub struct Server {
    /// The server itself.
    pub dialogue: Dialogue,
    runtime: Runtime,
    clients: Vec<Client>,
    /// The first client's connection.
    first: Option<Arc<Mutex<Input>>>,
    /// The trigger that the first client sends.
    frame: Bytes,
    written: Arc<Written>,
}

impl Server {
    /// A server with this many clients, in no room.
    pub fn new(clients: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let dialogue = Dialogue::builder()
            .rooms::<Rooms>()
            .logger(silent_logger())
            .limits(
                Limits::default()
                    .with_rooms_per_client(1_000_000)
                    .with_subscriptions_per_client(1_000_000)
                    .with_max_rooms(1_000_000)
                    // No limit on the rate: with a longer window, the rate limiter's log of frames would dominate the
                    // measurement.
                    .with_inbound_window(Duration::ZERO),
            )
            .build()
            .expect("a server");
        let written = Arc::new(Written::default());
        let mut first = None;
        for _ in 0..clients {
            let input = Arc::new(Mutex::new(Input::default()));
            put(&input, masked(r#"{"type":"connect","protocol":1}"#).into());
            first.get_or_insert_with(|| Arc::clone(&input));
            let connection = Connection {
                input,
                written: Arc::clone(&written),
            };
            let dialogue = dialogue.clone();
            runtime.spawn(async move { testing::serve_stream(&dialogue, connection).await });
        }
        runtime.block_on(written.reach(clients));
        let clients = dialogue.here().clients();
        Self {
            dialogue,
            runtime,
            clients,
            first,
            frame: masked(&trigger_text()).into(),
            written,
        }
    }

    /// Joins every client to a room.
    pub fn join_all(&self, room: impl RoomRef + Clone) {
        self.join(&self.clients, room);
    }

    /// Joins every client but one to a room, and returns that one.
    pub fn join_all_but_one(&self, room: impl RoomRef + Clone) -> Client {
        let (last, others) = self.clients.split_last().expect("a client");
        self.join(others, room);
        last.clone()
    }

    fn join(&self, clients: &[Client], room: impl RoomRef + Clone) {
        self.runtime.block_on(self.until_written(clients.len(), async {
            for client in clients {
                client.join(room.clone()).await.expect("the join succeeds");
            }
        }));
    }

    /// Triggers an event as the server in the first room, and waits until this many frames have been written.
    pub fn trigger(&self, frames: usize) {
        let message = Message {
            text: "x".repeat(80),
            sender_id: "load".to_owned(),
        };
        self.runtime.block_on(self.until_written(frames, async {
            let delivered = self.dialogue.trigger(Lobby { number: 0 }, message).await;
            assert_eq!(delivered.expect("the trigger succeeds").recipients, frames);
        }));
    }

    /// Triggers an event as the server in the room with history, which has no members.
    pub fn keep(&self) {
        let line = Line { text: "x".repeat(80) };
        self.runtime.block_on(async {
            self.dialogue.trigger(Kept, line).await.expect("the trigger succeeds");
        });
    }

    /// Sends this many triggers from the first client in the first room, one after the other. Each trigger is complete
    /// when its event has been written to that client.
    pub fn trigger_from_client(&self, times: u32) {
        let first = self.first.as_ref().expect("a client");
        // All in one call, because a server does not enter the runtime for each message.
        self.runtime.block_on(async {
            for _ in 0..times {
                self.until_written(1, async { put(first, self.frame.clone()) }).await;
            }
        });
    }

    /// Joins a client to a room and leaves it again, and waits until the client has received both frames.
    pub fn join_and_leave(&self, client: &Client, room: impl RoomRef + Clone) {
        // `joined` and `left` are sent in one write.
        self.runtime.block_on(self.until_written(1, async {
            client.join(room.clone()).await.expect("the join succeeds");
            assert!(client.leave(room).await, "the client is in the room");
        }));
    }

    /// Runs an action, and waits until it has caused this many writes.
    async fn until_written(&self, writes: usize, action: impl Future<Output = ()>) {
        let before = lock(&self.written.0).count;
        action.await;
        self.written.reach(before + writes).await;
    }
}

/// The text of a client's trigger.
pub(crate) fn trigger_text() -> String {
    let text = "x".repeat(80);
    format!(r#"{{"type":"trigger","roomId":"lobby-0","event":"message","data":{{"text":"{text}","senderId":"load"}}}}"#)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of writes on all connections.
#[derive(Default)]
struct Written(Mutex<Writes>);

#[derive(Default)]
struct Writes {
    count: usize,
    awaited: usize,
    waiter: Option<Waker>,
}

impl Written {
    fn one_more(&self) {
        let mut writes = lock(&self.0);
        writes.count += 1;
        if writes.count == writes.awaited
            && let Some(waiter) = writes.waiter.take()
        {
            waiter.wake();
        }
    }

    /// Waits until there were this many writes.
    async fn reach(&self, count: usize) {
        poll_fn(|context| {
            let mut writes = lock(&self.0);
            if writes.count >= count {
                return Poll::Ready(());
            }
            writes.awaited = count;
            writes.waiter = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// The bytes that a client has sent and the server has not read yet.
#[derive(Default)]
struct Input {
    bytes: Bytes,
    reader: Option<Waker>,
}

/// Sends a frame as a client, once the server has read the last one.
fn put(input: &Mutex<Input>, frame: Bytes) {
    let mut input = lock(input);
    input.bytes = frame;
    if let Some(reader) = input.reader.take() {
        reader.wake();
    }
}

/// The server's side of a client's connection. It accepts all bytes at once and counts the writes.
struct Connection {
    input: Arc<Mutex<Input>>,
    written: Arc<Written>,
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut input = lock(&self.input);
        if input.bytes.is_empty() {
            input.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = input.bytes.len().min(buffer.remaining());
        buffer.put_slice(&input.bytes.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.one_more();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.written.one_more();
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A client's text frame, masked with zeros, which leave its bytes unchanged.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(short @ 0..=125) => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(text.len()).expect("a short message").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
