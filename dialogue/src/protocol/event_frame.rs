//! The frame of an event. It is encoded once, then shared by every subscriber and by the room's history.
//!
//! Encoding takes two steps. The room assigns the number under its lock, but the payload can be encoded before that.

use std::cell::RefCell;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::header::{Header, MAX_HEADER};
use super::json;
use crate::event::EventMessage;
use crate::id::{EventName, RoomId, UserId};

/// How a live frame begins, before the fields of the `EventMessage`. No `EventMessage` begins like this, because its
/// first field is `event`.
pub(super) const OPENING: &[u8] = br#"{"type":"event","#;

/// The most bytes that [`PreparedEvent::finish`] appends: `,"seq":`, the 20 digits of the highest number, and `}`.
const CLOSING_BYTES: usize = 28;

/// How much memory a thread keeps for encoding frames, in bytes.
const SCRATCH_BYTES: usize = 16 * 1024;

thread_local! {
    /// A frame is encoded here while its length is unknown. A new buffer would have to grow, and would be copied each
    /// time.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Appends an event in the form that `joined` and `history` list, `{"event":…}`. `kept` is the event's live frame or the
/// JSON text of its [`EventMessage`]. The history can therefore keep the live frame and share its memory.
pub(crate) fn write_message(out: &mut Vec<u8>, kept: &[u8]) {
    match kept.strip_prefix(OPENING) {
        Some(fields) => {
            out.push(b'{');
            out.extend_from_slice(fields);
        }
        None => out.extend_from_slice(kept),
    }
}

/// An event without its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventHead<'a> {
    pub(crate) event: &'a EventName,
    pub(crate) room_id: &'a RoomId,
    pub(crate) data: &'a Value,
    pub(crate) from: &'a UserId,
    /// Milliseconds since the Unix epoch.
    pub(crate) timestamp: u64,
    pub(crate) meta: Option<&'a Map<String, Value>>,
}

impl<'a> EventHead<'a> {
    /// Everything in an envelope except its number.
    pub(crate) fn of(message: &'a EventMessage) -> Self {
        Self {
            event: &message.event,
            room_id: &message.room_id,
            data: &message.data,
            from: &message.from,
            timestamp: message.timestamp,
            meta: message.meta.as_ref(),
        }
    }

