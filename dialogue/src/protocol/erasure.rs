//! What remains of an erased event: its envelope, without the data and the metadata.
//!
//! Owns the form of an erased event's text. Logs keep this text in place of the earlier one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::Value;

use super::event_frame::OPENING;
use super::json;
use crate::id::{EventName, RoomId, UserId};

/// The envelope of a kept event. Reading it skips the data and the metadata, however deep and however long they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptEnvelope {
    event: EventName,
    room_id: RoomId,
    from: UserId,
    timestamp: u64,
    seq: Option<u64>,
    #[serde(default)]
    erased: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErasedEnvelope<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    event: &'a EventName,
    room_id: &'a RoomId,
    data: Value,
    from: &'a UserId,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    erased: bool,
}

/// Writes the erased form of a kept event: `data` is `null`, there is no `meta`, and `erased` is `true`. Everything else
/// stays. `kept` is the event's live frame or the JSON text of its [`EventMessage`](crate::EventMessage), and the answer
/// has the same form.
///
/// Returns `None` if the event is erased already. An event that cannot be read has no sender to keep, so an error says so.
pub(crate) fn erased(kept: &[u8]) -> Result<Option<Bytes>, serde_json::Error> {
    let envelope: KeptEnvelope = serde_json::from_slice(kept)?;
    if envelope.erased {
        return Ok(None);
    }
    let mut text = Vec::with_capacity(256);
    json::write(
        &mut text,
        &ErasedEnvelope {
            kind: kept.starts_with(OPENING).then_some("event"),
            event: &envelope.event,
            room_id: &envelope.room_id,
            data: Value::Null,
            from: &envelope.from,
            timestamp: envelope.timestamp,
            seq: envelope.seq,
            erased: true,
        },
    );
    // Logs keep it for a long time, so it uses no more memory than it needs.
    Ok(Some(Bytes::from(text.into_boxed_slice())))
}

/// Whether a kept event has this sender and is not erased. An event that cannot be read has no sender.
pub(crate) fn is_unerased_of(kept: &[u8], user: &UserId) -> bool {
    serde_json::from_slice(kept).is_ok_and(|envelope: KeptEnvelope| envelope.from == *user && !envelope.erased)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::event::EventMessage;
    use crate::protocol::{EventHead, arbitrary};

    #[test]
    fn the_erased_form_of_a_live_frame_is_a_live_frame() {
        let kept = br#"{"type":"event","event":"message","roomId":"chat","data":{"text":"hi"},"from":"ada","timestamp":17,"meta":{"device":"phone"},"seq":58}"#;
        let erased = erased(kept).unwrap().unwrap();
        assert_eq!(
            erased.as_ref(),
            br#"{"type":"event","event":"message","roomId":"chat","data":null,"from":"ada","timestamp":17,"seq":58,"erased":true}"#
        );
    }

    #[test]
    fn erases_data_that_is_too_deep_to_be_read() {
        let deep = format!(
            r#"{{"event":"m","roomId":"r","data":{}{},"from":"ada","timestamp":1}}"#,
            "[".repeat(5_000),
            "]".repeat(5_000)
        );
        let erased = erased(deep.as_bytes()).unwrap().unwrap();
        let message: EventMessage = serde_json::from_slice(&erased).unwrap();
        assert_eq!((message.data, message.erased), (Value::Null, true));
    }

    #[test]
    fn text_that_is_no_event_is_an_error() {
        for text in [
            "",
            "null",
            "[]",
            r#"{"event":"m"}"#,
            r#"{"event":"m","roomId":"r","data":1,"timestamp":1}"#,
        ] {
            assert!(erased(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn only_the_data_and_the_metadata_go(message in arbitrary::message()) {
            let frame = EventHead::of(&message).prepare().finish(message.seq).text;
            let text = serde_json::to_vec(&message).unwrap();
            let expected = EventMessage { data: Value::Null, meta: None, erased: true, ..message.clone() };
            let other = UserId::from(format!("{}x", message.from));
            for kept in [frame.as_ref(), text.as_slice()] {
                prop_assert!(is_unerased_of(kept, &message.from));
                prop_assert!(!is_unerased_of(kept, &other));
                let erased = erased(kept).unwrap().expect("not erased before");
                let read: EventMessage = serde_json::from_slice(&erased).unwrap();
                prop_assert_eq!(&read, &expected);
                prop_assert_eq!(erased.starts_with(OPENING), kept.starts_with(OPENING));
                prop_assert!(!is_unerased_of(&erased, &message.from));
                prop_assert_eq!(super::erased(&erased).unwrap(), None, "erasing twice changes nothing");
                let mut listed = Vec::new();
                crate::protocol::event_frame::write_message(&mut listed, &erased);
                prop_assert_eq!(
                    serde_json::from_slice::<Value>(&listed).unwrap(),
                    json!(expected),
                    "joined and history list it like any event"
                );
            }
        }
    }
}
