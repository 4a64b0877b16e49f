//! The rooms that a user is in, through any of its clients.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{RoomId, UserId};
use crate::protocol::LeftReason;
use crate::runtime::core::Core;
use crate::runtime::membership::leave::leave;

/// The rooms that a user's clients on this node are in. [`Dialogue::rooms_of`](crate::Dialogue::rooms_of) returns it.
///
/// While `on_disconnected` runs, the client that has just disconnected still counts.
#[derive(Clone)]
pub struct UserRooms {
    pub(in crate::runtime) core: Arc<Core>,
    pub(in crate::runtime) user: UserId,
}

impl UserRooms {
    /// The ids of the rooms at this moment: sorted, without duplicates.
    #[must_use]
    pub fn ids(&self) -> Vec<RoomId> {
        let rooms: BTreeSet<RoomId> = self
            .core
            .clients
            .of_user(&self.user)
            .iter()
            .flat_map(|client| client.membership.lock().rooms())
            .collect();
        rooms.into_iter().collect()
    }

    /// Calls `f` with the id of each room.
    pub fn for_each(&self, f: impl FnMut(&RoomId)) {
        self.ids().iter().for_each(f);
    }

    /// Removes all of the user's clients from all their rooms. Each client receives `left` with the reason `removed`.
    /// Returns the rooms that the user left.
    pub fn leave_all(&self) -> Vec<RoomId> {
        self.leave_rooms(self.ids())
    }

    /// The same as [`leave_all`](Self::leave_all), but runs `f` for each room first. Use it to say goodbye in a room
    /// while the user is still there.
    ///
    /// ```no_run
    /// # use dialogue::prelude::*;
    /// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # struct UserLeft { username: String }
    /// # fn example(builder: dialogue::Builder) -> dialogue::Builder {
    /// builder.on_disconnected(|client, _| async move {
    ///     let dialogue = client.dialogue();
    ///     let username = client.user_id().to_string();
    ///     dialogue
    ///         .rooms_of(client.user_id())
    ///         .leave_all_with(|room| {
    ///             let (room, left) = (dialogue.room(room), UserLeft { username: username.clone() });
    ///             async move {
    ///                 if let Some(room) = room {
    ///                     let _ = room.trigger(left).await;
    ///                 }
    ///             }
    ///         })
    ///         .await;
    /// })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the user stays in the rooms that `f` has not finished.
    pub async fn leave_all_with<F, Fut>(&self, mut f: F) -> Vec<RoomId>
    where
        F: FnMut(RoomId) -> Fut,
        Fut: Future<Output = ()>,
    {
        let mut left = Vec::new();
        for room in self.ids() {
            f(room.clone()).await;
            left.extend(self.leave_rooms(vec![room]));
        }
        left
    }

    fn leave_rooms(&self, mut rooms: Vec<RoomId>) -> Vec<RoomId> {
        let clients = self.core.clients.of_user(&self.user);
        rooms.retain(|id| {
            let Some(room) = self.core.rooms.find(id) else {
                return false;
            };
            clients
                .iter()
                .filter(|client| leave(&self.core, client, &room, None, Some(LeftReason::Removed)))
                .count()
                > 0
        });
        rooms
    }
}

impl std::fmt::Debug for UserRooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UserRooms").field(&self.user).finish()
    }
}
