//! Erases the data of events: in the log and the archive queue, for the members that asked to be told, and for archives.
//!
//! Without a store, an erasure is one critical section of the room. With a store, the erasure is stored first, and then
//! applied in the order of the room's log.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::coop::consume_budget;

use super::archive;
use super::error::EraseError;
use crate::connection::Frame;
use crate::id::{EventName, RoomId, UserId};
use crate::log::archive_queue::Series;
use crate::log::durable::{DurableLog, ErasedPlace, RoomKey, StoredPlace};
use crate::log::{ErasedHistory, LogBounds, StoreFailure, StoredEvent};
use crate::protocol::{Header, ServerFrame, erased, is_unerased_of};
use crate::room::{Origin, RoomCell, ServedRoomState};
use crate::runtime::core::Core;
use crate::runtime::publish::apply_queue::apply_in_order;

/// How many events of a user are erased in one step. Their `erased` frames wait together in each member's outbox, so they
/// must take little of it: 200 frames have at most 40 KB.
const STEP: usize = 200;

/// Erases the event with this number in this incarnation of a room. Returns whether the server had its data.
pub(in crate::runtime) async fn erase(core: &Arc<Core>, room: &Arc<RoomCell>, seq: u64) -> Result<bool, EraseError> {
    match core.history.durable.clone() {
        Some(store) => erase_in_store(core, &store, room, seq).await,
        None => Ok(erase_in_memory(core, room, seq)),
    }
}

/// Erases the events of a user in all rooms. Returns how many had their data.
pub(in crate::runtime) async fn erase_user(core: &Arc<Core>, user: &UserId) -> Result<u64, EraseError> {
    let mut count = 0;
    if let Some(store) = core.history.durable.clone() {
        count += erase_user_in_store(core, &store, user).await?;
    }
    Ok(count + erase_user_in_memory(core, user).await)
}

fn erase_in_memory(core: &Arc<Core>, room: &Arc<RoomCell>, seq: u64) -> bool {
    let found = {
        let state = room.lock();
        if !is_present(room, &state) || !(1..=state.record.seq()).contains(&seq) {
            return false;
        }
        let found = replace(core, room, &|event| erased_text(event, |event| event.seq == Some(seq)));
        tell(core, room, &state, &[seq]);
        found
    };
    let event = found.first().map(|event| event.event.clone());
    inform(core, room, event, vec![seq]);
    !found.is_empty()
}

async fn erase_in_store(
    core: &Arc<Core>,
    store: &Arc<dyn DurableLog>,
    room: &Arc<RoomCell>,
    seq: u64,
) -> Result<bool, EraseError> {
    let key = RoomKey {
        id: room.id.clone(),
        epoch: Arc::clone(&room.epoch),
    };
    let top = store.window(key.clone(), Arc::new(|_| 0), LogBounds::NONE).await?.top;
    if !(1..=top).contains(&seq) {
        return Ok(false);
    }
    {
        let mut state = room.lock();
        if !is_present(room, &state) {
            return Ok(false);
        }
        state.record.begin_append();
    }
    let (answer, answered) = oneshot::channel();
    let (of_done, in_room) = (Arc::clone(core), Arc::clone(room));
    let done = move |outcome: Result<Vec<ErasedPlace>, StoreFailure>| {
        apply_in_order(&of_done, &in_room, seq, move |core, room| {
            room.lock().record.end_append();
            let answered = outcome.map(|places| {
                let event = places.first().and_then(|place| place.event.clone());
                apply(core, room, event, vec![seq]);
                !places.is_empty()
            });
            let _ = answer.send(answered);
        });
    };
    let place = ErasedPlace {
        room: key,
        event: None,
        seq,
    };
    store.erase(vec![place], Box::new(done));
    Ok(answered.await.unwrap_or(Err(StoreFailure::Closed))?)
}

async fn erase_user_in_store(core: &Arc<Core>, store: &Arc<dyn DurableLog>, user: &UserId) -> Result<u64, EraseError> {
    let (mut after, mut count) = (0, 0);
    loop {
        let found = store.events_of(user.clone(), after, STEP).await?;
        let Some(StoredPlace { row, .. }) = found.last() else {
            return Ok(count);
        };
        after = *row;
        count += erase_places(core, store, found.into_iter().map(|found| found.place).collect()).await?;
    }
}

