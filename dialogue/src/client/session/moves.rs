//! Joining and leaving: several handles hold one room, and the client is in the room for as long as one does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ClientSession;
use crate::client::answer::{ReplySender, done};
use crate::client::error::{ClientError, Refused};
use crate::client::events::Departure;
use crate::client::request_kind::RequestKind;
use crate::client::room_shared::RoomShared;
use crate::client::rooms::MAX_UNASKED;
use crate::id::RoomId;
use crate::protocol::{Command, JoinCommand};

/// How long to wait before a leave that failed is repeated.
pub(super) const LEAVE_AGAIN: Duration = Duration::from_secs(5);

impl ClientSession {
    /// Joins a room for another handle. Calls that join at the same time share a request, unless they name different
    /// subscriptions.
    pub(super) fn join(&mut self, join: JoinCommand, reply: ReplySender, now: Instant) {
        if let Some(reply) = self.pending.share_join(&join, reply) {
            let command = Command::Join(join);
            let kind = RequestKind::of(&command);
            self.pending.add(command, kind, Some(reply), now);
        }
    }

    /// A handle gives up its hold. The last one leaves the room.
    pub(super) fn leave(&mut self, handle: &Arc<RoomShared>, reply: ReplySender, now: Instant) {
        // A request that is dropped before it is sent has no effect.
        if reply.is_closed() {
            return;
        }
        let room = &handle.id;
        if handle.is_departed() {
            done(vec![reply]);
        } else if self.rooms.handles(room) > 1 || self.pending.is_joining(room) {
            self.rooms.release(handle);
            done(vec![reply]);
        } else if self.rooms.is_away(room) {
            // A membership does not outlive its connection, so there is nothing to ask the server.
            self.rooms.left(room, Departure::Left);
            done(vec![reply]);
        } else if let Some(reply) = self.pending.share_leave(room, reply) {
            let room_id = room.clone();
            let kind = RequestKind::Leave(room.clone());
            self.pending.add(Command::Leave { room_id }, kind, Some(reply), now);
        }
    }

    /// The server has refused a request because it came too early. Returns whether it is repeated.
    pub(super) fn came_too_early(&mut self, id: i64, refused: Refused, now: Instant) -> bool {
        // If the program has joined again meanwhile, the client stays in the room, and only the handle has left it.
        if let Some(room) = self.pending.leave_before_a_join(id) {
            self.pending.came_too_early(id, refused, now);
            if let Some((_, replies)) = self.pending.withdraw(id) {
                self.rooms.release_all(&room);
                done(replies);
            }
            return true;
        }
        self.pending.came_too_early(id, refused, now)
    }

    /// The server has let the client into a room that nobody holds, so the client leaves it.
    ///
    /// # Errors
    ///
    /// There are too many such rooms. Only a broken server causes that.
    pub(super) fn not_wanted(&mut self, room: RoomId, now: Instant) -> Result<(), ClientError> {
        if self.unwanted.len() + self.rooms.len() + self.pending.unwanted() >= MAX_UNASKED {
            return Err(ClientError::protocol("the server added the client to too many rooms"));
        }
        self.unwanted(room, now);
        Ok(())
    }

    /// The server has the client in a room that nobody holds, so the client leaves it at this time.
    pub(super) fn unwanted(&mut self, room: RoomId, at: Instant) {
        self.unwanted.insert(room, at);
    }

    /// Leaves the rooms that nobody holds, unless the program is joining them again.
    pub(super) fn leave_unwanted(&mut self, now: Instant) {
        for room in self.forget_unheld() {
            self.unwanted(room, now);
        }
        let rooms = &self.rooms;
        self.unwanted.retain(|room, _| !rooms.contains(room));
        let pending = &self.pending;
        let due = |(room, at): &(&RoomId, &Instant)| **at <= now && !pending.is_joining(room);
        let due: Vec<RoomId> = self.unwanted.iter().filter(due).map(|(room, _)| room.clone()).collect();
        for room_id in due {
            self.unwanted.remove(&room_id);
            let kind = RequestKind::LeaveUnwanted(room_id.clone());
            self.pending.add(Command::Leave { room_id }, kind, None, now);
        }
    }

    /// Forgets the rooms that nobody holds and nobody joins. Returns those where the server may have the client.
    pub(super) fn forget_unheld(&mut self) -> Vec<RoomId> {
        let pending = &self.pending;
        self.rooms.forget_unheld(|room| pending.is_joining(room))
    }

    /// Adds to each join that waits and names its subscriptions those that the other handles of the room have.
    pub(super) fn merge_joins(&mut self) {
        for (id, room, wanted) in self.pending.joins_to_merge() {
            let Some((mut subscriptions, mut except)) = self.rooms.merged(&room, &wanted) else {
                self.pending.merge_join(id, wanted, Default::default());
                continue;
            };
            self.pending.changes_before(id, &room, &mut subscriptions, &mut except);
            except.retain(|event| !wanted.events.contains(event));
            self.pending.merge_join(id, subscriptions, except);
        }
    }
}
