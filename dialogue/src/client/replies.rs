//! What a server answers, as a program is given it.

use crate::event::EventMessage;
use crate::id::{RoomId, UserId};
use crate::protocol::{HistoryCursor, ListedRoom};

/// The server's word that a trigger was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// The event's number in its room; absent for events without history.
    pub seq: Option<u64>,
}

/// What is known of a room from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomInfo {
    /// Its id.
    pub id: RoomId,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How many clients are in it.
    pub size: usize,
    /// How many can be; `None` for no bound of its own.
    pub max_size: Option<usize>,
    /// The user who created it.
    pub created_by: Option<UserId>,
}

impl From<ListedRoom> for RoomInfo {
    fn from(room: ListedRoom) -> Self {
        Self {
            id: room.id,
            name: room.name,
            description: room.description,
            size: room.size,
            max_size: room.max_size,
            created_by: room.created_by_id,
        }
    }
}

/// A server's rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomList {
    /// The rooms, in the order of their ids.
    pub rooms: Vec<RoomInfo>,
    /// Whether there are more behind the last one, over 10,000: see
    /// [`DialogueClient::list_rooms_after`](crate::DialogueClient::list_rooms_after).
    pub more: bool,
}

/// Which part of a room's history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page(HistoryCursor);

impl Page {
    /// The newest events, at most `limit` of them. A server has a limit of its own, 100 by default.
    #[must_use]
    pub fn newest(limit: u64) -> Self {
        Self(HistoryCursor::Index { start: 0, end: limit })
    }

    /// The newest of the events before the one with this number, at most `limit`: to page back, give the `seq` of the
    /// last event of the page before. Nothing comes twice and nothing is skipped while new events arrive.
    #[must_use]
    pub fn before(seq: u64, limit: u64) -> Self {
        Self(HistoryCursor::Before {
            seq,
            limit: limit.max(1),
        })
    }

    pub(super) fn cursor(self) -> HistoryCursor {
        self.0
    }
}

/// Some of a room's history.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistoryPage<M> {
    /// The events, newest first.
    pub events: Vec<EventMessage<M>>,
    /// Whether older ones are left.
    pub more: bool,
}
