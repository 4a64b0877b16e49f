//! The client's handle.

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

/// How many rooms are listed before whoever asks decides whether to go on: some megabytes.
const MAX_LISTED: usize = 10_000;

/// A client of a Dialogue server. A cheap clone of one connection.
///
/// See the [module](crate::client) for how it behaves. The connection stays until [`disconnect`](Self::disconnect), until the
/// server ends it for good, or until the last handle is dropped: of the client, a [`Joined`] room, a stream or a request. A
/// handler that holds one keeps it too.
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

    /// Ends the connection, and waits until it has ended. Requests that wait fail, handlers and streams end; the client does
    /// not come back.
    ///
    /// # Cancel safety
    ///
    /// Dropped once it is awaited, the connection ends all the same.
    pub async fn disconnect(&self) {
        self.shared.closing.cancel();
        self.closed().await;
    }

    /// Waits until the connection has ended for good, and says why.
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
                // The runtime is gone, and the connection with it.
                return CloseReason::ByClient;
            }
        }
    }

    /// Whether the client is connected.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.shared.states.borrow().clone()
    }

    /// The same as a stream, the present state first.
    pub fn states(&self) -> ConnectionStates {
        ConnectionStates::new(self.shared.states.clone())
    }

    /// Whether it is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.shared.states.borrow() == ConnectionState::Connected
    }

    /// The user that the server takes this client for; `None` before the first connection.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.user_id.clone())
    }

    /// The id of the connection, each with another one; `None` before the first.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.client_id.clone())
    }

    /// What changes whenever the server's declared rooms or events do; `None` before the first connection.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.fingerprint.clone())
    }

    /// Joins a room: a room type, or [`AnyRoom`] for one that is not known when the program is compiled. Await the result.
    /// A room that the client is in already is joined once more: its subscriptions are replaced if they are given, for what comes
    /// from then on, and nothing is told again.
    pub fn join<R: RoomRef>(&self, room: R) -> Join<R> {
        Join::new(&self.shared, room)
    }

    /// Joins a room by its id: [`join`](Self::join) of [`AnyRoom`].
    pub fn join_id(&self, id: impl Into<RoomId>) -> Join<AnyRoom> {
        self.join(AnyRoom(id.into()))
    }

    /// A room that the client is in, on its way back included; also one that the server has taken it into.
    #[must_use]
    pub fn room<R: RoomRef>(&self, room: R) -> Option<Joined<R>> {
        let shared = self.shared.rooms.lock().get(&room.room_id()).cloned()?;
        Some(Joined::new(Arc::clone(&self.shared), room, shared))
    }

    /// The rooms that the client is in, on their way back included.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomId> {
        self.shared.rooms.lock().keys().cloned().collect()
    }

    /// Asks for the server's rooms, in the order of their ids: all, by as many requests as the server's pages take. After
    /// 10,000 it stops, and [`RoomList::more`] says so.
    pub fn list_rooms(&self) -> Asking<RoomList> {
        self.list(None)
    }

    /// The same from behind this room on, such as the last one of a list that has more.
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
                // A server that has more and gives none would be asked for ever.
                let goes_on = more && !page.is_empty();
                rooms.extend(page.into_iter().map(RoomInfo::from));
                if !goes_on || rooms.len() >= MAX_LISTED {
                    return Ok(RoomList { rooms, more });
                }
                after = rooms.last().map(|room| room.id.clone());
            }
        })
    }

    /// Creates a room of a family that clients may create rooms of. It does not join it. Await the result.
    pub fn create_room(&self, room: impl RoomRef) -> RoomRequest {
        RoomRequest::new(&self.shared, room.room_id())
    }

    /// Deletes a room that this user has created.
    pub fn delete_room(&self, room: impl RoomRef) -> Asking<()> {
        let (client, room_id) = (Arc::clone(&self.shared), room.room_id());
        Asking::new(async move { client.ask(Command::DeleteRoom { room_id }).await.map(|_| ()) })
    }

    /// Why the client is closed.
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
