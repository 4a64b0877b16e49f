//! A room's record: its epoch, the number of its last event, how many seats are taken, and whether the room still exists. Pure.
//!
//! The record does not know who the members are. Several nodes would share this part of a room; each node has its own
//! [`super::local`].

use std::sync::Arc;

/// The state of a room that does not depend on who its members are.
#[derive(Debug)]
pub(crate) struct RoomRecord {
    /// The epoch that clients know: positions in another one are not valid.
    epoch: Arc<str>,
    /// How many times the epoch has changed.
    renewals: u32,
    /// The number of the last event with history; 0 before the first.
    seq: u64,
    /// The number of seats; `None` for no limit.
    max_size: Option<usize>,
    /// How many seats are taken.
    taken: usize,
    /// How many times a client has become a member.
    joins: u64,
    /// The value of `joins` when the room was last noted as empty, to expire later.
    noted_empty: Option<u64>,
    deleted: bool,
    /// How many changes of the log have been handed over to a store and are not applied yet.
    appending: usize,
    /// How many deletions of the room are among them.
    deleting: usize,
    /// Whether the outcome of such a deletion is unknown.
    may_have_deleted: bool,
    /// How many erasures of the log the room has followed, if several nodes share the log.
    erasures: u64,
    /// Whether the room goes on with the numbers of an idle room.
    continues: bool,
    /// Whether the room was added to the rooms of the server.
    added: bool,
}

/// The reason why a room does not accept a new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// Every seat is taken.
    Full,
    /// The room has been deleted.
    Deleted,
}

impl RoomRecord {
    pub(super) fn new(max_size: Option<usize>, epoch: Arc<str>) -> Self {
        Self {
            epoch,
            renewals: 0,
            seq: 0,
            max_size,
            taken: 0,
            joins: 0,
            noted_empty: None,
            deleted: false,
            appending: 0,
            deleting: 0,
            may_have_deleted: false,
            erasures: 0,
            continues: false,
            added: false,
        }
    }

    /// Takes a seat for a new member.
    pub(super) fn take_seat(&mut self) -> Result<(), NoSeat> {
        if self.deleted {
            return Err(NoSeat::Deleted);
        }
        if self.is_full() {
            return Err(NoSeat::Full);
        }
        self.taken += 1;
        self.joins += 1;
        Ok(())
    }

    /// Frees the seat of a member that left.
    pub(super) fn free_seat(&mut self) {
        self.taken -= 1;
    }

    /// Deletes the room and frees all seats: no client can join from now on. Returns false if it was deleted before.
    pub(super) fn delete(&mut self) -> bool {
        self.taken = 0;
        !std::mem::replace(&mut self.deleted, true)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// How many members the room has.
    pub(crate) fn size(&self) -> usize {
        self.taken
    }

    pub(crate) fn is_full(&self) -> bool {
        self.max_size.is_some_and(|max| self.taken >= max)
    }

    /// The room is added to the rooms of the server: its id and its log belong to it.
    pub(crate) fn note_added(&mut self) {
        self.added = true;
    }

    /// Whether the room was added to the rooms of the server. Noted of on-demand rooms only.
    pub(crate) fn is_added(&self) -> bool {
        self.added
    }

    /// Whether the room exists, is empty, and no client has joined since `joins` had this value.
    pub(crate) fn is_empty_since(&self, joins: u64) -> bool {
        self.taken == 0 && self.joins == joins && !self.deleted
    }

    /// Notes that the room is empty, and returns the number of joins so far. Returns `None` if the room has members, or
    /// if it was noted as empty before and no client has joined since.
    pub(crate) fn note_empty(&mut self) -> Option<u64> {
        if self.taken > 0 || self.noted_empty == Some(self.joins) {
            return None;
        }
        self.noted_empty = Some(self.joins);
        self.noted_empty
    }

    /// The epoch that clients know: positions in another one are not valid. Numbers do not begin anew with it.
    pub(crate) fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// How many times the epoch has changed.
    pub(super) fn renewals(&self) -> u32 {
        self.renewals
    }

    /// Gives the room another epoch. Its numbers go on where the log ends now, which may be before the last one here: the
    /// caller says so with [`reach`](Self::reach). Returns false if the room has this epoch already.
    pub(crate) fn renew(&mut self, epoch: &Arc<str>) -> bool {
        if self.epoch == *epoch {
            return false;
        }
        self.epoch = Arc::clone(epoch);
        self.renewals = self.renewals.wrapping_add(1);
        self.seq = 0;
        true
    }

    /// The number of the last event with history; 0 before the first.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// The log has reached this number in the store, and the event is being applied. Numbers only rise.
    pub(crate) fn reach(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// How many erasures of the log the room has followed.
    pub(crate) fn erasures(&self) -> u64 {
        self.erasures
    }

    /// The room has followed so many erasures.
    pub(crate) fn reach_erasures(&mut self, count: u64) {
        self.erasures = count;
    }

    /// A change of the log is handed over to a store. Until it is applied, the room must stay.
    pub(crate) fn begin_append(&mut self) {
        self.appending += 1;
    }

    /// A change that was handed over has been applied, or has failed.
    pub(crate) fn end_append(&mut self) {
        self.appending -= 1;
    }

    /// The deletion of the room is handed over to a store. It is a change like every other one.
    pub(crate) fn begin_deletion(&mut self) {
        self.begin_append();
        self.deleting += 1;
    }

    /// What has become of a deletion is known, or stays unknown.
    pub(crate) fn end_deletion(&mut self, is_unknown: bool) {
        self.end_append();
        self.deleting -= 1;
        self.may_have_deleted |= is_unknown;
    }

    /// Whether this node's deletion of the room is on its way.
    pub(crate) fn is_deleting(&self) -> bool {
        self.deleting > 0
    }

    /// Whether this node may have deleted the room without knowing it.
    pub(crate) fn may_have_deleted(&self) -> bool {
        self.may_have_deleted
    }

    /// How many changes of the log are on their way.
    pub(crate) fn appending(&self) -> usize {
        self.appending
    }

    /// Whether a change of the log is on its way.
    pub(crate) fn is_appending(&self) -> bool {
        self.appending > 0
    }

    /// Advances to the number of the next event, and returns it.
    pub(crate) fn advance(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Goes on with the numbers of an idle room, whose last one is `seq`.
    pub(crate) fn resume_at(&mut self, seq: u64) {
        self.seq = seq;
        self.continues = true;
    }

    /// Whether the room goes on with the numbers of an idle room.
    pub(crate) fn is_continuation(&self) -> bool {
        self.continues
    }
}
