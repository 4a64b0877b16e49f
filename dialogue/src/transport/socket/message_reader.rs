//! The messages of a client, as the protocol library reads them.
//!
//! The library's buffers are large. They are kept only while a message is under way: between messages the library has
//! nothing to remember, and is set up anew when the next one begins; for a short one that comes whole, not even that.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::io::AsyncRead;
use tokio_websockets::{Config, Error, Limits as FrameLimits, Message, ServerBuilder, WebSocketStream};

use super::adapter::{Adapter, FirstRead};
use crate::connection::{Close, Outbox};
use crate::protocol::CloseCode;

/// What one message may take on the wire, as a multiple of the largest payload: fragments of a single byte, each with its
/// header and mask, take seven.
const WIRE_OVERHEAD: usize = 8;

/// The messages that come in, and the outbox for those that go out.
pub(in crate::transport) struct MessageReader<R> {
    state: ReaderState<R>,
    outbox: Arc<Outbox>,
    message_bytes: usize,
}

/// Who has the socket.
enum ReaderState<R> {
    /// Nobody: no message is under way.
    Idle(Adapter<R>),
    /// The library, as long as it has part of a message, or more messages.
    Busy(Box<WebSocketStream<Adapter<R>>>),
    /// It is at its end.
    Ended,
}

/// A client's message.
pub(in crate::transport) enum InboundMessage {
    Text(String),
    Binary(#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only the echo sends it back"))] Bytes),
    /// A ping or a pong, which needs no answer any more.
    Control,
}

impl InboundMessage {
    fn of(message: Message) -> Self {
        match message.as_text() {
            Some(text) => Self::Text(text.to_owned()),
            None if message.is_binary() => Self::Binary(message.into_payload().into()),
            None => Self::Control,
        }
    }
}

/// What the library has.
enum NextMessage {
    Message(Message),
    /// Nothing, and it waits for the beginning of a message.
    Nothing,
    /// The end, or what the client has done wrong.
    End(Option<Error>),
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    pub(in crate::transport) fn new(socket: R, outbox: Arc<Outbox>, message_bytes: usize) -> Self {
        let budget = message_bytes.saturating_mul(WIRE_OVERHEAD).saturating_add(64 * 1024);
        Self {
            state: ReaderState::Idle(Adapter::new(socket, Arc::clone(&outbox), budget)),
            outbox,
            message_bytes,
        }
    }

    pub(in crate::transport) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The next message; `None` at the end of the connection, whose reason the client has been told if there is one.
    ///
    /// Safe to drop: no message is lost.
    pub(in crate::transport) async fn next(&mut self) -> Option<InboundMessage> {
        loop {
            let next = match &mut self.state {
                ReaderState::Idle(adapter) => {
                    match poll_fn(|context| adapter.poll_first(context, self.message_bytes)).await {
                        FirstRead::Text(text) => return Some(InboundMessage::Text(text)),
                        FirstRead::Other => {
                            self.hand_to_library();
                            continue;
                        }
                        FirstRead::End => NextMessage::End(None),
                    }
                }
                ReaderState::Busy(library) => next_of_library(library).await,
                ReaderState::Ended => return None,
            };
            match next {
                NextMessage::Message(message) => {
                    if let ReaderState::Busy(library) = &mut self.state {
                        library.get_mut().message_done(message.is_text() || message.is_binary());
                    }
                    // The library answers a close with one of its own when it is asked for more.
                    if !message.is_close() {
                        return Some(InboundMessage::of(message));
                    }
                }
                NextMessage::Nothing => self.take_from_library(),
                NextMessage::End(error) => {
                    if let Some(error) = error {
                        self.close_after_error(&error);
                    }
                    return None;
                }
            }
        }
    }

    /// Gives the socket to the library.
    fn hand_to_library(&mut self) {
        if let ReaderState::Idle(adapter) = std::mem::replace(&mut self.state, ReaderState::Ended) {
            let library = ServerBuilder::new()
                .config(Config::default())
                .limits(FrameLimits::default().max_payload_len(Some(self.message_bytes)))
                .serve(adapter);
            self.state = ReaderState::Busy(Box::new(library));
        }
    }

    /// Takes the socket from the library.
    fn take_from_library(&mut self) {
        if let ReaderState::Busy(library) = std::mem::replace(&mut self.state, ReaderState::Ended) {
            self.state = ReaderState::Idle(library.into_inner());
        }
    }

    /// Ends a connection whose frames break the protocol. The library says the close itself, but for a message that is too
    /// long only when all its fragments are counted, and for one that never ends.
    fn close_after_error(&mut self, error: &Error) {
        let ReaderState::Busy(library) = &mut self.state else {
            return;
        };
        let _ = library.next().now_or_never();
        if let Some(code) = library.get_ref().wrote_close() {
            if let Some(code) = CloseCode::from_number(code) {
                self.outbox.close(Close::already_queued(code));
            }
            return;
        }
        match error {
            Error::PayloadTooLong { .. } => self.close(CloseCode::MessageTooBig, "the message is too long"),
            Error::Io(error) if error.kind() == std::io::ErrorKind::Other => {
                self.close(CloseCode::MessageTooBig, "the message has too many fragments");
            }
            Error::Protocol(_) => self.close(CloseCode::ProtocolError, "the frame breaks the protocol"),
            _ => {}
        }
    }

    /// Ends the connection once what waits has been sent.
    pub(in crate::transport) fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.outbox.close(Close::after_flush(code, reason));
    }
}

/// Waits for what the library makes of what comes in.
async fn next_of_library<R: AsyncRead + Unpin>(library: &mut WebSocketStream<Adapter<R>>) -> NextMessage {
    poll_fn(|context| match library.poll_next_unpin(context) {
        Poll::Ready(Some(Ok(message))) => Poll::Ready(NextMessage::Message(message)),
        Poll::Ready(Some(Err(error))) => Poll::Ready(NextMessage::End(Some(error))),
        Poll::Ready(None) => Poll::Ready(NextMessage::End(None)),
        Poll::Pending if library.get_ref().is_at_rest() => Poll::Ready(NextMessage::Nothing),
        Poll::Pending => Poll::Pending,
    })
    .await
}
