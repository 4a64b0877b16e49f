//! History as rooms use it: keeping events, sending them to who joins, and pages that go on where memory ends.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::archive::by_type;
use super::asking::allowed;
use super::core::Core;
use super::depth::{checked_depth, one_deeper};
use crate::history::{Bounds, Cursor, HistoryQuery, Recovery, StoredEvent};
use crate::hooks::contain;
use crate::id::EventName;
use crate::protocol::{EventHead, Since};
use crate::room::{RoomCell, Subscriptions, SyncHistory};

/// Keeps an event, and hands over what had to make room for it. Called under the room's lock.
pub(super) fn keep(core: &Arc<Core>, room: &RoomCell, event: &EventName, seq: u64, frame: &Bytes, limit: usize) {
    let kept = StoredEvent {
        event: event.clone(),
        seq: Some(seq),
        body: frame.clone(),
    };
    if core.hooks.on_history_evicted.is_none() {
        core.history.append(&room.id, kept, limit, |evicted| evicted);
        return;
    }
    let queued = core.history.append(&room.id, kept, limit, |evicted| {
        let each = by_type(evicted).into_iter().filter_map(|gone| {
            if gone.room == room.id {
                return Some(core.queue_for_hand_over(&room.id, &room.epoch, [gone.entry]));
            }
            // The least recently used room made way.
            let other = core.registry.find(&gone.room)?;
            Some(core.queue_for_hand_over(&other.id, &other.epoch, [gone.entry]))
        });
        each.reduce(|given_up, more| given_up + more)
    });
    if let Some(given_up) = queued {
        core.see_to_hand_over(given_up);
    }
}

/// What a client that joins anew is sent, oldest first. Called under the room's lock.
pub(super) fn on_join(core: &Core, room: &RoomCell, subscriptions: &Subscriptions) -> Vec<Bytes> {
    let per_type = match room.template.sync_history_on_join {
        SyncHistory::Off => return Vec::new(),
        SyncHistory::All => None,
        SyncHistory::PerType(count) => Some(count),
    };
    core.history
        .recent(
            &room.id,
            &|event| subscriptions.hears(event),
            per_type,
            replay_bounds(core),
        )
        .into_iter()
        .map(frame)
        .collect()
}

/// What a client that comes back is due, oldest first: every event with history after its position that it is subscribed
/// to. `None` if not all of that can be given. `top` is the room's last number. Called under the room's lock.
pub(super) fn recover(
    core: &Core,
    room: &RoomCell,
    since: &Since,
    top: u64,
    subscriptions: &Subscriptions,
) -> Option<Vec<Bytes>> {
    if *since.epoch != *room.epoch || since.seq > top {
        return None;
    }
    let hears = |event: &str| subscriptions.hears(event);
    match core.history.since(&room.id, since.seq, &hears, replay_bounds(core)) {
        Recovery::Recovered(events) => Some(events.into_iter().map(frame).collect()),
        Recovery::Lost => None,
    }
}

/// The newest events of all types that memory keeps, newest first: one page.
#[cfg(feature = "inspector")]
pub(crate) fn recent(core: &Core, room: &RoomCell) -> Vec<Bytes> {
    let events = core.history.recent(&room.id, &|_| true, None, page_bounds(core));
    events.into_iter().rev().map(frame).collect()
}

/// How much a page may hold.
fn page_bounds(core: &Core) -> Bounds {
    Bounds {
        events: core.limits.history_page_events,
        bytes: core.limits.history_page_bytes,
    }
}

/// How much may be replayed at once.
fn replay_bounds(core: &Core) -> Bounds {
    Bounds {
        events: core.limits.replay_events,
        bytes: core.limits.replay_bytes,
    }
}

/// A stored event as it is sent.
fn frame(event: StoredEvent) -> Bytes {
    event.body
}

/// A page of history, newest first.
pub(crate) struct HistoryPage {
    pub(crate) events: Vec<Bytes>,
    pub(crate) more: bool,
}

/// A page of one event's history: from memory, then from what waits to be handed over, then from `load_history`.
///
/// Safe to drop: it changes nothing.
pub(crate) async fn page(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    cursor: Cursor,
) -> Result<HistoryPage, String> {
    let bounds = page_bounds(core);
    let page = core.history.page(&room.id, event, cursor, bounds);
    let wanted = cursor.span().min(bounds.events);
    if page.more || page.events.len() >= wanted || core.hooks.load_history.is_none() {
        let more = page.more || (core.hooks.load_history.is_some() && page.events.len() >= wanted);
        return Ok(HistoryPage {
            events: page.events.into_iter().map(frame).collect(),
            more,
        });
    }
    let mut filling = Filling::begin(core, room, event, cursor, wanted, page.events);
    filling.add_waiting(core);
    let more = filling.is_full() || filling.load(core).await?;
    Ok(fit(filling.events, more, bounds.bytes))
}

