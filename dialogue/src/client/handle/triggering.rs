//! A request to trigger an event.

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

/// A request to trigger an event, returned by [`Joined::trigger`](crate::client::Joined::trigger). Await it.
///
/// The server carries it out at most once. It has a random idempotency key. If the connection is lost before the
/// answer, the client sends the trigger again once it has rejoined the room, and receives the outcome of the first one.
/// The client does so only where the server still knows the key: within 90 seconds, in the same epoch of the room, and
/// as the same user. Otherwise the outcome is unknown, and the error is [`ClientError::Disconnected`].
///
/// # Cancel safety
///
/// As for [`Asking`]: if the future is dropped before the request is sent, the request is not sent. If it is dropped
/// later, only the answer is lost.
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
            repeats: None,
        });
        Self {
            client: Arc::clone(client),
            draft,
        }
    }

    /// Sets the application's own key instead of a random one: 1 to 128 bytes. The server treats two triggers with the
    /// same user, room and key as one, for as long as it remembers the key (two minutes at least).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        if let Ok(draft) = &mut self.draft {
            draft.key = Some(key.into());
        }
        self
    }

    /// Sends the trigger without a key. After a lost connection it is not sent again, and fails.
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
