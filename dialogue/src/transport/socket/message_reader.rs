//! Reads a client's messages with the protocol library.
//!
//! The library's buffers are large, so they exist only while a message is in progress. Between messages, the library has
//! no state and is dropped. It is created again for the next message, except for a short one that arrives in one piece.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use tokio_websockets::{Config, Error, Limits as FrameLimits, Message, ServerBuilder, WebSocketStream};

use super::adapter::{Adapter, FirstRead};
use crate::connection::{Close, Outbox};
use crate::protocol::CloseCode;

/// How many bytes one message may take on the wire, as a multiple of the largest payload. A fragment of a single byte
/// takes seven with its header and mask.
const WIRE_OVERHEAD: usize = 8;

/// The inbound messages of a connection, and its outbox.
pub(in crate::transport) struct MessageReader<R> {
    state: ReaderState<R>,
    outbox: Arc<Outbox>,
    message_bytes: usize,
}

/// The current owner of the socket.
enum ReaderState<R> {
    /// The reader itself: no message is in progress.
    Idle(Adapter<R>),
    /// The library: it has a part of a message, or more messages.
    Busy(Box<WebSocketStream<Adapter<R>>>),
    /// The stream has ended.
    Ended,
}

/// A client's message.
pub(in crate::transport) enum InboundMessage {
    Text(String),
    Binary(#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only the echo reads it"))] Bytes),
    /// A ping or a pong. It needs no further answer.
    Control,
    /// No message follows.
    End(Ending),
}

/// Why no further message follows.
pub(in crate::transport) enum Ending {
    /// The stream has ended or failed.
    Gone,
    /// The client has sent a close frame with this code.
    Closed(u16),
    /// The client has made an error.
    Broken(Error),
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

/// The result of asking the library.
enum NextMessage {
    Message(Message),
    /// There is nothing, and the library waits for the beginning of a message.
    Nothing,
    End(Ending),
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

    /// The next message. Call [`end`](Self::end) after the last one.
    ///
    /// Cancel safe: no message is lost.
    pub(in crate::transport) async fn next(&mut self) -> InboundMessage {
        loop {
            let next = match &mut self.state {
                ReaderState::Idle(adapter) => {
                    match poll_fn(|context| adapter.poll_first(context, self.message_bytes)).await {
                        FirstRead::Text(text) => return InboundMessage::Text(text),
                        FirstRead::Other => {
                            self.hand_to_library();
                            continue;
                        }
                        FirstRead::End => NextMessage::End(Ending::Gone),
                    }
                }
                ReaderState::Busy(library) => next_of_library(library).await,
                ReaderState::Ended => NextMessage::End(Ending::Gone),
            };
            match next {
                NextMessage::Message(message) => {
                    if let ReaderState::Busy(library) = &mut self.state {
                        library.get_mut().message_done(message.is_text() || message.is_binary());
                    }
                    return match message.as_close() {
                        Some((code, _)) => InboundMessage::End(Ending::Closed(code.into())),
                        None => InboundMessage::of(message),
                    };
                }
                NextMessage::Nothing => self.take_from_library(),
                NextMessage::End(ending) => return InboundMessage::End(ending),
            }
        }
    }

    /// Ends the connection after its last message. If the client has made an error, it receives a close with the reason.
    pub(in crate::transport) fn end(&mut self, ending: &Ending) {
        match ending {
            Ending::Gone => {}
            Ending::Closed(code) => {
                // The library answers a close with its own when it is polled again.
                if let ReaderState::Busy(library) = &mut self.state {
                    let _ = library.next().now_or_never();
                }
                self.outbox.close(Close::by_client(*code));
            }
            Ending::Broken(error) => self.close_after_error(error),
        }
    }

    /// When bytes arrived last that did not complete a message at once.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        match &self.state {
            ReaderState::Idle(adapter) => adapter.heard_at(),
            ReaderState::Busy(library) => library.get_ref().heard_at(),
            ReaderState::Ended => None,
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

    /// Takes the socket back from the library.
    fn take_from_library(&mut self) {
        if let ReaderState::Busy(library) = std::mem::replace(&mut self.state, ReaderState::Ended) {
            self.state = ReaderState::Idle(library.into_inner());
        }
    }

    /// Closes a connection whose frames violate the protocol. The library writes the close itself, with two exceptions: a
    /// message whose fragments are too long together, and a message that never ends.
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
            Error::PayloadTooLong { .. } => self.close(CloseCode::MessageTooBig, "the message exceeds the size limit"),
            Error::Io(error) if error.kind() == std::io::ErrorKind::Other => {
                self.close(CloseCode::MessageTooBig, "the message has too many fragments");
            }
            Error::Protocol(_) => self.close(CloseCode::ProtocolError, "the frame violates the WebSocket protocol"),
            _ => {}
        }
    }

    /// Closes the connection once the queued frames have been sent.
    pub(in crate::transport) fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.outbox.close(Close::after_flush(code, reason));
    }
}

/// Waits for the library's next message.
async fn next_of_library<R: AsyncRead + Unpin>(library: &mut WebSocketStream<Adapter<R>>) -> NextMessage {
    poll_fn(|context| match library.poll_next_unpin(context) {
        Poll::Ready(Some(Ok(message))) => Poll::Ready(NextMessage::Message(message)),
        Poll::Ready(Some(Err(error))) => Poll::Ready(NextMessage::End(Ending::Broken(error))),
        Poll::Ready(None) => Poll::Ready(NextMessage::End(Ending::Gone)),
        Poll::Pending if library.get_ref().is_at_rest() => Poll::Ready(NextMessage::Nothing),
        Poll::Pending => Poll::Pending,
    })
    .await
}
