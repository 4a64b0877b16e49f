//! One connection: the WebSocket protocol over a stream. It carries frames as text and does not know what they mean.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt};
use http::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_websockets::{ClientBuilder, CloseCode, Config, Error, Limits, Message, WebSocketStream};

use super::dial::{ByteStream, Destination, OpenError, dial};
use super::error::UpgradeRefused;

/// How many unwritten bytes may wait before reading stops. This is far more than the session ever has in flight, so
/// only a server that sends pings but does not read the pongs reaches it.
const MAX_UNWRITTEN: usize = 1024 * 1024;

/// The largest response to the upgrade request, in bytes: many times what any proxy sends.
const MAX_HANDSHAKE: usize = 64 * 1024;

/// How much of the response is kept, to say why the upgrade failed.
const MAX_KEPT_RESPONSE: usize = 2 * 1024;

/// How long the other side may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    socket: WebSocketStream<HandshakeLimited<Box<dyn ByteStream>>>,
}

/// Something that a connection receives.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Text(Message),
    /// A ping or a pong, which shows that the server is alive.
    Sign,
    End(LinkEnd),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkEnd {
    /// The server sent a close frame.
    Closed { code: u16, reason: String },
    /// The connection ended without a close frame. Contains the network's error.
    Lost(String),
    /// The server violated the protocol.
    Broken(String),
}

impl Link {
    /// Connects and upgrades.
    pub(super) async fn open(destination: &Destination) -> Result<Self, OpenError> {
        let mut builder = ClientBuilder::from_uri(destination.uri.clone())
            .config(Config::default().flush_threshold(MAX_UNWRITTEN))
            .limits(Limits::default().max_payload_len(Some(destination.max_message)));
        #[cfg(feature = "testing")]
        if let Some(pipe) = &destination.pipe {
            let socket = builder.take_over(HandshakeLimited {
                stream: Box::new(pipe(&destination.headers)) as _,
                handshake: None,
                response: Arc::default(),
            });
            return Ok(Self { socket });
        }
        for (name, value) in &destination.headers {
            builder = builder.add_header(name.clone(), value.clone())?;
        }
        let response = Arc::default();
        let guarded = HandshakeLimited {
            stream: dial(destination).await?,
            handshake: Some(MAX_HANDSHAKE),
            response: Arc::clone(&response),
        };
        let upgraded = builder.connect_on(guarded).await;
        let (mut socket, _) = upgraded.map_err(|error| refusal_of(error, &response.lock()))?;
        socket.get_mut().handshake = None;
        Ok(Self { socket })
    }

    /// Queues a frame. It is written while `next` waits, and `next` also reports if the connection has ended.
    pub(super) fn send(&mut self, text: String) {
        let _ = Pin::new(&mut self.socket).start_send(Message::text(text));
    }

    /// The next thing received. Safe to drop: nothing is lost.
    pub(super) async fn next(&mut self) -> LinkEvent {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<LinkEvent> {
        // If too much is unwritten, reading stops, because what is read may need an answer.
        if let Err(error) = ready!(Pin::new(&mut self.socket).poll_ready(context)) {
            return Poll::Ready(LinkEvent::End(end_of(&error)));
        }
        let message = match ready!(Pin::new(&mut self.socket).poll_next(context)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Poll::Ready(LinkEvent::End(end_of(&error))),
            None => return Poll::Ready(LinkEvent::End(LinkEnd::Lost("the connection was closed".to_owned()))),
        };
        Poll::Ready(if message.is_text() {
            LinkEvent::Text(message)
        } else if let Some((code, reason)) = message.as_close() {
            LinkEvent::End(LinkEnd::Closed {
                code: code.into(),
                reason: reason.to_owned(),
            })
        } else if message.is_binary() {
            LinkEvent::End(LinkEnd::Broken("the server sent a binary message".to_owned()))
        } else {
            LinkEvent::Sign
        })
    }

    /// Sends a close frame, or answers the server's, and waits for the end for a limited time.
    pub(super) async fn close(mut self) {
        let goodbye = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        let _ = Pin::new(&mut self.socket).start_send(goodbye);
        let _ = timeout(CLOSE_TIMEOUT, async {
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
    }
}

/// Why the upgrade failed. If the answer was an ordinary HTTP response, this is what it says.
fn refusal_of(error: Error, response: &[u8]) -> OpenError {
    let Error::Upgrade(tokio_websockets::upgrade::Error::DidNotSwitchProtocols(status)) = error else {
        return error.into();
    };
    let response = String::from_utf8_lossy(response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let header = |name: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(':'));
        headers.find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned()))
    };
    let is_text = header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
    let said = body.lines().next().unwrap_or_default().trim();
    let meaning = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let text = if is_text && !said.is_empty() {
        said
    } else {
        meaning.unwrap_or_default()
    };
    let seconds = header("retry-after").and_then(|value| value.parse().ok());
    Box::new(UpgradeRefused {
        status,
        text: text.chars().filter(|char| !char.is_control()).collect(),
        retry_after: seconds.map(Duration::from_secs),
    })
}

fn end_of(error: &Error) -> LinkEnd {
    match error {
        Error::Io(_) | Error::AlreadyClosed => LinkEnd::Lost(error.to_string()),
        _ => LinkEnd::Broken(error.to_string()),
    }
}

/// A stream that fails if the handshake is too long. The library would read a response of any length.
#[derive(Debug)]
struct HandshakeLimited<S> {
    stream: S,
    /// How many more bytes the handshake may have.
    handshake: Option<usize>,
    /// The beginning of the response to the upgrade, until it has succeeded.
    response: Arc<Mutex<Vec<u8>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for HandshakeLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        let Self {
            handshake, response, ..
        } = &mut *self;
        if let Some(left) = handshake {
            let mut response = response.lock();
            let space = MAX_KEPT_RESPONSE.saturating_sub(response.len());
            response.extend(buffer.filled()[before..].iter().take(space));
            match left.checked_sub(read) {
                Some(rest) => *left = rest,
                None => return Poll::Ready(Err(io::Error::other("the response to the upgrade is too long"))),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HandshakeLimited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
