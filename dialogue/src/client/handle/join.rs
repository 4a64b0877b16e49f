//! A request to join a room.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use super::asking::Asking;
use super::joined::Joined;
use super::shared::ClientShared;
use crate::client::answer::{Answer, unexpected};
use crate::client::error::ClientError;
use crate::id::EventName;
use crate::protocol::{Command, JoinCommand, SubscriptionList};
use crate::room::RoomRef;

/// A request to join a room, returned by [`DialogueClient::join`](crate::DialogueClient::join). Await it.
///
/// # Cancel safety
///
/// If the future is dropped before the request is sent, the request is not sent. If it is dropped later, the client
/// leaves the room again, unless another handle holds it.
#[must_use = "nothing is joined until this is awaited"]
pub struct Join<R> {
    client: Arc<ClientShared>,
    room: R,
    subscriptions: Option<SubscriptionList>,
}

impl<R: RoomRef> Join<R> {
    pub(super) fn new(client: &Arc<ClientShared>, room: R) -> Self {
        Self {
            client: Arc::clone(client),
            room,
            subscriptions: None,
        }
    }

    /// Subscribes to the events with these names, instead of the room's default. `"*"` means all events.
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
                except: Default::default(),
                since: None,
                erasures: Some(true),
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
