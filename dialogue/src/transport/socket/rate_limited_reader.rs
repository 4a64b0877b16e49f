//! Reads a client's frames, checks them against the client's rate, and closes the connection.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;

use super::inbound_rate::InboundRate;
use super::message_reader::{InboundMessage, MessageReader};
use crate::connection::{Close, Frame};
use crate::limits::Limits;
use crate::protocol::CloseCode;
use crate::rate_limit::Rate;

/// A connection's inbound frames, each checked against the client's rate.
pub(super) struct RateLimitedReader<R> {
    pub(super) messages: MessageReader<R>,
    rate: InboundRate,
    opened_at: Instant,
    /// How many frames in a row exceeded the rate.
    pub(super) refused: usize,
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
}

impl<R: AsyncRead + Unpin> RateLimitedReader<R> {
    pub(super) fn new(messages: MessageReader<R>, limits: &Limits) -> Self {
        Self {
            messages,
            rate: InboundRate::new(Rate {
                max_events: limits.inbound_frames,
                window: limits.inbound_window,
            }),
            opened_at: Instant::now(),
            refused: 0,
        }
    }

    /// The next frame. `None` at the end of the connection. If the client made an error, it receives a close with the
    /// reason.
    ///
    /// Cancel safe: no frame is lost.
    pub(super) async fn next(&mut self) -> Option<InboundFrame> {
        let text = match self.receive().await? {
            InboundMessage::Text(text) => Some(text),
            InboundMessage::Control => None,
            InboundMessage::Binary(_) => {
                self.close(CloseCode::BinaryFrame, "binary frames are not supported");
                return None;
            }
        };
        Some(self.count(text))
    }

    async fn receive(&mut self) -> Option<InboundMessage> {
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
