//! A request to create a room.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use super::asking::Asking;
use super::shared::ClientShared;
use crate::client::answer::{Answer, unexpected};
use crate::client::error::ClientError;
use crate::client::replies::RoomInfo;
use crate::id::RoomId;
use crate::protocol::{Command, NewRoom};

/// A request to create a room, returned by [`DialogueClient::create_room`](crate::DialogueClient::create_room). Await
/// it.
///
/// # Cancel safety
///
/// As for [`Asking`].
#[must_use = "nothing is created until this is awaited"]
pub struct RoomRequest {
    client: Arc<ClientShared>,
    room: NewRoom,
}

impl RoomRequest {
    pub(super) fn new(client: &Arc<ClientShared>, id: RoomId) -> Self {
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

    /// The room's name for people, instead of the family's: 1 to 256 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.room.name = Some(name.into());
        self
    }

    /// The room's purpose, for people: 1 to 2,048 bytes.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.room.description = Some(description.into());
        self
    }

    /// How many clients the room admits, at least 1.
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
