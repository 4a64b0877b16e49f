//! Reads a client's frames, counts them against its rate, and closes the connection.

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

/// What comes in, counted against the client's rate.
pub(super) struct RateLimitedReader<R> {
    pub(super) messages: MessageReader<R>,
    rate: InboundRate,
    opened_at: Instant,
    /// How many frames in a row came too fast.
    pub(super) refused: usize,
}

/// What has come in.
pub(super) enum InboundFrame {
    Text(String),
    /// A ping or a pong, answered where it needs to be.
    Control,
    /// A frame over the rate; its text, if it was text.
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

    /// The next frame; `None` at the end of the connection, whose reason the client has been told if there is one.
    ///
    /// Safe to drop: no frame is lost.
    pub(super) async fn next(&mut self) -> Option<InboundFrame> {
        let text = match self.receive().await? {
            InboundMessage::Text(text) => Some(text),
            InboundMessage::Control => None,
            InboundMessage::Binary(_) => {
                self.close(CloseCode::BinaryFrame, "binary frames are not understood");
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
            // The runtime has a task wait, too, that has done much in one go.
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
