//! Clients without a network. Each sends its next trigger at once when the server writes `ok`.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use dialogue::sqlite::StoreAppender;
use dialogue::{Dialogue, testing};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::Outcome;
use crate::file::check;
use crate::subject::TEXT;

/// The clients, and how far they are.
pub(crate) struct Load {
    clients: Vec<Arc<Client>>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    /// There is nothing left to wait for.
    finished: Notify,
    next_key: AtomicU64,
}

#[derive(Default)]
struct State {
    /// How many triggers are still to be sent.
    to_send: usize,
    /// How many answers are awaited.
    awaited: usize,
    /// How long each trigger took.
    times: Vec<Duration>,
    /// An answer that is not the expected one.
    wrong: Option<String>,
}

/// One client, as its connection sees it.
struct Client {
    input: Mutex<Input>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    reader: Option<Waker>,
    sent_at: Option<Instant>,
}

impl Load {
    /// Connects this many clients of one user, and lets them join the room.
    pub(crate) async fn connect(dialogue: &Dialogue, clients: usize) -> Outcome<Arc<Self>> {
        let progress = Arc::<Progress>::default();
        progress.next_key.store(1, Ordering::Relaxed);
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                let client = Arc::new(Client {
                    input: Mutex::default(),
                    progress: Arc::clone(&progress),
                });
                let (dialogue, connection) = (dialogue.clone(), Connection(Arc::clone(&client)));
                tokio::spawn(async move { testing::serve_stream(&dialogue, connection).await });
                client
            })
            .collect();
        let load = Self { clients, progress };
        for frame in [
            r#"{"type":"connect","protocol":1,"auth":{"userId":"ada"}}"#,
            r#"{"type":"join","roomId":"bench","subscriptions":[],"id":1}"#,
        ] {
            load.expect(load.clients.len(), 0);
            load.clients.iter().for_each(|client| client.send(frame));
            load.finish().await?;
        }
        Ok(Arc::new(load))
    }

    /// Sends this many triggers, each with its key. Returns how long each took, from its bytes to those of its answer.
    pub(crate) async fn run(&self, in_flight: usize, events: usize) -> Outcome<Vec<Duration>> {
        let first = in_flight.min(events);
        self.expect(events, events - first);
        for client in &self.clients[..first] {
            client.trigger();
        }
        let times = self.finish().await?;
        check(times.len(), events)?;
        Ok(times)
    }

    fn expect(&self, answers: usize, to_send: usize) {
        *self.progress.lock() = State {
            to_send,
            awaited: answers,
            times: Vec::with_capacity(answers),
            wrong: None,
        };
    }

    async fn finish(&self) -> Outcome<Vec<Duration>> {
        self.progress.finished.notified().await;
        let mut state = self.progress.lock();
        match state.wrong.take() {
            Some(answer) => Err(format!("the server answers {answer}").into()),
            None => Ok(std::mem::take(&mut state.times)),
        }
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trigger(&self) {
        let key = StoreAppender::key(self.progress.next_key.fetch_add(1, Ordering::Relaxed));
        self.send(&format!(
            r#"{{"type":"trigger","roomId":"bench","event":"line","data":{{"text":"{TEXT}"}},"key":"{key}","id":1}}"#
        ));
    }

    /// Sends a text as a frame that is masked with zeros, which leave its bytes unchanged.
    fn send(&self, text: &str) {
        let mut input = self.input();
        input.bytes.push(0x81);
        match u8::try_from(text.len()) {
            Ok(short @ 0..=125) => input.bytes.push(0x80 | short),
            _ => {
                input.bytes.push(0x80 | 126);
                input.bytes.extend((text.len() as u16).to_be_bytes());
            }
        }
        input.bytes.extend([0; 4]);
        input.bytes.extend(text.as_bytes());
        input.sent_at = Some(Instant::now());
        if let Some(reader) = input.reader.take() {
            drop(input);
            reader.wake();
        }
    }

    /// The server has written these bytes: one whole frame, because this client waits for one answer.
    fn receive(&self, bytes: &[u8]) {
        let sent_at = self.input().sent_at.take();
        let text = String::from_utf8_lossy(bytes);
        let is_expected = [r#""type":"ok""#, r#""type":"connected""#, r#""type":"joined""#]
            .iter()
            .any(|kind| text.contains(kind));
        let sends_next = {
            let mut state = self.progress.lock();
            if !is_expected {
                state.wrong = Some(text.into_owned());
            }
            state.times.extend(sent_at.map(|sent_at| sent_at.elapsed()));
            state.awaited = state.awaited.saturating_sub(1);
            if state.awaited == 0 || state.wrong.is_some() {
                self.progress.finished.notify_one();
            }
            let sends_next = state.to_send > 0;
            state.to_send -= usize::from(sends_next);
            sends_next
        };
        if sends_next {
            self.trigger();
        }
    }
}

/// The server's side of a client's connection. It accepts all bytes at once.
struct Connection(Arc<Client>);

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut input = self.0.input();
        if input.bytes.is_empty() {
            input.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = input.bytes.len().min(buffer.remaining());
        buffer.put_slice(&input.bytes[..count]);
        input.bytes.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.receive(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.0.receive(&bytes);
        Poll::Ready(Ok(bytes.len()))
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
