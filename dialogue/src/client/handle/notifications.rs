//! The methods that register handlers for notices, such as a lost connection or a new room.

use std::future::Future;

use serde_json::Value;

use super::client::DialogueClient;
use crate::chain::Chain;
use crate::client::error::ClientError;
use crate::client::events::RoomHistory;
use crate::client::handler::ClientSubscription;
use crate::client::listeners::StartAt;
use crate::client::notice::{ClientNotice, Disconnection};
use crate::client::replies::RoomInfo;
use crate::event::{DialogueEvent, Received};
use crate::hook::HookOutcome;
use crate::id::{EventName, RoomId};

impl DialogueClient {
    /// Runs `handler` each time the client has connected. Rooms may still be rejoining: see
    /// [`Joined::on_recovered`](crate::client::Joined::on_recovered). It also runs for the first connection if the
    /// client connects [in the background](crate::client::ClientBuilder::in_background).
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

    /// Runs `handler` for each error that belongs to no request: a failed attempt to connect, credentials that were not
    /// renewed, a room that did not let the client back in, or a server that violates the protocol.
    ///
    /// Each failed attempt is a [`ClientError::Connect`], which names the URL and the cause. The last 16 errors are kept
    /// for the first handler, so that a client that connects [in the
    /// background](crate::client::ClientBuilder::in_background) fails silently at no time.
    pub fn on_error<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(ClientError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on_from(
            StartAt::Backlog,
            |notice| matches!(notice, ClientNotice::Error(_)),
            move |notice| match notice {
                ClientNotice::Error(error) => Some(handler(error)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that the server or another user has created.
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

    /// Runs `handler` for each room that the server or another user has deleted.
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

    /// Runs `handler` for each room that the server adds the client to; [`room`](Self::room) returns the room.
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

    /// Runs `handler` with the recent events of a room, when the client joins it for the first time and the room sends
    /// some. The room's own handlers and streams receive them too.
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

    /// Runs `handler` for each `E` that the server sends to this client, or to all clients, outside of any room. Data
    /// that does not decode as `E` is logged.
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
                        tracing::warn!(error = %Chain(&error), "dropped a direct event that does not decode");
                        None
                    }
                },
                _ => None,
            },
        )
    }

    /// Runs `handler` for every such event, with its name and data.
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
        self.on_from(StartAt::Now, wants, handler)
    }

    fn on_from<F, Fut>(&self, start: StartAt, wants: fn(&ClientNotice) -> bool, handler: F) -> ClientSubscription
    where
        F: Fn(ClientNotice) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.shared.notices.handle(&self.shared.runtime, start, wants, handler)
    }
}
