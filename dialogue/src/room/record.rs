//! A room's record: how far its events are numbered, how many seats are taken, and whether it still exists. Pure.
//!
//! Knows no member by name. With several nodes this is the part that they share; [`super::local`] is each node's own.

/// What is true of a room whoever is in it.
#[derive(Debug)]
pub(crate) struct RoomRecord {
    /// The number of the last event with history; 0 before the first.
    seq: u64,
    /// The number of seats, if that is bounded.
    max_size: Option<usize>,
    /// How many seats are taken.
    taken: usize,
    /// How often a member has joined.
    joins: u64,
    /// The value of `joins` when the empty room was last queued for its expiry.
    noted_empty: Option<u64>,
    deleted: bool,
}

/// Why a room accepts no new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// Every seat is taken.
    Full,
    /// The room has been deleted.
    Deleted,
}

impl RoomRecord {
    pub(super) fn new(max_size: Option<usize>) -> Self {
        Self {
            seq: 0,
            max_size,
            taken: 0,
            joins: 0,
            noted_empty: None,
            deleted: false,
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

    /// Deletes the room and frees all seats: nobody can join from now on. Returns whether it existed until now.
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

    /// How often a member has joined. If the number is the same later, nobody has joined in between.
    pub(crate) fn joins(&self) -> u64 {
        self.joins
    }

    /// Whether the room exists, is empty, and nobody has joined since `joins` was this number.
    pub(crate) fn is_empty_since(&self, joins: u64) -> bool {
        self.taken == 0 && self.joins == joins && !self.deleted
    }

    /// Notes that the room is empty. Returns the number of joins so far the first time after each member left; `None` if
    /// the room has members or this was noted before.
    pub(crate) fn note_empty(&mut self) -> Option<u64> {
        if self.taken > 0 || self.noted_empty == Some(self.joins) {
            return None;
        }
        self.noted_empty = Some(self.joins);
        self.noted_empty
    }

    /// The number of the last event with history; 0 before the first.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Numbers one more event.
    pub(crate) fn advance(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
}
