//! The rooms that a user is in, through any of its clients.

use std::future::{Future, IntoFuture};
use std::sync::Arc;

use futures_util::future::{BoxFuture, lazy};
use tokio::task::coop::consume_budget;

use crate::id::{RoomId, UserId};
use crate::protocol::LeftReason;
use crate::runtime::api::here::Here;
use crate::runtime::core::{Core, RoomHandle};
use crate::runtime::membership::leave::leave;

/// The rooms that a user's clients are in. [`Dialogue::rooms_of`](crate::Dialogue::rooms_of) returns it. Await it to get
/// the ids of the rooms at that moment: sorted, without duplicates.
///
/// While `on_disconnected` runs, the client that has just disconnected still counts.
#[derive(Clone)]
#[must_use = "nothing is looked up until this is awaited"]
pub struct UserRooms {
    pub(in crate::runtime) core: Arc<Core>,
    pub(in crate::runtime) user: UserId,
}

impl UserRooms {
    /// Removes all of the user's clients from all their rooms. Each client receives `left` with the reason `removed`.
    /// Returns the rooms that the user left.
    ///
    /// # Cancel safety
    ///
    /// The user leaves every room when this future is first polled, or none.
    pub async fn leave_all(&self) -> Vec<RoomId> {
        let mut rooms = self.now();
        rooms.retain(|room| {
            self.core
                .rooms
                .find(room)
                .is_some_and(|room| self.leave(&self.core.room(&room)))
        });
        rooms
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
    ///     let rooms = client.dialogue().rooms_of(client.user_id());
    ///     rooms
    ///         .leave_all_with(|room| {
    ///             let left = UserLeft { username: client.user_id().to_string() };
    ///             async move {
    ///                 let _ = room.trigger(left).await;
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
        F: FnMut(RoomHandle) -> Fut,
        Fut: Future<Output = ()>,
    {
        let mut left = Vec::new();
        for id in self.now() {
            let Some(room) = self.core.rooms.find(&id) else {
                continue;
            };
            let room = self.core.room(&room);
            f(room.clone()).await;
            if self.leave(&room) {
                left.push(id);
            }
            consume_budget().await;
        }
        left
    }

    fn now(&self) -> Vec<RoomId> {
        let core = Arc::clone(&self.core);
        Here { core }.rooms_of(&self.user)
    }

    /// Removes all of the user's clients from a room. Returns whether there was one in it.
    fn leave(&self, room: &RoomHandle) -> bool {
        let clients = self.core.clients.of_user(&self.user);
        let left = clients
            .iter()
            .filter(|client| leave(&self.core, client, &room.present(), None, Some(LeftReason::Removed)).is_some());
        left.count() > 0
    }
}

impl IntoFuture for UserRooms {
    type Output = Vec<RoomId>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(lazy(move |_| self.now()))
    }
}

impl std::fmt::Debug for UserRooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UserRooms").field(&self.user).finish()
    }
}
