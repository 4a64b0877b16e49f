//! What the tasks of the engine have in common.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::followed::{Followed, OneRoom};
use super::questions::Questions;
use super::router::Router;
use crate::cluster::Position;
use crate::cluster::redis::calls::{CallError, Calls};
use crate::cluster::redis::keys::Partition;
use crate::cluster::redis::log::RedisLog;
use crate::cluster::redis::route::Connections;
use crate::cluster::redis::settings::Timing;
use crate::cluster::redis::shared::{Agreed, Shared, call_failure};
use crate::id::RoomId;
use crate::log::durable::{Answer, StoreFailure};

pub(super) struct Parts {
    pub(super) connections: Arc<Connections>,
    /// The same.
    pub(super) calls: Arc<dyn Calls>,
    pub(super) log: Arc<RedisLog>,
    pub(super) followed: Arc<Followed>,
    pub(super) questions: Arc<Questions>,
    pub(super) router: Arc<Router>,
    pub(super) timing: Timing,
    pub(super) allows_eviction: bool,
    /// Redis may have lost what the nodes have agreed on.
    pub(super) emptied: Notify,
    /// The fingerprint of the contract of this node.
    pub(super) fingerprint: String,
}

impl Parts {
    pub(super) fn shared(&self) -> &Shared {
        &self.log.shared
    }

    pub(super) fn agreed(&self) -> Result<&Agreed, StoreFailure> {
        self.log.shared.agreed()
    }

    /// The identity of the server of a partition, if there is contact.
    pub(super) fn identity(&self, partition: Partition) -> Option<Arc<str>> {
        self.calls.identity(partition)
    }

    pub(super) fn one_room(&self, id: RoomId) -> Result<OneRoom, StoreFailure> {
        let keys = &self.agreed()?.keys;
        Ok(OneRoom {
            channel: keys.channel(&id),
            partition: keys.partition(&id),
            id,
        })
    }

    /// Follows a room, and asks for its position when that is confirmed.
    pub(super) fn follow(self: &Arc<Self>, id: RoomId) -> Answer<Position> {
        let room = match self.one_room(id) {
            Ok(room) => room,
            Err(failure) => return async { Err(failure) }.boxed(),
        };
        let subscribed = self.followed.follow(&room, || self.subscribe(&room));
        let parts = Arc::clone(self);
        async move {
            subscribed.await.map_err(|error| call_failure(&error))?;
            parts.followed.set_subscribed(&room.channel);
            parts.questions.ask(room.id).await
        }
        .boxed()
    }

    pub(super) fn subscribe(&self, room: &OneRoom) -> BoxFuture<'static, Result<(), CallError>> {
        self.calls.subscribe(room.partition, room.channel.clone())
    }

    pub(super) fn unfollow(&self, id: &RoomId) {
        let Ok(room) = self.one_room(id.clone()) else {
            return;
        };
        self.followed.leave(&room.channel, || {
            self.calls.unsubscribe(room.partition, room.channel.clone());
            self.shared().forget(&room.id);
        });
    }
}
