//! Text frames from a server into what a client acts on: the other direction of `reply`.
//!
//! A server is not trusted to be well-meaning: what is malformed is an error, and what a client would keep is bounded
//! here. A `type` that is not known is no error; later servers of this version may have some.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::code::ErrorCode;
use super::subscriptions::{SubscriptionList, WILDCARD};
use crate::event::EventMessage;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::schema::Violation;

/// The longest secret and the longest epoch that are kept, in bytes. A server's own have 32 and 16.
const MAX_TOKEN_BYTES: usize = 1_024;

/// The most subscriptions of one room that are kept: as many as a client may have in all by default.
const MAX_SUBSCRIPTIONS: usize = 1_000;

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Incoming {
    Connected(Welcome),
    Joined(JoinedRoom),
    Left {
        id: Option<i64>,
        room_id: RoomId,
        /// There if the server did it.
        reason: Option<String>,
    },
    Ok {
        id: i64,
        seq: Option<u64>,
    },
    History {
        id: Option<i64>,
        events: Vec<EventMessage>,
        more: bool,
    },
    Rooms {
        id: Option<i64>,
        rooms: Vec<ListedRoom>,
        more: bool,
    },
    RoomCreated {
        id: Option<i64>,
        room: ListedRoom,
    },
    RoomDeleted {
        id: Option<i64>,
        room_id: RoomId,
    },
    Pong {
        id: Option<i64>,
    },
    Event(EventMessage),
    Direct {
        event: EventName,
        data: Value,
    },
    Error(ErrorFrame),
    /// Of a type that this client does not know.
    #[serde(other)]
    Unknown,
}

/// The server's `connected`. Durations in milliseconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Welcome {
    pub(crate) id: Option<i64>,
    pub(crate) client_id: ClientId,
    pub(crate) user_id: UserId,
    #[serde(deserialize_with = "token")]
    pub(crate) resume: String,
    pub(crate) ping_interval: u64,
    pub(crate) max_message_bytes: usize,
    pub(crate) expires_in: Option<u64>,
    pub(crate) fingerprint: String,
}

/// The server's `joined`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JoinedRoom {
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "room_id")]
    pub(crate) room_id: RoomId,
    pub(crate) room_name: String,
    #[serde(deserialize_with = "subscriptions")]
    pub(crate) subscriptions: SubscriptionList,
    #[serde(deserialize_with = "token")]
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    /// There if `since` was sent.
    pub(crate) recovered: Option<bool>,
    /// Oldest first.
    pub(crate) events: Vec<EventMessage>,
}

/// What a server tells of a room.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedRoom {
    pub(crate) id: RoomId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) size: usize,
    pub(crate) max_size: Option<usize>,
    pub(crate) created_by_id: Option<UserId>,
}

/// The server's `error`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorFrame {
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "code")]
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) violations: Vec<Violation>,
    /// In milliseconds.
    pub(crate) retry_after: Option<u64>,
}

impl Incoming {
    /// Reads a frame.
    pub(crate) fn parse(text: &str) -> Result<Self, MalformedFrame> {
        // An array would do for serde: it takes a struct's fields in order as well.
        if !text.trim_start().starts_with('{') {
            return Err(MalformedFrame("it is not a JSON object".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| MalformedFrame(error.to_string()))
    }

    /// The request that it answers, if it answers one.
    pub(crate) fn id(&self) -> Option<i64> {
        match self {
            Self::Ok { id, .. } => Some(*id),
            Self::Connected(Welcome { id, .. })
            | Self::Joined(JoinedRoom { id, .. })
            | Self::Left { id, .. }
            | Self::History { id, .. }
            | Self::Rooms { id, .. }
            | Self::RoomCreated { id, .. }
            | Self::RoomDeleted { id, .. }
            | Self::Pong { id }
            | Self::Error(ErrorFrame { id, .. }) => *id,
            Self::Event(_) | Self::Direct { .. } | Self::Unknown => None,
        }
    }
}

/// Why a frame is none of this protocol.
#[derive(Debug, thiserror::Error)]
#[error("the server sent a malformed frame: {0}")]
pub(crate) struct MalformedFrame(String);

fn bounded<'de, D: Deserializer<'de>>(deserializer: D, fits: impl FnOnce(&str) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if fits(&text) {
        Ok(text)
    } else {
        Err(serde::de::Error::custom("a name or token is not one"))
    }
}

fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    bounded(deserializer, |text| text.len() <= MAX_TOKEN_BYTES)
}

fn room_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RoomId, D::Error> {
    bounded(deserializer, RoomId::is_valid).map(RoomId::from)
}

fn subscriptions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SubscriptionList, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let mut subscriptions = SubscriptionList::default();
    for name in names {
        if name == WILDCARD {
            subscriptions.wildcard = true;
        } else if EventName::is_valid(&name) && subscriptions.events.len() < MAX_SUBSCRIPTIONS {
            subscriptions.events.insert(name.into());
        } else {
            return Err(serde::de::Error::custom(
                "a subscription is none, or there are too many",
            ));
        }
    }
    Ok(subscriptions)
}