/// Erases events in a store, and waits until that is applied in every room. Returns how many had their data.
async fn erase_places(
    core: &Arc<Core>,
    store: &Arc<dyn DurableLog>,
    places: Vec<ErasedPlace>,
) -> Result<u64, EraseError> {
    let (answer, answered) = oneshot::channel();
    // Closed when every room has dropped its part.
    let (part, mut applied) = mpsc::channel::<()>(1);
    let of_done = Arc::clone(core);
    let done = move |outcome: Result<Vec<ErasedPlace>, StoreFailure>| {
        let count = outcome.map(|places| {
            let count = places.len() as u64;
            for (series, seqs) in by_series(places) {
                let Series { room, epoch, event } = &series;
                let part = part.clone();
                match of_done.rooms.find_incarnation(room, Some(epoch)) {
                    Some(room) => {
                        let (event, after) = (event.clone(), seqs.iter().copied().max().unwrap_or(0));
                        apply_in_order(&of_done, &room, after, move |core, room| {
                            apply(core, room, Some(event), seqs);
                            drop(part);
                        });
                    }
                    // Nobody is in a room that is not loaded, and nothing of it is in memory.
                    None => call_hooks(&of_done, series, seqs),
                }
            }
            count
        });
        let _ = answer.send(count);
    };
    store.erase(places, Box::new(done));
    let count = answered.await.unwrap_or(Err(StoreFailure::Closed))?;
    while applied.recv().await.is_some() {}
    Ok(count)
}

/// The numbers of each series, in the order of the log.
fn by_series(places: Vec<ErasedPlace>) -> Vec<(Series, Vec<u64>)> {
    let mut all: Vec<(Series, Vec<u64>)> = Vec::new();
    for ErasedPlace { room, event, seq } in places {
        let Some(event) = event else { continue };
        let series = Series {
            room: room.id,
            epoch: room.epoch,
            event,
        };
        match all.iter_mut().find(|(other, _)| *other == series) {
            Some((_, seqs)) => seqs.push(seq),
            None => all.push((series, vec![seq])),
        }
    }
    all
}

/// Applies an erasure that is stored.
fn apply(core: &Arc<Core>, room: &Arc<RoomCell>, event: Option<EventName>, seqs: Vec<u64>) {
    {
        let mut state = room.lock();
        if state.record.is_deleted() {
            return;
        }
        state.record.note_erasure();
        let is_erased = |event: &StoredEvent| event.seq.is_some_and(|seq| seqs.contains(&seq));
        replace(core, room, &|event| erased_text(event, is_erased));
        tell(core, room, &state, &seqs);
    }
    inform(core, room, event, seqs);
}

/// Erases a user's events that are only in memory. With a store, these have no number.
async fn erase_user_in_memory(core: &Arc<Core>, user: &UserId) -> u64 {
    let only_unnumbered = core.history.durable.is_some();
    let is_due = |event: &StoredEvent| (event.seq.is_none() || !only_unnumbered) && is_unerased_of(&event.body, user);
    let mut count = 0;
    let waiting = core.history.archive.all();
    let mut rooms: Vec<RoomId> = waiting.iter().map(|(series, _)| series.room.clone()).collect();
    rooms.extend(core.history.log.rooms());
    rooms.sort_unstable();
    rooms.dedup();
    for id in rooms {
        // The room comes first: if another one takes its id, nothing is found in the other's log.
        let room = core.rooms.find(&id);
        let in_queue = waiting.iter().filter(|(series, _)| series.room == id);
        let in_queue = in_queue.filter(|(series, _)| room.as_ref().is_some_and(|room| room.epoch == series.epoch));
        // Texts are read without a lock: there may be many, and they may be long.
        let found: Vec<StoredEvent> = in_queue
            .map(|(_, event)| event.clone())
            .chain(core.history.log.peek(&id))
            .filter(is_due)
            .collect();
        for step in found.chunks(STEP) {
            count += erase_found(core, &id, room.as_ref(), step);
            consume_budget().await;
        }
    }
    count
}

