//! The handle of a client.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::asking::Asking;
use super::create_room::RoomRequest;
use super::join::Join;
use super::joined::{AnyRoom, Joined};
use super::shared::ClientShared;
use crate::client::answer::{Answer, unexpected};
use crate::client::config::Config;
use crate::client::engine::FirstAttempt;
use crate::client::error::ClientError;
use crate::client::replies::{RoomInfo, RoomList};
use crate::client::state::{CloseReason, ConnectionState, ConnectionStates};
use crate::id::{ClientId, RoomId, UserId};
use crate::protocol::Command;
use crate::room::RoomRef;

/// How many rooms one call lists before the caller must decide to continue: some megabytes.
const MAX_LISTED: usize = 10_000;

/// A client of a Dialogue server: a cheap clone of one connection's handle.
///
/// See the [module](crate::client) for its behaviour. The connection stays open until [`disconnect`](Self::disconnect),
/// until the server closes it for good, or until the last handle is dropped. A client, a [`Joined`] room, a stream and
/// a request are all handles. A handler that holds one keeps the connection open too.
#[derive(Clone)]
pub struct DialogueClient {
    pub(super) shared: Arc<ClientShared>,
}

impl DialogueClient {
    pub(super) fn start(config: Config, runtime: Handle, first: FirstAttempt) -> Self {
        Self {
            shared: ClientShared::start(config, runtime, first),
        }
    }

    /// Closes the connection and waits until it is closed. Waiting requests fail, handlers and streams end, and the
    /// client does not reconnect.
    ///
    /// # Cancel safety
    ///
    /// Once this future has been polled, the connection closes even if the future is dropped.
    pub async fn disconnect(&self) {
        self.shared.closing.cancel();
        self.closed().await;
    }

    /// Waits until the connection is closed for good, and returns the reason.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub async fn closed(&self) -> CloseReason {
        let mut states = self.shared.states.clone();
        loop {
            if let ConnectionState::Closed(reason) = &*states.borrow_and_update() {
                return reason.clone();
            }
            if states.changed().await.is_err() {
                // The tokio runtime has ended, and the connection with it.
                return CloseReason::ByClient;
            }
        }
    }

    /// Makes the client act at once, for programs that know that the network is back or that the machine was asleep. If
    /// the client waits before its next attempt to connect, it connects now. If it is connected, it pings the server, and
    /// reconnects unless an answer comes within 2 s. Has an effect at most once a second.
    ///
    /// The client notices by itself, within about a second, that the machine was asleep: then the wall clock has run on
    /// while timers stood still.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// The state of the connection.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.shared.states.borrow().clone()
    }

    /// The state of the connection as a stream, starting with the current state.
    pub fn states(&self) -> ConnectionStates {
        ConnectionStates::new(self.shared.states.clone())
    }

    /// Whether the client is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.shared.states.borrow() == ConnectionState::Connected
    }

    /// The user that this client is on the server; `None` before the first connection.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.user_id.clone())
    }

    /// The id of the connection; each connection has its own. `None` before the first connection.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.client_id.clone())
    }

    /// A value that changes with the server's [contract](crate::contract); `None` before the first connection.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.fingerprint.clone())
    }

    /// Joins a room: a room type, or [`AnyRoom`] for a room that is unknown at compile time. Await the result.
    ///
    /// Each call returns its own handle, which gets the room's recent history. The client is in the room until the last
    /// handle [leaves](Joined::leave). If a further call names subscriptions, they are added to those that the client has
    /// for the other handles. Calls at the same time share one request. A join that the server refuses is not repeated.
    pub fn join<R: RoomRef>(&self, room: R) -> Join<R> {
        Join::new(&self.shared, room)
    }

    /// Joins a room by its id: [`join`](Self::join) with [`AnyRoom`].
    pub fn join_id(&self, id: impl Into<RoomId>) -> Join<AnyRoom> {
        self.join(AnyRoom(id.into()))
    }

    /// A room that the client is in or is rejoining, including rooms that the server added it to: a clone of the oldest
    /// handle that has not left.
    #[must_use]
    pub fn room<R: RoomRef>(&self, room: R) -> Option<Joined<R>> {
        let shared = self.shared.rooms.lock().get(&room.room_id()).cloned()?;
        Some(Joined::new(Arc::clone(&self.shared), room, shared))
    }

    /// The ids of the rooms that the client is in or is rejoining.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomId> {
        self.shared.rooms.lock().keys().cloned().collect()
    }

    /// Lists the server's rooms, sorted by id. The client asks for as many pages as the server has. It stops after
    /// 10,000 rooms, and [`RoomList::more`] says whether there are more.
    pub fn list_rooms(&self) -> Asking<RoomList> {
        self.list(None)
    }

    /// Lists the rooms after this one, such as the last room of a list that has more.
    pub fn list_rooms_after(&self, room: impl Into<RoomId>) -> Asking<RoomList> {
        self.list(Some(room.into()))
    }

    fn list(&self, mut after: Option<RoomId>) -> Asking<RoomList> {
        let client = Arc::clone(&self.shared);
        Asking::new(async move {
            let mut rooms: Vec<RoomInfo> = Vec::new();
            loop {
                let (page, more) = match client.ask(Command::ListRooms { after }).await? {
                    Answer::Rooms { rooms, more } => (rooms, more),
                    other => return Err(unexpected(&other)),
                };
                // A server that claims to have more but sends none would be asked forever.
                let goes_on = more && !page.is_empty();
                rooms.extend(page.into_iter().map(RoomInfo::from));
                if !goes_on || rooms.len() >= MAX_LISTED {
                    return Ok(RoomList { rooms, more });
                }
                after = rooms.last().map(|room| room.id.clone());
            }
        })
    }

    /// Creates a room of a family that allows clients to create rooms. The client does not join it. Await the result.
    pub fn create_room(&self, room: impl RoomRef) -> RoomRequest {
        RoomRequest::new(&self.shared, room.room_id())
    }

    /// Deletes a room that this user created.
    pub fn delete_room(&self, room: impl RoomRef) -> Asking<()> {
        let (client, room_id) = (Arc::clone(&self.shared), room.room_id());
        Asking::new(async move { client.ask(Command::DeleteRoom { room_id }).await.map(|_| ()) })
    }

    /// The error for requests to a closed client.
    pub(super) fn ended(&self) -> ClientError {
        self.shared.ended()
    }
}

impl fmt::Debug for DialogueClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialogueClient")
            .field("user_id", &self.user_id())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
