//! The server's state of one connected client.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::client_key::ClientKey;
use super::close::Close;
use super::holder::Holder;
use super::outbox::Outbox;
use crate::id::{ClientId, RoomId, UserId};
use crate::serial::SerialQueue;

/// One connected client. Rooms send to it, and the application's handles point to it.
#[derive(Debug)]
pub(crate) struct ClientState {
    pub(crate) key: ClientKey,
    pub(crate) id: ClientId,
    pub(crate) user_id: UserId,
    pub(crate) meta: Value,
    pub(crate) session: Mutex<AuthSession>,
    /// The secret that the client's next connection presents to succeed this one.
    pub(crate) resume: Mutex<String>,
    /// Whether the server generated the user id. Then, only a successor may have the same id.
    pub(crate) anonymous: bool,
    /// The address at the other end of the socket, if it is known. Behind a proxy, it is the proxy's.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) membership: Mutex<Membership>,
    /// Set once the client has left its rooms and the server has forgotten it.
    pub(crate) departed: SetOnce<()>,
    /// Runs this client's notification hooks one after another, in the order of their events.
    pub(crate) hooks: SerialQueue,
}

/// The part of a client that a later `connect` on the same connection replaces.
#[derive(Clone)]
pub(crate) struct AuthSession {
    pub(crate) auth: Arc<Value>,
    pub(crate) claims: Arc<Value>,
    pub(crate) expires_at: Option<Instant>,
}

/// Omits everything that may be secret.
impl std::fmt::Debug for AuthSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthSession")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The rooms that a client is in. Lock it inside a room's lock, and never the other way round.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// The number of the client's subscriptions in each room.
    rooms: HashMap<RoomId, usize>,
    subscriptions: usize,
    /// The rooms of the earlier connection that this one continues, except those that the client has joined again. Once
    /// the connection has ended, its own rooms are added, for the next one.
    former: Vec<RoomId>,
    /// Set once, when the connection ends. From then on, no room accepts the client.
    ended: Option<MembershipEnd>,
}

/// Why a client's memberships ended all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MembershipEnd {
    /// The connection ended.
    Disconnected,
    /// The application ended the connection.
    Expelled,
    /// A newer connection of the same client replaced the connection.
    Replaced,
}

impl Membership {
    /// The membership of a client that continues an earlier connection.
    pub(crate) fn after(former: Vec<RoomId>) -> Self {
        Self {
            former,
            ..Self::default()
        }
    }

    /// Whether the client comes back to a room that its earlier connection was in. The record counts once.
    pub(crate) fn come_back_to(&mut self, room: &RoomId) -> bool {
        let at = self.former.iter().position(|former| former == room);
        at.map(|at| self.former.swap_remove(at)).is_some()
    }

    /// Records a room that the client has left because its connection has ended.
    pub(crate) fn record_former(&mut self, former: RoomId) {
        self.former.push(former);
    }

    /// Takes the records of all rooms for the next connection.
    pub(crate) fn take_former(&mut self) -> Vec<RoomId> {
        std::mem::take(&mut self.former)
    }

    /// Records that the client is in `room`. Returns false and records nothing if the client is gone.
    pub(crate) fn enter(&mut self, room: &RoomId, subscriptions: usize) -> bool {
        if self.is_gone() {
            return false;
        }
        self.rooms.insert(room.clone(), subscriptions);
        self.subscriptions += subscriptions;
        true
    }

    /// Records that the client is no longer in `room`.
    pub(crate) fn exit(&mut self, room: &str) {
        if let Some(subscriptions) = self.rooms.remove(room) {
            self.subscriptions -= subscriptions;
        }
    }

    /// Records the number of the client's subscriptions in a room that it is in.
    pub(crate) fn set_subscriptions(&mut self, room: &str, count: usize) {
        if let Some(held) = self.rooms.get_mut(room) {
            self.subscriptions = self.subscriptions - *held + count;
            *held = count;
        }
    }

    /// Marks the client as gone, so that no room accepts it any more. Returns false if it was gone already.
    pub(crate) fn end(&mut self, why: MembershipEnd) -> bool {
        let is_first = self.ended.is_none();
        self.ended.get_or_insert(why);
        is_first
    }

    /// Why the memberships ended, if they have.
    pub(crate) fn ended(&self) -> Option<MembershipEnd> {
        self.ended
    }

    /// The number of the client's subscriptions outside `room`.
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
        self.ended.is_some()
    }
}

impl ClientState {
    /// Who holds what this client takes of things that all clients share.
    pub(crate) fn holder(&self) -> Holder {
        Holder::of(&self.user_id, self.anonymous, self.peer.map(|peer| peer.ip()))
    }

    /// Closes the connection. The queued frames are sent first if `close` says so.
    pub(crate) fn close(&self, close: Close) {
        self.outbox.close(close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_no_room_once_the_client_is_gone() {
        let mut membership = Membership::default();
        assert!(membership.enter(&RoomId::from("a"), 1));
        assert!(membership.end(MembershipEnd::Disconnected));
        assert!(
            !membership.end(MembershipEnd::Disconnected),
            "only the first call ends the membership"
        );
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
