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
use crate::client::room_shared::RoomShared;
use crate::client::session::Demand;
use crate::id::EventName;
use crate::protocol::{Command, TriggerCommand};
use crate::schema::Violation;

/// A request to trigger an event, returned by [`Joined::trigger`](crate::client::Joined::trigger). Await it.
///
/// The server carries it out at most once. It has a random idempotency key. If the connection is lost before the
/// answer, the client sends the trigger again once it has rejoined the room, and receives the outcome of the first one.
/// The error is [`ClientError::OutcomeUnknown`] if the event may have been delivered and the client cannot repeat the
/// trigger. With a key, this happens:
///
/// - if the server does not remember the first attempt;
/// - if the room has another epoch, or the user is another one;
/// - if the client stops or is no longer in the room, or the request's timeout is over before it is back;
/// - with a server that does not know marked repetitions, if 90 seconds have passed since the first attempt.
///
/// If the server cannot take the trigger now (`UNAVAILABLE`, because its store or a hook has failed), the client repeats it
/// with the same key, after the time that the server asks for and a random time that grows, together at most 60 s. The
/// room's later triggers wait until then, except volatile ones. When the request's timeout is over,
/// or the client leaves the room, the trigger fails with this error, [`ClientError::Refused`] with the code
/// [`ErrorCode::Unavailable`](crate::protocol::ErrorCode::Unavailable). The event may have been stored. A trigger without a
/// key is not repeated, and fails with this error at once; then nothing has happened.
///
/// The client keeps to the rate that the server announces. A trigger waits for its time, and for other requests before
/// it.
///
/// # Cancel safety
///
/// As for [`Asking`]: if the future is dropped before the request is sent, the request is not sent. If it is dropped
/// later, only the answer is lost, and the client no longer repeats a trigger that the server cannot take.
#[must_use = "nothing is triggered until this is awaited"]
pub struct Triggering {
    client: Arc<ClientShared>,
    room: Arc<RoomShared>,
    draft: Result<TriggerCommand, ClientError>,
    is_volatile: bool,
}

impl Triggering {
    pub(super) fn new(
        client: &Arc<ClientShared>,
        room: &Arc<RoomShared>,
        event: EventName,
        data: Result<Value, Violation>,
        meta: Result<Option<Map<String, Value>>, Violation>,
    ) -> Self {
        let draft = data.and_then(|data| Ok((data, meta?)));
        let draft = draft.map_err(ClientError::Invalid).map(|(data, meta)| TriggerCommand {
            room_id: room.id.clone(),
            event,
            data,
            meta,
            key: Some(client.next_key()),
            repeats: None,
        });
        Self {
            client: Arc::clone(client),
            room: Arc::clone(room),
            draft,
            is_volatile: false,
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

    /// For an event that a newer one of its kind replaces, such as the position of a pointer: trigger it as often as you
    /// like. The client sends it as often as the server's rate allows for one event of one room, about 30 times a second
    /// by default. If a newer volatile trigger of the same event in the same room arrives before this one is sent, this
    /// one is dropped, and its [`Ack`] says so. Its place in the order of other triggers is not defined.
    ///
    /// It has no key. It fails at once with [`ClientError::Disconnected`] if the client is not connected or has not yet
    /// rejoined the room.
    ///
    /// # Cancel safety
    ///
    /// As for the other triggers: if the future is dropped while it waits, nothing is sent. To trigger without waiting,
    /// spawn it.
    pub fn volatile(mut self) -> Self {
        self.is_volatile = true;
        self.without_key()
    }

    /// Sends the trigger without a key. After a lost connection, or if the server cannot take it now, it is not sent
    /// again, and fails. If it was sent, and the connection is lost before the answer, the error is
    /// [`ClientError::OutcomeUnknown`].
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
            let trigger = self.draft?;
            let demand = if self.is_volatile {
                Demand::Volatile(trigger)
            } else {
                Demand::Request(Command::Trigger(trigger))
            };
            match self.client.ask_in(&self.room, demand).await? {
                Answer::Done { seq } => Ok(Ack { seq, superseded: false }),
                Answer::Superseded => Ok(Ack {
                    seq: None,
                    superseded: true,
                }),
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
