//! One entry of the page's live list: the parts of an observation that the page shows, and their JSON.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::id::{ClientId, RoomId, UserId};
use crate::protocol::write_event_message;
use crate::runtime::Observation;

/// An observation in the page's list.
#[derive(Debug)]
pub(super) enum Entry {
    Event {
        recipients: usize,
        frame: Bytes,
    },
    Joined(MemberChange),
    Left(MemberChange),
    Created {
        room: RoomId,
        name: String,
        max_size: Option<usize>,
    },
    Deleted {
        room: RoomId,
    },
    Erased {
        room: RoomId,
        seqs: Arc<[u64]>,
    },
}

/// A client that joined or left a room.
#[derive(Debug)]
pub(super) struct MemberChange {
    room: RoomId,
    client: ClientId,
    user: UserId,
    /// How many clients are in the room now.
    size: usize,
}

impl Entry {
    /// The entry of an observation. `None` if the page does not list observations of this kind.
    pub(super) fn of(observation: &Observation) -> Option<Self> {
        Some(match observation {
            Observation::Event(event) => Self::Event {
                recipients: event.recipients,
                frame: event.shared_frame().clone(),
            },
            Observation::Joined {
                room,
                client,
                user,
                size,
            } => Self::Joined(MemberChange::of(room, client, user, *size)),
            Observation::Left {
                room,
                client,
                user,
                size,
                ..
            } => Self::Left(MemberChange::of(room, client, user, *size)),
            Observation::RoomCreated { room, name, max_size } => Self::Created {
                room: room.clone(),
                name: name.as_ref().to_owned(),
                max_size: *max_size,
            },
            Observation::Erased { room, seqs } => Self::Erased {
                room: room.clone(),
                seqs: Arc::clone(seqs),
            },
            Observation::RoomDeleted { room } => Self::Deleted { room: room.clone() },
            _ => return None,
        })
    }

    /// Its size in the buffer: the bytes of an event's frame, or of numbers. All other parts are small.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Event { frame, .. } => frame.len(),
            Self::Erased { seqs, .. } => size_of_val(seqs.as_ref()),
            _ => 0,
        }
    }

    /// Appends its JSON. `at` is its time, in milliseconds since the Unix epoch. JSON escapes line breaks, so an entry
    /// stays on one line.
    pub(super) fn write(&self, text: &mut Vec<u8>, at: u64) {
        let (kind, fields) = match self {
            Self::Event { recipients, frame } => {
                let bytes = frame.len();
                let head = format!("{{\"kind\":\"event\",\"recipients\":{recipients},\"bytes\":{bytes},\"message\":");
                text.extend_from_slice(head.as_bytes());
                write_event_message(text, frame);
                text.push(b'}');
                return;
            }
            Self::Joined(member) => ("joined", member.fields()),
            Self::Left(member) => ("left", member.fields()),
            Self::Created { room, name, max_size } => {
                ("created", json!({ "roomId": room, "name": name, "maxSize": max_size }))
            }
            Self::Erased { room, seqs } => ("erased", json!({ "roomId": room, "seqs": seqs.as_ref() })),
            Self::Deleted { room } => ("deleted", json!({ "roomId": room })),
        };
        text.extend_from_slice(format!("{{\"kind\":\"{kind}\",\"at\":{at},").as_bytes());
        text.extend_from_slice(fields.to_string().get(1..).unwrap_or_default().as_bytes());
    }
}

impl MemberChange {
    fn of(room: &RoomId, client: &ClientId, user: &UserId, size: usize) -> Self {
        Self {
            room: room.clone(),
            client: client.clone(),
            user: user.clone(),
            size,
        }
    }

    fn fields(&self) -> Value {
        json!({ "roomId": self.room, "clientId": self.client, "userId": self.user, "size": self.size })
    }
}