/// A page that is filled where memory ends, from the newest event to older ones.
struct Filling<'a> {
    room: &'a RoomCell,
    event: &'a EventName,
    wanted: usize,
    events: Vec<Bytes>,
    /// The numbers of `events`: what was evicted meanwhile may be in two places.
    seen: HashSet<Option<u64>>,
    /// Only events older than this one are still to come.
    before: Option<u64>,
    /// How many of those an index cursor passes over.
    skip: usize,
}

impl<'a> Filling<'a> {
    /// With what memory has of it.
    fn begin(
        core: &Core,
        room: &'a RoomCell,
        event: &'a EventName,
        cursor: Cursor,
        wanted: usize,
        from_memory: Vec<StoredEvent>,
    ) -> Self {
        let in_memory = core.history.count(&room.id, event);
        let (mut before, skip) = match cursor {
            Cursor::Before { seq, .. } => (Some(seq), 0),
            Cursor::Index { start, .. } => (oldest(core, room, event, in_memory), start.saturating_sub(in_memory)),
        };
        if let Some(oldest) = from_memory.last().and_then(|event| event.seq) {
            before = Some(oldest);
        }
        Self {
            room,
            event,
            wanted,
            seen: from_memory.iter().map(|event| event.seq).collect(),
            events: from_memory.into_iter().map(frame).collect(),
            before,
            skip,
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.wanted
    }

    /// Adds what waits to be handed over.
    fn add_waiting(&mut self, core: &Core) {
        for waiting in core.hand_over.waiting(&self.room.id, &self.room.epoch, self.event) {
            let is_older = self
                .before
                .is_none_or(|before| waiting.seq.is_some_and(|seq| seq < before));
            if !is_older || self.is_full() {
                continue;
            }
            self.before = waiting.seq;
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.seen.insert(waiting.seq) {
                self.events.push(frame(waiting));
            }
        }
    }

    /// Adds what `load_history` has. Returns whether it has more.
    async fn load(&mut self, core: &Core) -> Result<bool, String> {
        let Some(load_history) = &core.hooks.load_history else {
            return Ok(false);
        };
        let missing = self.wanted - self.events.len();
        let query = HistoryQuery {
            room_id: self.room.id.clone(),
            epoch: self.room.epoch.as_ref().to_owned(),
            event: self.event.clone(),
            before: self.before,
            skip: self.skip,
            // One more tells whether there are more.
            limit: missing + 1,
        };
        let depth = checked_depth(&core.limits)?;
        let answer = contain(core.limits.hook_deadline, || one_deeper(depth, load_history(query))).await;
        let mut loaded = allowed(core, "load_history", answer)?;
        loaded.retain(|message| {
            message.event == *self.event
                && message.room_id == self.room.id
                && self
                    .before
                    .is_none_or(|before| message.seq.is_none_or(|seq| seq < before))
        });
        loaded.sort_by_key(|message| std::cmp::Reverse(message.seq));
        let more = loaded.len() > missing;
        loaded.truncate(missing);
        self.events.extend(
            loaded
                .iter()
                .map(|message| EventHead::of(message).prepare().finish(message.seq).text),
        );
        Ok(more)
    }
}

/// The page of as many of these events as fit, one of them at least.
fn fit(mut events: Vec<Bytes>, more: bool, max_bytes: usize) -> HistoryPage {
    let mut bytes = 0;
    let fitting = events
        .iter()
        .take_while(|event| {
            bytes += event.len();
            bytes <= max_bytes
        })
        .count()
        .max(1);
    let cut = fitting < events.len();
    events.truncate(fitting);
    HistoryPage {
        events,
        more: more || cut,
    }
}

/// The number of the oldest event in memory.
fn oldest(core: &Core, room: &RoomCell, event: &EventName, in_memory: usize) -> Option<u64> {
    let last = Cursor::Index {
        start: in_memory.checked_sub(1)?,
        end: in_memory,
    };
    core.history
        .page(&room.id, event, last, Bounds::NONE)
        .events
        .first()?
        .seq
}

/// A page of history as messages, for the server's own use.
pub(super) async fn messages(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    range: std::ops::Range<usize>,
) -> Result<Vec<crate::event::EventMessage>, String> {
    let cursor = Cursor::Index {
        start: range.start,
        end: range.end,
    };
    let page = page(core, room, event, cursor).await?;
    Ok(page
        .events
        .iter()
        .filter_map(|event| serde_json::from_slice(event).ok())
        .collect())
}