    /// Encodes the event, and leaves space for the number.
    pub(crate) fn prepare(&self) -> PreparedEvent {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            self.write(scratch);
            // The history may keep the frame for a long time, so the frame uses no more memory than it needs.
            let mut text = Vec::with_capacity(scratch.len() + CLOSING_BYTES);
            text.extend_from_slice(scratch);
            if scratch.capacity() > SCRATCH_BYTES {
                *scratch = Vec::new();
            }
            PreparedEvent(text)
        })
    }

    fn write(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(&[0; MAX_HEADER]);
        text.extend_from_slice(OPENING);
        text.extend_from_slice(br#""event":"#);
        json::write(text, self.event);
        text.extend_from_slice(br#","roomId":"#);
        json::write(text, self.room_id);
        text.extend_from_slice(br#","data":"#);
        json::write(text, self.data);
        text.extend_from_slice(br#","from":"#);
        json::write(text, self.from);
        text.extend_from_slice(br#","timestamp":"#);
        json::write(text, &self.timestamp);
        if let Some(meta) = self.meta {
            text.extend_from_slice(br#","meta":"#);
            json::write(text, meta);
        }
    }
}

/// An event's frame, encoded once. Both fields share the same memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventFrame {
    /// The whole WebSocket frame with its header. Every subscriber receives these bytes.
    pub(crate) wire: Bytes,
    /// The text alone. The history keeps it.
    pub(crate) text: Bytes,
}

impl EventFrame {
    /// The frame with this text. Copies it.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        let header = Header::of_text(text.len());
        let wire = Bytes::from([header.as_slice(), text].concat());
        Self {
            text: wire.slice(header.as_slice().len()..),
            wire,
        }
    }
}

/// An event's frame that still needs its number. It begins with space for the frame's header.
#[derive(Debug)]
#[must_use = "an event is only sent once it is finished"]
pub(crate) struct PreparedEvent(Vec<u8>);

impl PreparedEvent {
    /// The length of the frame's text so far, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len() - MAX_HEADER
    }

    /// The frame's text so far: without number and last brace.
    #[cfg(feature = "redis")]
    pub(crate) fn text(&self) -> &[u8] {
        &self.0[MAX_HEADER..]
    }

    /// The live frame, `{"type":"event","event":…}`. An event has a number if the history keeps its type, and the history
    /// may keep this text. Allocates no memory and copies no text.
    pub(crate) fn finish(mut self, seq: Option<u64>) -> EventFrame {
        if let Some(seq) = seq {
            self.write_number(seq);
        }
        self.0.push(b'}');
        self.into_frame()
    }

    fn write_number(&mut self, seq: u64) {
        self.0.extend_from_slice(br#","seq":"#);
        json::write(&mut self.0, &seq);
    }

    fn into_frame(mut self) -> EventFrame {
        let header = Header::of_text(self.len());
        let begin = MAX_HEADER - header.as_slice().len();
        self.0[begin..MAX_HEADER].copy_from_slice(header.as_slice());
        let all = Bytes::from(self.0);
        EventFrame {
            wire: all.slice(begin..),
            text: all.slice(MAX_HEADER..),
        }
    }
}

/// An event's frame whose number can still change. A store numbers an event in a transaction, which may have to begin
/// again.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub(crate) struct NumberedEvent {
    event: PreparedEvent,
    /// Where the number begins.
    unnumbered: usize,
}

#[cfg(feature = "sqlite")]
impl NumberedEvent {
    pub(crate) fn new(event: PreparedEvent) -> Self {
        let unnumbered = event.0.len();
        Self { event, unnumbered }
    }

    /// The length of the text without its number, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.unnumbered - MAX_HEADER
    }

    /// The text of the live frame with this number. Replaces an earlier number.
    pub(crate) fn number(&mut self, seq: u64) -> &[u8] {
        self.event.0.truncate(self.unnumbered);
        self.event.write_number(seq);
        self.event.0.push(b'}');
        &self.event.0[MAX_HEADER..]
    }

    /// The live frame with its last number.
    pub(crate) fn finish(self) -> EventFrame {
        self.event.into_frame()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::arbitrary;

    fn prepared(data: &Value) -> PreparedEvent {
        EventHead {
            event: &"message".into(),
            room_id: &"chat".into(),
            data,
            from: &"ada".into(),
            timestamp: 1_700_000_000_000,
            meta: None,
        }
        .prepare()
    }

    #[test]
    fn an_event_without_history_has_no_number() {
        let frame = prepared(&json!({ "text": "hi" })).finish(None).text;
        assert_eq!(
            frame.as_ref(),
            br#"{"type":"event","event":"message","roomId":"chat","data":{"text":"hi"},"from":"ada","timestamp":1700000000000}"#
        );
    }

    #[test]
    fn the_number_fits_the_reserved_space() {
        for length in 0..600 {
            let prepared = prepared(&json!("x".repeat(length)));
            let (text, spare) = (prepared.len(), prepared.0.capacity() - prepared.0.len());
            let frame = prepared.finish(Some(u64::MAX)).text;
            assert!(frame.ends_with(br#","seq":18446744073709551615}"#));
            assert!(frame.len() - text <= spare, "adding the number allocates nothing");
        }
    }

    #[test]
    fn a_frame_uses_little_more_memory_than_its_length() {
        for length in 0..3_000 {
            let prepared = prepared(&json!("x".repeat(length)));
            let filled = prepared.0.len();
            assert!(prepared.0.capacity() <= filled + filled / 4 + CLOSING_BYTES, "{length}");
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_number_can_change_until_the_frame_is_finished() {
        let data = json!("x".repeat(200));
        let mut numbered = NumberedEvent::new(prepared(&data));
        for seq in [u64::MAX, 1, 20] {
            let whole = prepared(&data).finish(Some(seq)).text;
            assert_eq!(numbered.number(seq), whole.as_ref());
        }
        assert_eq!(numbered.len(), prepared(&data).len());
        assert_eq!(numbered.finish(), prepared(&data).finish(Some(20)));
    }

    proptest! {
        #[test]
        fn any_event_reads_back_live_and_from_history(message in arbitrary::message()) {
            let EventFrame { wire, text: frame } = EventHead::of(&message).prepare().finish(message.seq);
            prop_assert_eq!(&EventFrame::of_text(&frame).wire, &wire);
            prop_assert_eq!(&wire, &[Header::of_text(frame.len()).as_slice(), frame.as_ref()].concat());
            let mut live: Map<String, Value> = serde_json::from_slice(&frame).unwrap();
            prop_assert_eq!(live.remove("type"), Some(json!("event")));
            let live: EventMessage = serde_json::from_value(live.into()).unwrap();
            prop_assert_eq!(&live, &message);
            let whole: EventMessage = serde_json::from_slice(&frame).unwrap();
            prop_assert_eq!(&whole, &message, "the history can decode the frame that it keeps");

            let text = serde_json::to_vec(&message).unwrap();
            for kept in [frame.as_ref(), text.as_slice()] {
                let mut listed = Vec::new();
                write_message(&mut listed, kept);
                prop_assert_eq!(&listed, &text);
            }
        }
    }
}
