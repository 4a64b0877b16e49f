//! Pages of history: from memory, then from the queue of evicted events, then from `load_history`.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;

use super::error::HistoryError;
use super::keep::{History, room_key};
use super::load::ensure_loaded;
use crate::connection::ClientState;
use crate::event::EventMessage;
use crate::id::EventName;
use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;
use crate::log::archive_queue::Series;
use crate::log::{HistoryQuery, LogCursor, LogPage, Reach, StoreFailure, StoredEvent};
use crate::protocol::{EventHead, NextPage, erased};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;
use crate::runtime::hooks::recursion::checked_depth;
use crate::runtime::hooks::values::{HookValueError, check_depth, check_meta, check_numbers};
use crate::runtime::observe::emit::Involved;

/// How many events may be loaded only to skip them, if there are several `load_history` hooks.
const MAX_SKIP: usize = 10_000;

/// Encodes an event from `load_history` for sending.
fn encoded(message: &EventMessage) -> Bytes {
    let text = EventHead::of(message).prepare().finish(message.seq).text;
    match message.erased {
        // What was just written has an envelope, and is not erased.
        true => erased(&text).ok().flatten().unwrap_or(text),
        false => text,
    }
}

/// Checks an event from `load_history`, of `bytes` bytes.
fn check_loaded(limits: &Limits, message: &EventMessage, bytes: usize) -> Result<(), HookValueError> {
    check_numbers(message)?;
    check_depth(limits, &message.data)?;
    check_meta(limits, message.meta.as_ref())?;
    limits.check_event(bytes).map_err(HookValueError::Event)
}

/// What a request for a page concerns.
fn asked_for<'a>(asker: Option<&'a ClientState>, room: &'a RoomCell, event: &'a EventName) -> Involved<'a> {
    Involved {
        event: Some(event),
        ..asker.map(Involved::client).unwrap_or_default().in_room(&room.id)
    }
}

/// A page of history, newest first.
#[derive(Default)]
pub(crate) struct LoadedPage {
    pub(crate) events: Vec<Bytes>,
    pub(crate) more: bool,
    /// What continues the page, if its last event has no number.
    pub(crate) next: Option<NextPage>,
}

/// Reads a page of one event's history: from memory, then from the archive queue, then from `load_history`. A deleted
/// room has no history.
///
/// Safe to drop: reading changes nothing. `asker` is the client that wants the page, if one does.
pub(crate) async fn page(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    cursor: LogCursor,
    asker: Option<&ClientState>,
) -> Result<LoadedPage, HistoryError> {
    let bounds = core.history.page;
    let cursor = cursor.at_most(bounds.events);
    ensure_loaded(core, room).await?;
    let Some(mut local) = local_page(&core.history, room, event, cursor) else {
        return Ok(LoadedPage::default());
    };
    if core.history.durable.is_some()
        && let LogCursor::Before { limit, .. } = cursor
        && !local.more
        && core.history.log.has_older(&room.id, event)
    {
        if local.events.len() == limit {
            local.more = true;
        } else if let Some(stored) = stored_page(core, room, event, cursor).await? {
            local = stored;
        }
    }
    let missing = local.remainder.span();
    let (mut events, mut more): (Vec<PageEvent>, bool) =
        (local.events.into_iter().map(PageEvent::from).collect(), local.more);
    let mut has_loaded = false;
    if !more {
        // Events without a number that are here come between those with a number and those of the hook.
        let unnumbered = match cursor {
            LogCursor::Before { .. } => unnumbered_here(&core.history, room, event, missing.saturating_add(1)),
            LogCursor::Index { .. } | LogCursor::Unnumbered { .. } => Vec::new(),
        };
        let query = HistoryQuery {
            room_id: room.id.clone(),
            epoch: room.incarnation.as_ref().to_owned(),
            event: event.clone(),
            before: local.before,
            skip: local.remainder.skipped(),
            // Asks for one more event, to learn whether there are more.
            limit: missing.saturating_add(1),
        };
        let mut loaded = Vec::new();
        // If the page is already full, the hook is not called. There may be more.
        if core.history.loads && missing > 0 {
            loaded = load(core, query, asker).await?;
            if let LogCursor::Unnumbered { .. } = cursor {
                loaded.retain(|message| message.seq.is_none());
            }
        }
        has_loaded = !loaded.is_empty();
        let mut older = Vec::new();
        for message in &loaded {
            let text = encoded(message);
            check_loaded(&core.limits, message, text.len())
                .map_err(|mistake| core.returned("load_history", asked_for(asker, room, &message.event), mistake))
                .map_err(HistoryError::HookFailed)?;
            older.push(PageEvent {
                text,
                is_numbered: message.seq.is_some(),
            });
        }
        let numbered = older.iter().take_while(|event| event.is_numbered).count();
        older.splice(numbered..numbered, unnumbered);
        more = older.len() > missing || (core.history.loads && missing == 0);
        older.truncate(missing);
        events.append(&mut older);
    }
    let (fitting, more) = truncate(events, more, bounds.bytes);
    Ok(LoadedPage {
        next: next_page(cursor, &fitting, has_loaded).filter(|_| more),
        events: fitting.into_iter().map(|event| event.text).collect(),
        more,
    })
}

