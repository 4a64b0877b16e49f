//! The handlers of what happens to a client outside of its rooms.

use std::future::Future;

use serde_json::Value;

use super::client::DialogueClient;
use crate::client::error::ClientError;
use crate::client::events::RoomHistory;
use crate::client::handler::ClientSubscription;
use crate::client::listeners::StartAt;
use crate::client::notice::{ClientNotice, Disconnection};
use crate::client::replies::RoomInfo;
use crate::containment::HookOutcome;
use crate::event::{DialogueEvent, Received};
use crate::id::{EventName, RoomId};

impl DialogueClient {
    /// Runs `handler` each time the client is connected. Rooms may still be on their way back: see
    /// [`Joined::on_recovered`](crate::Joined::on_recovered). For the first connection too if the client was set up
    /// [in the background](crate::ClientBuilder::in_background).
    pub fn on_connect<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::Connected),
            move |_| Some(handler()),
        )
    }

    /// Runs `handler` each time the connection is lost.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(Disconnection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::Disconnected(_)),
            move |notice| match notice {
                ClientNotice::Disconnected(disconnection) => Some(handler(disconnection)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each error that is no request's: an attempt to connect that failed, credentials that were not
    /// renewed, a room that the client was not let back into, a server that does not keep to the protocol.
    pub fn on_error<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(ClientError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::Error(_)),
            move |notice| match notice {
                ClientNotice::Error(error) => Some(handler(error)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that somebody else, or the server, has created.
    pub fn on_room_created<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomInfo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::RoomCreated(_)),
            move |notice| match notice {
                ClientNotice::RoomCreated(room) => Some(handler(room)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that somebody else, or the server, has deleted.
    pub fn on_room_deleted<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomId) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::RoomDeleted(_)),
            move |notice| match notice {
                ClientNotice::RoomDeleted(room) => Some(handler(room)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that the server takes the client into by itself: [`room`](Self::room) finds it.
    pub fn on_joined<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomId) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::Joined(_)),
            move |notice| match notice {
                ClientNotice::Joined(room) => Some(handler(room)),
                _ => None,
            },
        )
    }

    /// Runs `handler` with the recent events of each room that receives the client with some, at its first join. The room's
    /// own handlers and streams are given them too.
    pub fn on_history<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomHistory) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::History(..)),
            move |notice| match notice {
                ClientNotice::History(history, _) => Some(handler(history)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each `E` that the server sends to this client, or to all, outside of any room. What is not of its
    /// type is logged.
    pub fn on_direct<E, F, Fut>(&self, handler: F) -> ClientSubscription
    where
        E: DialogueEvent,
        F: Fn(E) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::Direct(event, ..) if event == E::NAME),
            move |notice| match notice {
                ClientNotice::Direct(event, data, _) => match <E as Received>::decode(&event, &data) {
                    Ok(event) => Some(handler(event)),
                    Err(error) => {
                        tracing::warn!(%error, "a direct event was dropped");
                        None
                    }
                },
                _ => None,
            },
        )
    }

    /// Runs `handler` with the name and the data of every such event.
    pub fn on_any_direct<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(EventName, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, ClientNotice::Direct(..)),
            move |notice| match notice {
                ClientNotice::Direct(event, data, _) => Some(handler(event, data)),
                _ => None,
            },
        )
    }

    fn on<F, Fut>(&self, wants: fn(&ClientNotice) -> bool, handler: F) -> ClientSubscription
    where
        F: Fn(ClientNotice) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.shared
            .notices
            .handle(&self.shared.runtime, StartAt::Now, wants, handler)
    }
}
