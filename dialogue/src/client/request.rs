//! Requests as futures, and what they are built from.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::client::Shared;
use super::error::ClientError;
use super::joined::Joined;
use super::pending::Answer;
use super::replies::{Ack, RoomInfo};
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinCommand, NewRoom, SubscriptionList, TriggerCommand};
use crate::room::RoomRef;
use crate::schema::Violation;

/// A request on its way: await it.
///
/// # Cancel safety
///
/// Nothing has happened before it is awaited. Dropped before it is sent, it is not sent; dropped later, the server carries it
/// out all the same, and only its answer is lost.
#[must_use = "nothing is asked until this is awaited"]
pub struct Asking<T>(BoxFuture<'static, Result<T, ClientError>>);

impl<T> Asking<T> {
    pub(super) fn new(asking: impl Future<Output = Result<T, ClientError>> + Send + 'static) -> Self {
        Self(Box::pin(asking))
    }
}

impl<T> Future for Asking<T> {
    type Output = Result<T, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

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
    client: Arc<Shared>,
    draft: Result<TriggerCommand, ClientError>,
}

impl Triggering {
    pub(super) fn new(
        client: &Arc<Shared>,
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

/// A join to be made: what [`DialogueClient::join`](crate::DialogueClient::join) returns. Await it.
///
/// # Cancel safety
///
/// Dropped before it is sent, it is not sent. Dropped later, the client gets into the room all the same:
/// [`DialogueClient::room`](crate::DialogueClient::room) finds it.
#[must_use = "nothing is joined until this is awaited"]
pub struct Join<R> {
    client: Arc<Shared>,
    room: R,
    subscriptions: Option<SubscriptionList>,
}

impl<R: RoomRef> Join<R> {
    pub(super) fn new(client: &Arc<Shared>, room: R) -> Self {
        Self {
            client: Arc::clone(client),
            room,
            subscriptions: None,
        }
    }

    /// Subscribes to these events, by name, in place of the room's default; `"*"` stands for all.
    pub fn subscriptions<N: Into<EventName>>(mut self, events: impl IntoIterator<Item = N>) -> Self {
        let mut subscriptions = SubscriptionList::default();
        for event in events {
            let event = event.into();
            if event == "*" {
                subscriptions.wildcard = true;
            } else {
                subscriptions.events.insert(event);
            }
        }
        self.subscriptions = Some(subscriptions);
        self
    }

    /// Subscribes to every event of the room.
    pub fn subscribe_all(self) -> Self {
        self.subscriptions(["*"])
    }
}

impl<R: RoomRef + Send + 'static> IntoFuture for Join<R> {
    type Output = Result<Joined<R>, ClientError>;
    type IntoFuture = Asking<Joined<R>>;

    fn into_future(self) -> Self::IntoFuture {
        Asking::new(async move {
            let join = JoinCommand {
                room_id: self.room.room_id(),
                subscriptions: self.subscriptions,
                since: None,
            };
            match self.client.ask(Command::Join(join)).await? {
                Answer::Joined(shared) => Ok(Joined::new(self.client, self.room, shared)),
                other => Err(unexpected(&other)),
            }
        })
    }
}

impl<R> fmt::Debug for Join<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}

/// A room to be created: what [`DialogueClient::create_room`](crate::DialogueClient::create_room) returns. Await it.
///
/// # Cancel safety
///
/// That of [`Asking`].
#[must_use = "nothing is created until this is awaited"]
pub struct RoomRequest {
    client: Arc<Shared>,
    room: NewRoom,
}

impl RoomRequest {
    pub(super) fn new(client: &Arc<Shared>, id: RoomId) -> Self {
        Self {
            client: Arc::clone(client),
            room: NewRoom {
                id,
                name: None,
                description: None,
                max_size: None,
            },
        }
    }

    /// Its name for people, in place of the family's: 1 to 256 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.room.name = Some(name.into());
        self
    }

    /// What it is for: 1 to 2,048 bytes.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.room.description = Some(description.into());
        self
    }

    /// How many clients may be in it, at least 1.
    pub fn max_size(mut self, clients: usize) -> Self {
        self.room.max_size = Some(clients);
        self
    }
}

impl IntoFuture for RoomRequest {
    type Output = Result<RoomInfo, ClientError>;
    type IntoFuture = Asking<RoomInfo>;

    fn into_future(self) -> Asking<RoomInfo> {
        Asking::new(async move {
            match self.client.ask(Command::CreateRoom { room: self.room }).await? {
                Answer::Room(room) => Ok(room.into()),
                other => Err(unexpected(&other)),
            }
        })
    }
}

impl fmt::Debug for RoomRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomRequest")
            .field("id", &self.room.id)
            .finish_non_exhaustive()
    }
}

/// The session matches answers with requests; one that does not match does not come this far.
pub(super) fn unexpected(answer: &Answer) -> ClientError {
    ClientError::Protocol(format!("the server answered another request: {answer:?}"))
}
