//! Reads a client's frames, checks them against the client's rate, and closes the connection.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::time::Instant;

use super::inbound_rate::InboundRate;
use super::message_reader::{Ending, InboundMessage, MessageReader};
use super::read_ahead::ReadAhead;
use crate::connection::{Close, Frame};
use crate::limits::Limits;
use crate::protocol::{CloseCode, Command, Request};
use crate::rate_limit::Rate;

/// A connection's inbound frames, each checked against the client's rate.
pub(super) struct RateLimitedReader<R> {
    pub(super) messages: MessageReader<R>,
    rate: InboundRate,
    opened_at: Instant,
    /// How many frames in a row exceeded the rate.
    pub(super) refused: usize,
    /// The messages that were read while a command ran.
    ahead: Option<Box<ReadAhead>>,
    limit: Rate,
    message_bytes: usize,
}

/// A frame of the client.
pub(super) enum InboundFrame {
    Text(String),
    /// A ping or a pong. It needs no further answer.
    Control,
    /// A frame that exceeds the rate. It has a text if it was a text frame.
    TooFast {
        text: Option<String>,
        retry_after: Duration,
    },
    /// No frame follows.
    End(LastFrame),
}

/// Why no further frame is read.
pub(super) enum LastFrame {
    Ending(Ending),
    /// The client has sent a binary message.
    Binary,
}

impl<R: AsyncRead + Unpin> RateLimitedReader<R> {
    pub(super) fn new(messages: MessageReader<R>, limits: &Limits) -> Self {
        let limit = Rate {
            max_events: limits.inbound_frames,
            window: limits.inbound_window,
        };
        Self {
            messages,
            rate: InboundRate::new(limit),
            opened_at: Instant::now(),
            refused: 0,
            ahead: None,
            limit,
            message_bytes: limits.message_bytes,
        }
    }

    /// The next frame. Call [`end`](Self::end) after the last one.
    ///
    /// Cancel safe: no frame is lost.
    pub(super) async fn next(&mut self) -> InboundFrame {
        let message = if self.ahead.is_some() {
            self.next_after_ahead().await
        } else {
            self.receive().await
        };
        let text = match message {
            InboundMessage::Text(text) => Some(text),
            InboundMessage::Control => None,
            InboundMessage::Binary(_) => return InboundFrame::End(LastFrame::Binary),
            InboundMessage::End(ending) => return InboundFrame::End(LastFrame::Ending(ending)),
        };
        self.count(text)
    }

    /// Ends the connection after its last frame. If the client has made an error, it receives a close with the reason.
    pub(super) fn end(&mut self, last: &LastFrame) {
        match last {
            LastFrame::Ending(ending) => self.messages.end(ending),
            LastFrame::Binary => self.close(CloseCode::BinaryFrame, "binary frames are not supported"),
        }
    }

    /// Whether another frame may be read while a command runs.
    pub(super) fn may_read_ahead(&self) -> bool {
        self.ahead.as_ref().is_none_or(|ahead| ahead.wants_more())
    }

    /// Whether the last frame has been read, and waits for its turn: nothing more will arrive.
    pub(super) fn is_at_end(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.is_at_end())
    }

    /// Reads a frame while a command runs, and keeps it until it is its turn. Returns the frame if it is a `ping` that must
    /// be answered now.
    ///
    /// Cancel safe: no frame is lost.
    pub(super) async fn read_ahead(&mut self, json_depth: usize) -> Option<Request> {
        let message = self.messages.next().await;
        let ahead = self
            .ahead
            .get_or_insert_with(|| Box::new(ReadAhead::new(self.message_bytes, self.limit)));
        let request = Request::parse(ahead.push(message)?, json_depth).ok()?;
        let is_ping = matches!(request.command, Command::Ping);
        (is_ping && ahead.take_ping(self.opened_at.elapsed())).then_some(request)
    }

    /// Takes the next message that was read ahead, or receives one if there are no more.
    async fn next_after_ahead(&mut self) -> InboundMessage {
        // These messages are taken without waiting for anything.
        consume_budget().await;
        match self.ahead.as_mut().and_then(|ahead| ahead.pop()) {
            Some(message) => {
                self.rate.begin_check(self.opened_at.elapsed());
                self.rate.end_check(false);
                message
            }
            None => {
                self.ahead = None;
                self.receive().await
            }
        }
    }

    async fn receive(&mut self) -> InboundMessage {
        let Self {
            messages,
            rate,
            opened_at,
            ..
        } = self;
        let mut next = pin!(messages.next());
        poll_fn(|context| {
            rate.begin_check(opened_at.elapsed());
            let polled = next.as_mut().poll(context);
            // The runtime also suspends a task that has used up its budget. That does not mean that there was no frame.
            rate.end_check(polled.is_pending() && has_budget_remaining());
            polled
        })
        .await
    }

    fn count(&mut self, text: Option<String>) -> InboundFrame {
        match self.rate.count() {
            Ok(()) => {
                self.refused = 0;
                text.map_or(InboundFrame::Control, InboundFrame::Text)
            }
            Err(retry_after) => {
                self.refused += 1;
                InboundFrame::TooFast { text, retry_after }
            }
        }
    }

    pub(super) fn send(&self, frame: bytes::Bytes) {
        self.messages.outbox().push(Frame::Text(frame));
    }

    pub(super) fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.messages.close(code, reason);
    }

    pub(super) fn close_now(&self, code: CloseCode, reason: impl Into<String>) {
        self.messages.outbox().close(Close::now(code, reason));
    }
}
