//! A trigger to be made.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::asking::Asking;
use super::shared::ClientShared;
use crate::client::answer::{Answer, unexpected};
use crate::client::error::ClientError;
use crate::client::replies::Ack;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, TriggerCommand};
use crate::schema::Violation;

/// A trigger to be made: what [`Joined::trigger`] returns. Await it.
///
/// The server carries it out at most once. It has a random key, by which the server knows a repetition: if the connection
/// is lost before the answer, the trigger is sent again when the client is back in the room, and answered with what the first
/// one came to. That is done only where the server still knows the key: within 90 seconds, in the same incarnation of the
/// room, and as the same user. Where it is not, the outcome is [`ClientError::Disconnected`], and unknown.
///
/// # Cancel safety
///
/// That of [`Asking`]: dropped before it is sent, it is not sent; dropped later, only its answer is lost.
#[must_use = "nothing is triggered until this is awaited"]
pub struct Triggering {
    client: Arc<ClientShared>,
    draft: Result<TriggerCommand, ClientError>,
}

impl Triggering {
    pub(super) fn new(
        client: &Arc<ClientShared>,
        room_id: &RoomId,
        event: EventName,
        data: Result<Value, Violation>,
        meta: Result<Option<Map<String, Value>>, Violation>,
    ) -> Self {
        let draft = data.and_then(|data| Ok((data, meta?)));
        let draft = draft.map_err(ClientError::Invalid).map(|(data, meta)| TriggerCommand {
            room_id: room_id.clone(),
            event,
            data,
            meta,
            key: Some(client.next_key()),
        });
        Self {
            client: Arc::clone(client),
            draft,
        }
    }

    /// Gives the trigger a key of the application's own, in place of a random one: 1 to 128 bytes. Two triggers of a user in a
    /// room with one key are one, so long as the server remembers it (two minutes at least).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        if let Ok(draft) = &mut self.draft {
            draft.key = Some(key.into());
        }
        self
    }

    /// Sends the trigger without a key: after a lost connection it is not repeated, and fails.
    pub fn without_key(mut self) -> Self {
        if let Ok(draft) = &mut self.draft {
            draft.key = None;
        }
        self
    }
}

impl IntoFuture for Triggering {
    type Output = Result<Ack, ClientError>;
    type IntoFuture = Asking<Ack>;

    fn into_future(self) -> Asking<Ack> {
        Asking::new(async move {
            match self.client.ask(Command::Trigger(self.draft?)).await? {
                Answer::Done { seq } => Ok(Ack { seq }),
                other => Err(unexpected(&other)),
            }
        })
    }
}

impl fmt::Debug for Triggering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triggering").finish_non_exhaustive()
    }
}
