//! How a client returns to its rooms after a lost connection.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::JoinedRooms;
use super::retries;
use super::room::{Phase, adds_events};
use crate::client::error::ClientError;
use crate::client::events::Departure;
use crate::client::position::Position;
use crate::id::RoomId;
use crate::protocol::JoinCommand;

impl JoinedRooms {
    /// The client cannot rejoin a room. It has left it, unless the server has added it to the room by itself. Returns
    /// false if the client has already forgotten the room.
    pub(in crate::client) fn rejoin_failed(&mut self, id: &RoomId, error: ClientError) -> bool {
        match self.rooms.get_mut(id) {
            None => return false,
            Some(room) if room.phase == Phase::Here => {}
            Some(room) if room.server_subscriptions.is_some() => {
                let subscriptions = room.server_subscriptions.take().unwrap_or_default();
                room.confirm(subscriptions, &BTreeSet::new());
            }
            Some(_) => self.left(id, Departure::NotRejoined(error)),
        }
        true
    }

    /// The connection is lost, and no membership outlives it.
    pub(in crate::client) fn link_lost(&mut self) {
        for room in self.rooms.values_mut() {
            room.phase = Phase::Away(None);
            room.retries.reset();
            let server_subscriptions = room.server_subscriptions.take();
            if server_subscriptions
                .is_some_and(|server_subscriptions| adds_events(&room.subscriptions, &server_subscriptions))
            {
                // It has received fewer events since the server added it, so it may have missed some up to its present
                // position.
                room.position.iter_mut().for_each(Position::invalidate);
            }
            // The wildcard of a new membership excludes nothing at first.
            room.still_sent.clone_from(&room.excluded);
        }
    }

    /// Whether the client is not in this room on this connection and has not asked to rejoin it.
    pub(in crate::client) fn is_away(&self, id: &RoomId) -> bool {
        self.rooms
            .get(id)
            .is_some_and(|room| matches!(room.phase, Phase::Away(_)) && !room.may_be_member())
    }

    /// The rejoin failed. Returns whether it is repeated, after a wait that `random` decides, unless the server does.
    pub(in crate::client) fn retry_rejoin(
        &mut self,
        id: &RoomId,
        error: &ClientError,
        now: Instant,
        random: u64,
    ) -> bool {
        match self.rooms.get_mut(id) {
            Some(room) if room.phase == Phase::Rejoining => {
                // If the server itself has added the client, nothing has to become possible first.
                let may_succeed = room.server_subscriptions.is_none() || !retries::is_about_the_room(error);
                let next = may_succeed.then(|| room.retries.next(error, now, random)).flatten();
                room.phase = next.map_or(room.phase, |at| Phase::Away(Some(at)));
                next.is_some()
            }
            // The answer is about an earlier connection, or the client is back already.
            _ => true,
        }
    }

    /// This room was created, so the client can return to it at once.
    pub(in crate::client) fn created(&mut self, id: &RoomId) {
        if let Some(room) = self.rooms.get_mut(id) {
            match room.phase {
                Phase::Here => {}
                Phase::Away(_) => room.phase = Phase::Away(None),
                Phase::Rejoining => room.retries.at_once(),
            }
        }
    }

    /// The rejoins to send now, except for rooms that the client is leaving.
    pub(in crate::client) fn rejoins(
        &mut self,
        now: Instant,
        is_leaving: impl Fn(&RoomId) -> bool,
    ) -> Vec<JoinCommand> {
        let due = |phase| matches!(phase, Phase::Away(at) if at.is_none_or(|at| at <= now));
        let due = self
            .rooms
            .iter_mut()
            .filter(|(id, room)| due(room.phase) && !is_leaving(id));
        due.map(|(id, room)| {
            room.phase = Phase::Rejoining;
            room.rejoin(id)
        })
        .collect()
    }

    /// When [`rejoins`](Self::rejoins) next has something to do, if that is later than now.
    pub(in crate::client) fn next_rejoin(&self) -> Option<Instant> {
        let times = self.rooms.values().filter_map(|room| match room.phase {
            Phase::Away(at) => at,
            _ => None,
        });
        times.min()
    }
}
