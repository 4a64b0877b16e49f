//! History as rooms use it: keeping events, sending them to who joins, and pages that go on where memory ends.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

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
    let (mut evicted, mut given_up) = (Vec::new(), 0);
    let is_handed_over = core.hooks.on_history_evicted.is_some();
    core.history.append(&room.id, kept, limit, |gone| {
        evicted = gone;
        for gone in evicted.iter().filter(|_| is_handed_over) {
            if gone.room == room.id {
                given_up += core.queue_for_hand_over(&room.id, &room.epoch, [gone.entry.clone()]);
            } else if let Some(other) = core.registry.find(&gone.room) {
                // The least recently used room made way.
                given_up += core.queue_for_hand_over(&other.id, &other.epoch, [gone.entry.clone()]);
            }
        }
    });
    if is_handed_over && !evicted.is_empty() {
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
    continue_past_memory(core, room, event, cursor, page.events, wanted, bounds).await
}

async fn continue_past_memory(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    cursor: Cursor,
    from_memory: Vec<StoredEvent>,
    wanted: usize,
    bounds: Bounds,
) -> Result<HistoryPage, String> {
    let mut events: Vec<Bytes> = from_memory.iter().cloned().map(frame).collect();
    let mut seen: HashSet<Option<u64>> = from_memory.iter().map(|event| event.seq).collect();
    // Where memory ends, and how many events older than that an index cursor still skips.
    let in_memory = core.history.count(&room.id, event);
    let (mut before, mut skip) = match cursor {
        Cursor::Before { seq, .. } => (Some(seq), 0),
        Cursor::Index { start, .. } => (oldest(core, room, event, in_memory), start.saturating_sub(in_memory)),
    };
    if let Some(oldest) = from_memory.last().and_then(|event| event.seq) {
        before = Some(oldest);
    }
    for waiting in core.hand_over.waiting(&room.id, &room.epoch, event) {
        let older = before.is_none_or(|before| waiting.seq.is_some_and(|seq| seq < before));
        if !older || events.len() >= wanted {
            continue;
        }
        before = waiting.seq;
        if skip > 0 {
            skip -= 1;
        } else if seen.insert(waiting.seq) {
            events.push(frame(waiting));
        }
    }
    let mut more = events.len() >= wanted;
    if let Some(load_history) = &core.hooks.load_history
        && !more
    {
        let query = HistoryQuery {
            room_id: room.id.clone(),
            epoch: room.epoch.as_ref().to_owned(),
            event: event.clone(),
            before,
            skip,
            limit: wanted - events.len() + 1,
        };
        let depth = checked_depth(&core.limits)?;
        let answer = contain(core.limits.hook_deadline, || one_deeper(depth, load_history(query))).await;
        let mut loaded = allowed(core, "load_history", answer)?;
        loaded.retain(|message| {
            message.event == *event
                && message.room_id == room.id
                && before.is_none_or(|before| message.seq.is_none_or(|seq| seq < before))
        });
        loaded.sort_by_key(|message| std::cmp::Reverse(message.seq));
        more = loaded.len() > wanted - events.len();
        loaded.truncate(wanted - events.len());
        events.extend(
            loaded
                .iter()
                .map(|message| EventHead::of(message).prepare().finish(message.seq).text),
        );
    }
    let mut bytes = 0;
    let fitting = events
        .iter()
        .take_while(|event| {
            bytes += event.len();
            bytes <= bounds.bytes
        })
        .count()
        .max(1);
    if fitting < events.len() {
        events.truncate(fitting);
        more = true;
    }
    Ok(HistoryPage { events, more })
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
