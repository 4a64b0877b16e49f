//! History as rooms use it: keeping events, sending them to who joins, and pages that go on where memory ends.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;

use crate::event::EventMessage;
use crate::id::EventName;
use crate::log::archive_queue::Series;
use crate::log::{Bounds, Cursor, HistoryQuery, Page, Reach, Recovery, StoredEvent};
use crate::protocol::{EventHead, Since};
use crate::room::{Origin, RoomCell, Subscriptions, SyncHistory};
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::checked_depth;
use crate::runtime::hooks::run::allowed;

/// Keeps an event, and hands over what had to make room for it. Called under the room's lock.
pub(in crate::runtime) fn keep(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    seq: u64,
    frame: &Bytes,
    limit: usize,
) {
    let kept = StoredEvent {
        event: event.clone(),
        seq: Some(seq),
        body: frame.clone(),
    };
    if core.hooks.on_history_evicted.is_none() {
        // What is returned is dropped here, where the history is not locked any more.
        core.history.append(&room.id, kept, limit, |evicted| evicted);
        return;
    }
    let queued = core
        .history
        .append(&room.id, kept, limit, |evicted| core.queue_for_hand_over(evicted));
    core.see_to_hand_over(queued);
}

/// What a client that joins anew is sent, oldest first. Called under the room's lock.
pub(in crate::runtime) fn on_join(core: &Core, room: &RoomCell, subscriptions: &Subscriptions) -> Vec<Bytes> {
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
pub(in crate::runtime) fn recover(
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

/// A loaded event as it is sent.
fn encoded(message: &EventMessage) -> Bytes {
    EventHead::of(message).prepare().finish(message.seq).text
}

/// A page of history, newest first.
#[derive(Default)]
pub(crate) struct HistoryPage {
    pub(crate) events: Vec<Bytes>,
    pub(crate) more: bool,
}

/// A page of one event's history: from memory, then from what waits to be handed over, then from `load_history`. A deleted
/// room has none.
///
/// Safe to drop: it changes nothing.
pub(crate) async fn page(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    cursor: Cursor,
) -> Result<HistoryPage, String> {
    let bounds = page_bounds(core);
    let Some(known) = known(core, room, event, cursor.at_most(bounds.events), bounds) else {
        return Ok(HistoryPage::default());
    };
    let mut events: Vec<Bytes> = known.events.into_iter().map(frame).collect();
    let mut more = known.more;
    if !more && core.hooks.load_history.is_some() {
        let missing = known.rest.span();
        let query = HistoryQuery {
            room_id: room.id.clone(),
            epoch: room.epoch.as_ref().to_owned(),
            event: event.clone(),
            before: known.before,
            skip: known.rest.skipped(),
            // One more tells whether there are more.
            limit: missing.saturating_add(1),
        };
        // A page that is full is not worth the question.
        more = missing == 0;
        if missing > 0 {
            let mut loaded = load(core, query).await?;
            more = loaded.len() > missing;
            loaded.truncate(missing);
            events.extend(loaded.iter().map(encoded));
        }
    }
    Ok(fit(events, more, bounds.bytes))
}

/// What this process knows of a page.
struct Known {
    /// Newest first.
    events: Vec<StoredEvent>,
    /// Whether it knows older ones.
    more: bool,
    /// What is asked for beyond.
    rest: Cursor,
    /// Beyond are only events older than this one.
    before: Option<u64>,
}

impl Known {
    /// Adds a page of the events that come next, which go back so far.
    fn add(&mut self, page: Page, reach: Reach) {
        self.rest = self.rest.beyond(reach.count, page.events.len());
        self.before = self.before.into_iter().chain(reach.lowest).min();
        self.events.extend(page.events);
        self.more = page.more;
    }
}

/// What memory has of a page, and what waits to be handed over, if anybody can say what follows it. `None` if the room has
/// been deleted.
fn known(core: &Core, room: &RoomCell, event: &EventName, cursor: Cursor, bounds: Bounds) -> Option<Known> {
    let mut known = Known {
        events: Vec::new(),
        more: false,
        rest: cursor,
        before: cursor.below(),
    };
    // While it is held, nobody takes the room's id, and with it the history.
    let state = room.lock();
    if state.is_deleted() {
        return None;
    }
    // A room on demand that nobody has come into is only asked about: another may have its id and its history.
    if room.origin == Origin::OnDemand && state.joins() == 0 {
        return Some(known);
    }
    core.history.page(&room.id, event, cursor, bounds, |page, reach| {
        known.add(page, reach);
        if !known.more && core.hooks.load_history.is_some() {
            let (page, reach) = core.hand_over.page(&Series::of(room, event), known.rest, bounds);
            known.add(page, reach);
        }
    });
    Some(known)
}

/// What `load_history` has, newest first.
async fn load(core: &Core, query: HistoryQuery) -> Result<Vec<EventMessage>, String> {
    let Some(load_history) = &core.hooks.load_history else {
        return Ok(Vec::new());
    };
    let (room, event, before) = (query.room_id.clone(), query.event.clone(), query.before);
    let depth = checked_depth(&core.limits)?;
    let answer = core.set_off(depth, || load_history(query)).await;
    let mut loaded = allowed(core, "load_history", answer)?;
    loaded.retain(|message| {
        let is_older = before.is_none_or(|before| message.seq.is_none_or(|seq| seq < before));
        message.event == event && message.room_id == room && is_older
    });
    // Those without a number are older than all that have one. The order of what happened in one millisecond is the hook's.
    loaded.sort_by_key(|message| (Reverse(message.seq), Reverse(message.timestamp)));
    Ok(loaded)
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

/// A page of history as messages, for the server's own use.
pub(in crate::runtime) async fn messages(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    range: std::ops::Range<usize>,
) -> Result<Vec<EventMessage>, String> {
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
