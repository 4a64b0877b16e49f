//! One socket as messages in and frames out, whoever converses over it.
//!
//! Owns what every WebSocket has: the protocol library on the reading side, the writer on the other, and the end. Knows
//! nothing of commands.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tokio_websockets::{Config, Error, Limits as FrameLimits, Message, ServerBuilder, WebSocketStream};

use super::wire::Wire;
use super::writer::Writer;
use crate::client::{Close, Outbox};
use crate::limits::Limits;
use crate::protocol::CloseCode;

/// How long what a client still sends is read after the close, so that it gets the close code rather than a reset.
const LINGER: Duration = Duration::from_secs(1);

/// What one message may take on the wire, as a multiple of the largest payload: fragments of a single byte, each with its
/// header and mask, take seven.
const WIRE_OVERHEAD: usize = 8;

/// Runs `talk` over an upgraded connection, and sees to the connection's end once it returns: what it has queued is
/// sent, and the close said.
pub(super) async fn run<S, F>(socket: S, limits: &Limits, talk: impl FnOnce(Incoming<ReadHalf<S>>) -> F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Incoming<ReadHalf<S>>>,
{
    let outbox = Arc::new(Outbox::new(limits));
    let (reading, writing) = tokio::io::split(socket);
    let writer = Writer::new(writing, Arc::clone(&outbox), limits.write_deadline);
    // A task of its own, so that a delivery wakes the writer alone, and not the conversation too.
    let writing = AbortOnDropHandle::new(tokio::spawn(writer.run()));
    let mut incoming = talk(Incoming::new(reading, Arc::clone(&outbox), limits.message_bytes)).await;
    // Whoever ended it has said why; if nobody has, the other side did.
    outbox.close(Close::quietly());
    // The half is kept until all is over, since the socket closes with it.
    let _write_half = writing.await;
    let _ = timeout(LINGER, async {
        while let Some(Ok(_)) = incoming.frames.next().await {}
    })
    .await;
}

/// The messages that come in, and the outbox for those that go out.
pub(super) struct Incoming<R> {
    frames: WebSocketStream<Wire<R>>,
    outbox: Arc<Outbox>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    fn new(socket: R, outbox: Arc<Outbox>, message_bytes: usize) -> Self {
        let budget = message_bytes.saturating_mul(WIRE_OVERHEAD).saturating_add(64 * 1024);
        let frames = ServerBuilder::new()
            .config(Config::default())
            .limits(FrameLimits::default().max_payload_len(Some(message_bytes)))
            .serve(Wire::new(socket, Arc::clone(&outbox), budget));
        Self { frames, outbox }
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The next message, pings and pongs among them, which need no answer any more; `None` at the end of the connection,
    /// whose reason the client has been told if there is one.
    ///
    /// Safe to drop: no message is lost.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            let message = match self.frames.next().await? {
                Ok(message) => message,
                Err(error) => {
                    self.refuse_frame(&error);
                    return None;
                }
            };
            self.frames.get_mut().message_done();
            // The library answers a close with one of its own when it is asked for more.
            if !message.is_close() {
                return Some(message);
            }
        }
    }

    /// Ends a connection whose frames break the protocol. The library says the close itself, but for a message that is too
    /// long only when all its fragments are counted, and for one that never ends.
    fn refuse_frame(&mut self, error: &Error) {
        let _ = self.frames.next().now_or_never();
        if self.frames.get_ref().wrote_close() {
            return;
        }
        match error {
            Error::PayloadTooLong { .. } => self.end(CloseCode::MessageTooBig, "the message is too long"),
            Error::Io(error) if error.kind() == std::io::ErrorKind::Other => {
                self.end(CloseCode::MessageTooBig, "the message has too many fragments");
            }
            Error::Protocol(_) => self.end(CloseCode::ProtocolError, "the frame breaks the protocol"),
            _ => {}
        }
    }

    /// Ends the connection once what waits has been sent.
    pub(super) fn end(&self, code: CloseCode, reason: impl Into<String>) {
        self.outbox.close(Close::after_flush(code, reason));
    }
}
