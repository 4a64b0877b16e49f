//! The server's answers, as a program receives them.

use super::error::ClientError;
use crate::event::{EventMessage, Unreadable};
use crate::hook::{HookError, HookOutcome};
use crate::id::{RoomId, UserId};
use crate::protocol::{HistoryCursor, ListedRoom, NextPage};

/// The server's confirmation that it carried out a trigger, unless it was [`superseded`](Self::superseded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// The event's number in its room. `None` for events without history.
    pub seq: Option<u64>,
    /// Whether a newer [volatile](crate::client::Triggering::volatile) trigger replaced this one before it was sent. It
    /// then had no effect. False for all other triggers.
    pub superseded: bool,
}

/// A handler may return the result of a trigger as it is.
impl HookOutcome for Result<Ack, ClientError> {
    fn into_result(self) -> Result<(), HookError> {
        self?;
        Ok(())
    }
}

/// Public information about a room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomInfo {
    /// The room's id.
    pub id: RoomId,
    /// The name for people.
    pub name: String,
    /// The room's purpose, for people.
    pub description: Option<String>,
    /// How many clients are in the room.
    pub size: usize,
    /// How many clients the room admits. `None` if it has no limit of its own.
    pub max_size: Option<usize>,
    /// The user that created the room.
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
    /// The rooms, sorted by id.
    pub rooms: Vec<RoomInfo>,
    /// Whether the server has more rooms after the last one, beyond the 10,000 listed: see
    /// [`DialogueClient::list_rooms_after`](crate::DialogueClient::list_rooms_after).
    pub more: bool,
}

/// The part of a room's history to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page(HistoryCursor);

impl Page {
    /// The newest events, at most `limit`. The server has its own limit too, 100 by default.
    #[must_use]
    pub fn newest(limit: u64) -> Self {
        Self(HistoryCursor::Index { start: 0, end: limit })
    }

    /// The newest events before the one with number `seq`, at most `limit`. To page back, use
    /// [`HistoryPage::next`]. No event repeats and none is skipped, even while new events arrive.
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

/// A page of a room's history.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HistoryPage<M> {
    /// The events, newest first. An event that was erased, or whose data does not have the type, is an [`Unreadable`] in
    /// its place.
    pub messages: Vec<Result<EventMessage<M>, Unreadable>>,
    /// Whether the server has older events.
    pub more: bool,
    /// Where the older events begin.
    pub(super) older: Option<HistoryCursor>,
}

impl<M> HistoryPage<M> {
    /// The page of the next older events, at most `limit`. `None` if there are none. It continues across lost connections
    /// and restarts of the server, as long as the room is the same incarnation.
    ///
    /// ```
    /// # use dialogue::client::{ClientError, Joined, Page};
    /// # use dialogue::prelude::*;
    /// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # #[event(history = 50)]
    /// # struct Message { text: String }
    /// # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
    /// # async fn example(chat: &Joined<Chat>) -> Result<(), ClientError> {
    /// let mut next = Some(Page::newest(50));
    /// while let Some(page) = next {
    ///     let page = chat.history::<Message>(page).await?;
    ///     next = page.next(50);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn next(&self, limit: u64) -> Option<Page> {
        let limit = limit.max(1);
        Some(Page(match self.older? {
            HistoryCursor::Unnumbered { skip, .. } => HistoryCursor::Unnumbered { skip, limit },
            HistoryCursor::Before { seq, .. } => HistoryCursor::Before { seq, limit },
            index @ HistoryCursor::Index { .. } => index,
        }))
    }
}

/// Where the events begin that are older than those of a page.
pub(super) fn older_than(events: &[EventMessage], more: bool, next: Option<NextPage>) -> Option<HistoryCursor> {
    let last = events.last().and_then(|last| last.seq);
    match (next, last) {
        _ if !more => None,
        (Some(NextPage { skip, .. }), _) => Some(HistoryCursor::Unnumbered { skip, limit: 1 }),
        (None, Some(seq)) => Some(HistoryCursor::Before { seq, limit: 1 }),
        (None, None) => None,
    }
}
