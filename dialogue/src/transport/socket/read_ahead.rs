//! The messages that a client sends while one of its commands runs, in their order.
//!
//! The server reads them so that it can answer a `ping` at once, and see that the client is alive. It reads no further once
//! they reach a bound. They are counted against the client's rate only when it is their turn, like messages that wait in the
//! network. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::message_reader::InboundMessage;
use crate::rate_limit::{Rate, SlidingWindow};

/// The most messages that are read ahead. A client within the default rate sends fewer while a hook takes its whole time.
const MAX_MESSAGES: usize = 256;

/// Messages that have been read ahead.
pub(super) struct ReadAhead {
    messages: VecDeque<InboundMessage>,
    /// The length of the texts in `messages`.
    bytes: usize,
    /// No further message is read once this many bytes wait.
    enough: usize,
    /// Bounds the pings that are answered before it is their turn.
    early: SlidingWindow,
    /// Whether the last message has been read.
    is_at_end: bool,
}

impl ReadAhead {
    /// Holds less than two messages of `message_bytes`.
    pub(super) fn new(message_bytes: usize, rate: Rate) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            enough: message_bytes,
            early: SlidingWindow::new(rate),
            is_at_end: false,
        }
    }

    /// Whether another message may be read.
    pub(super) fn wants_more(&self) -> bool {
        !self.is_at_end && self.bytes < self.enough && self.messages.len() < MAX_MESSAGES
    }

    /// Whether the last message has been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Keeps a message until it is its turn. Returns the text of a message that may be a ping to be answered now.
    pub(super) fn push(&mut self, message: InboundMessage) -> Option<&str> {
        self.is_at_end = matches!(message, InboundMessage::End(_));
        if let InboundMessage::Text(text) = &message {
            self.bytes += text.len();
        }
        self.messages.push_back(message);
        match self.messages.back() {
            // Parsing every text twice would take too long.
            Some(InboundMessage::Text(text)) if text.contains("\"ping\"") => Some(text),
            _ => None,
        }
    }

    /// Whether one more ping may be answered before it is its turn. If so, the newest message, which is this ping, then only
    /// counts against the rate.
    pub(super) fn take_ping(&mut self, now: Duration) -> bool {
        if self.early.allow(now).is_err() {
            return false;
        }
        if let Some(newest) = self.messages.back_mut() {
            if let InboundMessage::Text(text) = newest {
                self.bytes -= text.len();
            }
            *newest = InboundMessage::Control;
        }
        true
    }

    /// The next message.
    pub(super) fn pop(&mut self) -> Option<InboundMessage> {
        let message = self.messages.pop_front()?;
        if let InboundMessage::Text(text) = &message {
            self.bytes -= text.len();
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::socket::message_reader::Ending;

    const PING: &str = r#"{"type":"ping","id":1}"#;

    fn ahead() -> ReadAhead {
        let rate = Rate {
            max_events: 2,
            window: Duration::from_secs(4),
        };
        ReadAhead::new(100, rate)
    }

    fn text(text: &str) -> InboundMessage {
        InboundMessage::Text(text.to_owned())
    }

    #[test]
    fn reads_on_until_it_holds_enough_bytes_or_messages() {
        let mut bytes = ahead();
        assert!(bytes.push(text(&"x".repeat(99))).is_none());
        assert!(bytes.wants_more());
        bytes.push(text("x"));
        assert!(!bytes.wants_more());
        assert!(bytes.pop().is_some() && bytes.wants_more());
        let mut messages = ahead();
        for _ in 0..MAX_MESSAGES {
            assert!(messages.wants_more());
            messages.push(InboundMessage::Control);
        }
        assert!(!messages.wants_more());
    }

    #[test]
    fn reads_nothing_behind_the_last_message() {
        let mut ahead = ahead();
        ahead.push(InboundMessage::End(Ending::Closed(1000)));
        assert!(!ahead.wants_more());
    }

    #[test]
    fn answers_pings_early_within_the_rate_and_keeps_their_place() {
        let mut ahead = ahead();
        for number in 0..3 {
            assert_eq!(ahead.push(text(PING)), Some(PING));
            assert_eq!(ahead.take_ping(Duration::ZERO), number < 2);
        }
        assert!(matches!(ahead.pop(), Some(InboundMessage::Control)));
        assert!(matches!(ahead.pop(), Some(InboundMessage::Control)));
        assert!(matches!(ahead.pop(), Some(InboundMessage::Text(_))));
        assert_eq!(ahead.bytes, 0);
    }
}