/// Erases events that were found in memory. They may have moved from the log to the archive queue, or out of it, since then.
fn erase_found(core: &Arc<Core>, id: &RoomId, room: Option<&Arc<RoomCell>>, found: &[StoredEvent]) -> u64 {
    // `found` keeps the texts, so no other text has their addresses.
    let address = |event: &StoredEvent| event.body.as_ptr() as usize;
    let texts: HashMap<usize, Bytes> = found
        .iter()
        .filter_map(|event| Some((address(event), erased_text(event, |_| true)?)))
        .collect();
    let with = |event: &StoredEvent| texts.get(&address(event)).cloned();
    let Some(room) = room else {
        return core.history.log.replace(id, &with).len() as u64;
    };
    let seqs: Vec<u64> = found.iter().filter_map(|event| event.seq).collect();
    {
        let state = room.lock();
        if state.record.is_deleted() {
            return 0;
        }
        replace(core, room, &with);
        tell(core, room, &state, &seqs);
    }
    let mut by_event: HashMap<&EventName, Vec<u64>> = HashMap::new();
    for event in found {
        by_event.entry(&event.event).or_default().extend(event.seq);
    }
    for (event, seqs) in by_event.into_iter().filter(|(_, seqs)| !seqs.is_empty()) {
        inform(core, room, Some(event.clone()), seqs);
    }
    found.len() as u64
}

/// Whether the room's history belongs to it. An on-demand room that nobody has joined yet only exists for `before_join`:
/// another may have its id and its history.
fn is_present(room: &RoomCell, state: &ServedRoomState) -> bool {
    !state.record.is_deleted() && !(room.origin == Origin::OnDemand && state.record.joins() == 0)
}

/// The erased text of an event that is to be erased, unless it is erased already.
fn erased_text(event: &StoredEvent, is_due: impl Fn(&StoredEvent) -> bool) -> Option<Bytes> {
    // Every event that is kept has an envelope.
    is_due(event).then(|| erased(&event.body).ok().flatten()).flatten()
}

/// Replaces texts in the log and in the archive queue. Called under the room's lock.
fn replace(core: &Core, room: &RoomCell, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent> {
    let mut replaced = core.history.log.replace(&room.id, with);
    replaced.extend(core.history.archive.replace(&room.id, &room.epoch, with));
    replaced
}

/// Queues the `erased` frames for the members that asked for them, behind the events. Called under the room's lock.
fn tell(core: &Core, room: &RoomCell, state: &ServedRoomState, seqs: &[u64]) {
    core.observe.erased(&room.id, seqs);
    let mut frames = None;
    for member in state.local.informed_of_erasures() {
        let frames = frames.get_or_insert_with(|| encoded(&room.id, seqs));
        if !frames.is_empty() {
            member.outbox.push(Frame::Raw(frames.clone()));
        }
    }
}

/// One `erased` frame for each number, with their headers.
fn encoded(room_id: &RoomId, seqs: &[u64]) -> Bytes {
    let mut frames = Vec::new();
    for seq in seqs {
        let text = ServerFrame::Erased { room_id, seq: *seq }.encode();
        frames.extend_from_slice(Header::of_text(text.len()).as_slice());
        frames.extend_from_slice(&text);
    }
    Bytes::from(frames.into_boxed_slice())
}

fn inform(core: &Arc<Core>, room: &RoomCell, event: Option<EventName>, seqs: Vec<u64>) {
    archive::inform(
        core,
        ErasedHistory {
            room_id: room.id.clone(),
            epoch: room.epoch.as_ref().to_owned(),
            event,
            seqs,
        },
    );
}

fn call_hooks(core: &Arc<Core>, series: Series, seqs: Vec<u64>) {
    archive::inform(
        core,
        ErasedHistory {
            room_id: series.room,
            epoch: series.epoch.as_ref().to_owned(),
            event: Some(series.event),
            seqs,
        },
    );
}