/// A code that is not known counts as a fault of the server.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(ErrorCode::from_wire(&text).unwrap_or(ErrorCode::Internal))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::reply::{LeftReason, RoomSummary, ServerFrame};
    use crate::protocol::{EventHead, arbitrary};

    fn read(frame: &ServerFrame<'_>) -> Incoming {
        Incoming::parse(std::str::from_utf8(&frame.encode()).unwrap()).unwrap()
    }

    #[test]
    fn reads_the_short_replies_as_the_server_writes_them() {
        let room = RoomId::from("chat");
        assert_eq!(
            read(&ServerFrame::Ok { id: 3, seq: Some(9) }),
            Incoming::Ok { id: 3, seq: Some(9) }
        );
        assert_eq!(read(&ServerFrame::Pong { id: Some(-1) }).id(), Some(-1));
        let left = read(&ServerFrame::Left {
            id: None,
            room_id: &room,
            reason: Some(LeftReason::RoomDeleted),
        });
        assert_eq!(
            left,
            Incoming::Left {
                id: None,
                room_id: room.clone(),
                reason: Some("roomDeleted".to_owned()),
            }
        );
        let deleted = read(&ServerFrame::RoomDeleted {
            id: Some(4),
            room_id: &room,
        });
        assert_eq!(
            deleted,
            Incoming::RoomDeleted {
                id: Some(4),
                room_id: room,
            }
        );
    }

    #[test]
    fn reads_connected_as_the_server_writes_it() {
        let (client_id, user_id) = ("c1".into(), "ada".into());
        let connected = read(&ServerFrame::Connected {
            id: None,
            protocol: 1,
            client_id: &client_id,
            user_id: &user_id,
            resume: "secret",
            ping_interval: Duration::from_secs(25),
            max_message_bytes: 65_536,
            expires_in: Some(Duration::from_millis(1_500)),
            fingerprint: "f",
        });
        let expected = Welcome {
            id: None,
            client_id,
            user_id,
            resume: "secret".to_owned(),
            ping_interval: 25_000,
            max_message_bytes: 65_536,
            expires_in: Some(1_500),
            fingerprint: "f".to_owned(),
        };
        assert_eq!(connected, Incoming::Connected(expected));
    }

    #[test]
    fn reads_rooms_as_the_server_writes_them() {
        let (id, ada) = (RoomId::from("own"), UserId::from("ada"));
        let room = RoomSummary {
            id: &id,
            name: "Own",
            description: Some("hers"),
            size: 3,
            max_size: Some(10),
            created_by_id: Some(&ada),
        };
        let expected = ListedRoom {
            id: id.clone(),
            name: "Own".to_owned(),
            description: Some("hers".to_owned()),
            size: 3,
            max_size: Some(10),
            created_by_id: Some(ada.clone()),
        };
        let created = read(&ServerFrame::RoomCreated { id: None, room });
        assert_eq!(
            created,
            Incoming::RoomCreated {
                id: None,
                room: expected.clone(),
            }
        );
        let listed = read(&ServerFrame::Rooms {
            id: Some(1),
            rooms: &[room],
            more: true,
        });
        assert_eq!(
            listed,
            Incoming::Rooms {
                id: Some(1),
                rooms: vec![expected],
                more: true,
            }
        );
    }

    #[test]
    fn reads_an_error_with_all_that_is_known_of_it_and_an_unknown_code_as_a_fault() {
        let violations = [Violation::type_mismatch("no")];
        let error = read(&ServerFrame::Error {
            id: Some(3),
            code: ErrorCode::ValidationFailed,
            message: "no",
            room_id: None,
            event: None,
            violations: &violations,
            retry_after: Some(Duration::from_secs(1)),
        });
        let expected = ErrorFrame {
            id: Some(3),
            code: ErrorCode::ValidationFailed,
            message: "no".to_owned(),
            violations: violations.to_vec(),
            retry_after: Some(1_000),
        };
        assert_eq!(error, Incoming::Error(expected));
        let unknown = Incoming::parse(r#"{"type":"error","code":"TEAPOT","message":"short and stout"}"#).unwrap();
        assert!(matches!(unknown, Incoming::Error(error) if error.code == ErrorCode::Internal));
    }

    #[test]
    fn a_type_that_is_not_known_is_no_error_and_what_is_no_frame_is_one() {
        assert_eq!(
            Incoming::parse(r#"{"type":"tomorrow","x":1}"#).unwrap(),
            Incoming::Unknown
        );
        for text in [
            "",
            "7",
            "[]",
            r#"["ok",1,null]"#,
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"ok"}"#,
            "{\"type\":\"pong\"} x",
        ] {
            assert!(Incoming::parse(text).is_err(), "{text}");
        }
        let deep = format!(r#"{{"type":"direct","event":"e","data":{}}}"#, "[".repeat(100_000));
        assert!(Incoming::parse(&deep).is_err(), "depth costs no stack");
    }

    #[test]
    fn what_would_be_kept_is_bounded() {
        let joined = |room: &str, epoch: &str, subscriptions: &[String]| {
            let frame = serde_json::json!({
                "type": "joined", "roomId": room, "roomName": "", "subscriptions": subscriptions, "epoch": epoch,
                "seq": 0, "events": [],
            });
            Incoming::parse(&frame.to_string())
        };
        let names = |number: usize| (0..number).map(|number| format!("e{number}")).collect::<Vec<_>>();
        assert!(joined("chat", "e", &names(1_000)).is_ok());
        assert!(joined("chat", "e", &names(1_001)).is_err());
        assert!(joined("no room", "e", &[]).is_err());
        assert!(joined("chat", &"e".repeat(MAX_TOKEN_BYTES + 1), &[]).is_err());
        assert!(joined("chat", "e", &["a name".to_owned()]).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Incoming::parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_events_are_read_as_the_server_writes_them(
            messages in prop::collection::vec(arbitrary::message(), 0..4),
            room_id in arbitrary::room_id(),
            wildcard: bool,
            events in prop::collection::btree_set(arbitrary::event_name(), 0..4),
            recovered: Option<bool>,
            seq: u64,
        ) {
            let frames: Vec<_> = messages.iter().map(|message| EventHead::of(message).prepare().finish(message.seq).text).collect();
            for (frame, message) in frames.iter().zip(&messages) {
                let live = Incoming::parse(std::str::from_utf8(frame).unwrap()).unwrap();
                prop_assert_eq!(live, Incoming::Event(message.clone()));
            }
            let subscriptions = SubscriptionList { wildcard, events };
            let joined = read(&ServerFrame::Joined {
                id: Some(1),
                room_id: &room_id,
                room_name: "Chat",
                subscriptions: &subscriptions,
                epoch: "e",
                seq,
                recovered,
                events: &frames,
            });
            let room_name = "Chat".to_owned();
            let epoch = "e".to_owned();
            let expected = JoinedRoom { id: Some(1), room_id: room_id.clone(), room_name, subscriptions, epoch, seq, recovered, events: messages.clone() };
            prop_assert_eq!(joined, Incoming::Joined(expected));
            let event = "message".into();
            let history = read(&ServerFrame::History { id: Some(2), room_id: &room_id, event: &event, more: true, events: &frames });
            prop_assert_eq!(history, Incoming::History { id: Some(2), events: messages, more: true });
        }
    }
}