/// An event of a page.
struct PageEvent {
    text: Bytes,
    is_numbered: bool,
}

impl From<StoredEvent> for PageEvent {
    fn from(stored: StoredEvent) -> Self {
        Self {
            is_numbered: stored.seq.is_some(),
            text: stored.into_frame(),
        }
    }
}

/// The newest events without a number that are in this process.
fn unnumbered_here(history: &History, room: &RoomCell, event: &EventName, limit: usize) -> Vec<PageEvent> {
    let cursor = LogCursor::Unnumbered { skip: 0, limit };
    let local = local_page(history, room, event, cursor);
    local
        .into_iter()
        .flat_map(|local| local.events)
        .map(PageEvent::from)
        .collect()
}

/// What continues a page whose last event has no number. A page by position continues so if it has everything that is newer:
/// it begins with the newest event, and goes beyond what memory has.
fn next_page(cursor: LogCursor, events: &[PageEvent], has_loaded: bool) -> Option<NextPage> {
    events.last().filter(|last| !last.is_numbered)?;
    let unnumbered = events.iter().filter(|event| !event.is_numbered).count();
    let skipped = match cursor {
        LogCursor::Before { .. } => 0,
        LogCursor::Unnumbered { skip, .. } => skip,
        LogCursor::Index { start: 0, .. } if has_loaded => 0,
        LogCursor::Index { .. } => return None,
    };
    Some(NextPage::unnumbered((skipped + unnumbered) as u64))
}

/// The part of a page that is in this process: in memory and in the archive queue.
struct LocalPage {
    /// Newest first.
    events: Vec<StoredEvent>,
    /// Whether this process has older events too.
    more: bool,
    /// The part of the request that goes beyond these events.
    remainder: LogCursor,
    /// Events beyond are older than the event with this number.
    before: Option<u64>,
}

impl LocalPage {
    fn new(cursor: LogCursor) -> Self {
        Self {
            events: Vec::new(),
            more: false,
            remainder: cursor,
            before: cursor.below(),
        }
    }

    /// Adds a page of the next older events. `reach` says how far back all of these events go.
    fn add(&mut self, page: LogPage, reach: Reach) {
        self.remainder = self.remainder.beyond(reach.count, page.events.len());
        self.before = self.before.into_iter().chain(reach.lowest).min();
        self.events.extend(page.events);
        self.more = page.more;
    }
}

/// Reads a page by number from the store, up to the last event that was applied here. `None` without a store.
async fn stored_page(
    core: &Core,
    room: &RoomCell,
    event: &EventName,
    cursor: LogCursor,
) -> Result<Option<LocalPage>, StoreFailure> {
    let (Some(durable), LogCursor::Before { seq, limit }) = (&core.history.durable, cursor) else {
        return Ok(None);
    };
    let before = seq.min(room.lock().record.seq().saturating_add(1));
    let page = loop {
        let erasures = core.history.erasures();
        let answer = durable.page(room_key(room), event.clone(), before, limit, core.history.page);
        let page = read_within_deadline(core, answer).await?;
        // Otherwise, events in it may have been erased meanwhile.
        if core.history.erasures() == erasures {
            break page;
        }
    };
    let mut local = LocalPage::new(LogCursor::Before { seq: before, limit });
    let lowest = page.events.last().and_then(|stored| stored.seq);
    let count = page.events.len();
    local.add(page, Reach { count, lowest });
    Ok(Some(local))
}

