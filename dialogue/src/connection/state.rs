//! What the server keeps of one connected client.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::close::Close;
use super::outbox::Outbox;
use crate::id::{ClientId, RoomId, UserId};
use crate::serial::SerialQueue;

/// Names a client within this process, in the maps of rooms: cheaper to hash than its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientKey(pub(crate) u64);

/// One connected client. Rooms hold it as the place to send to; the handle that users get points to it.
#[derive(Debug)]
pub(crate) struct ClientState {
    pub(crate) key: ClientKey,
    pub(crate) id: ClientId,
    pub(crate) user_id: UserId,
    pub(crate) meta: Value,
    pub(crate) session: Mutex<AuthSession>,
    /// The secret by which the client's next connection shows that it succeeds this one.
    pub(crate) resume: Mutex<String>,
    /// Whether the server made the user id, so that only a successor can have it again.
    pub(crate) anonymous: bool,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) membership: Mutex<Membership>,
    /// Set once the client has left its rooms and is forgotten.
    pub(crate) departed: SetOnce<()>,
    /// Runs this client's notification hooks one after another, in the order of what they tell of.
    pub(crate) hooks: SerialQueue,
}

/// What a fresh `connect` on a live connection replaces.
#[derive(Clone)]
pub(crate) struct AuthSession {
    pub(crate) auth: Arc<Value>,
    pub(crate) claims: Arc<Value>,
    pub(crate) expires_at: Option<Instant>,
}

/// Leaves out what may be secret.
impl std::fmt::Debug for AuthSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthSession")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The rooms a client is in. Locked inside a room's lock, never the other way about.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// For each room, how many subscriptions the client holds there.
    rooms: HashMap<RoomId, usize>,
    subscriptions: usize,
    /// Set once, when the connection ends: from then on no room takes the client.
    gone: bool,
}

impl Membership {
    /// Notes that the client is in `room`. False if the client is gone, and then nothing is noted.
    pub(crate) fn enter(&mut self, room: &RoomId, subscriptions: usize) -> bool {
        if self.gone {
            return false;
        }
        self.rooms.insert(room.clone(), subscriptions);
        self.subscriptions += subscriptions;
        true
    }

    /// Notes that the client is no longer in `room`.
    pub(crate) fn exit(&mut self, room: &str) {
        if let Some(subscriptions) = self.rooms.remove(room) {
            self.subscriptions -= subscriptions;
        }
    }

    /// Notes how many subscriptions the client holds in a room that it is in.
    pub(crate) fn set_subscriptions(&mut self, room: &str, count: usize) {
        if let Some(held) = self.rooms.get_mut(room) {
            self.subscriptions = self.subscriptions - *held + count;
            *held = count;
        }
    }

    /// Marks the client as gone: no room takes it from now on. Returns whether it was not gone before.
    pub(crate) fn end(&mut self) -> bool {
        !std::mem::replace(&mut self.gone, true)
    }

    /// How many subscriptions the client holds outside `room`.
    pub(crate) fn subscriptions_besides(&self, room: &str) -> usize {
        self.subscriptions - self.rooms.get(room).copied().unwrap_or(0)
    }

    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.keys().cloned().collect()
    }

    pub(crate) fn contains(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }
}

impl ClientState {
    /// Ends the connection. What is due to be sent is sent first if `close` says so.
    pub(crate) fn close(&self, close: Close) {
        self.outbox.close(close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_room_once_it_is_gone() {
        let mut membership = Membership::default();
        assert!(membership.enter(&RoomId::from("a"), 1));
        assert!(membership.end());
        assert!(!membership.end(), "only the first end is one");
        assert!(!membership.enter(&RoomId::from("b"), 1));
        assert_eq!(membership.rooms(), [RoomId::from("a")]);
    }

    #[test]
    fn counts_subscriptions_over_all_rooms() {
        let mut membership = Membership::default();
        membership.enter(&RoomId::from("a"), 2);
        membership.enter(&RoomId::from("b"), 3);
        assert_eq!(membership.subscriptions_besides("a"), 3);
        membership.set_subscriptions("b", 1);
        assert_eq!(membership.subscriptions_besides("a"), 1);
        membership.exit("b");
        assert_eq!(membership.subscriptions_besides("a"), 0);
    }
}