/// Reads the part of a page that is in memory. With `load_history`, which can continue the page, also reads the part
/// that is in the archive queue. `None` if the room has been deleted.
fn local_page(history: &History, room: &RoomCell, event: &EventName, cursor: LogCursor) -> Option<LocalPage> {
    let mut local = LocalPage::new(cursor);
    // While this lock is held, no other room can take the id, and the history with it.
    let state = room.lock();
    if state.record.is_deleted() {
        return None;
    }
    if !room.is_present(&state) {
        return Some(local);
    }
    history.log.page(&room.id, event, cursor, history.page, |page, reach| {
        local.add(page, reach);
        if !local.more && history.loads && history.durable.is_none() {
            let series = Series::of(&room.id, &room.incarnation, event);
            let (page, reach) = history.archive.page(&series, local.remainder, history.page);
            local.add(page, reach);
        }
    });
    Some(local)
}

/// Loads the events that match a query with `load_history`, newest first.
async fn load(
    core: &Core,
    query: HistoryQuery,
    asker: Option<&ClientState>,
) -> Result<Vec<EventMessage>, HistoryError> {
    let (room, event, before) = (query.room_id.clone(), query.event.clone(), query.before);
    let depth = checked_depth(&core.limits)?;
    let involved = Involved {
        event: Some(&event),
        ..asker.map(Involved::client).unwrap_or_default().in_room(&room)
    };
    let hooks = &core.hooks.load_history;
    // Each of several hooks has only a part of the events, so none can skip for all of them.
    let skip = if hooks.of(None).count() > 1 { query.skip } else { 0 };
    if skip > MAX_SKIP {
        return Err(LimitExceeded::HistorySkip { limit: MAX_SKIP }.into());
    }
    let query = HistoryQuery {
        skip: query.skip - skip,
        limit: query.limit.saturating_add(skip),
        ..query
    };
    let mut loaded = Vec::new();
    for hook in hooks.of(None) {
        let call = || (hook.run)(query.clone());
        loaded.extend(core.run_hook(hook.name, involved, depth, call).await?);
    }
    loaded.retain(|message| {
        let is_older = before.is_none_or(|before| message.seq.is_none_or(|seq| seq < before));
        message.event == event && message.room_id == room && is_older
    });
    // Events without a number count as older than all events with one. Events of the same millisecond keep the hook's
    // order.
    loaded.sort_by_key(|message| (Reverse(message.seq), Reverse(message.timestamp)));
    // Several hooks may know the same event.
    loaded.dedup_by(|later, first| first.seq.is_some() && first.seq == later.seq);
    loaded.drain(..skip.min(loaded.len()));
    Ok(loaded)
}

/// As many of these events as fit, but at least one, and whether there are more.
fn truncate(mut events: Vec<PageEvent>, more: bool, max_bytes: usize) -> (Vec<PageEvent>, bool) {
    let mut bytes = 0;
    let fitting = events
        .iter()
        .take_while(|event| {
            bytes += event.text.len();
            bytes <= max_bytes
        })
        .count()
        .max(1);
    let truncated = fitting < events.len();
    events.truncate(fitting);
    (events, more || truncated)
}

/// Reads a page of history as messages, for the server's own use.
pub(in crate::runtime) async fn messages(
    core: &Arc<Core>,
    room: &RoomCell,
    event: &EventName,
    range: std::ops::Range<usize>,
) -> Result<Vec<EventMessage>, HistoryError> {
    let cursor = LogCursor::Index {
        start: range.start,
        end: range.end,
    };
    let page = page(core, room, event, cursor, None).await?;
    Ok(page
        .events
        .iter()
        .filter_map(|event| serde_json::from_slice(event).ok())
        .collect())
}
