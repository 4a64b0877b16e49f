//! Erases the data of events: in the log and the archive queue, for the members that asked for it, and for archives.
//!
//! Texts are replaced first. Then members receive `erased`, under the room's lock. A client that joins in between finds the
//! events erased. With a store, the erasure is stored before, and then applied in the order of the room's log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::coop::consume_budget;

use crate::id::{EventName, RoomId, UserId};
use crate::log::archive_queue::Series;
use crate::log::durable::{DurableLog, ErasedPlace, RoomKey};
use crate::log::{ErasedHistory, StoredEvent};
use crate::protocol::is_unerased_of;
use crate::room::{LogPlace, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::deadline::{first_contact, within, within_deadline};
use crate::runtime::erased::{erased_text, replace_in_window, tell};
use crate::runtime::history::archive;
use crate::runtime::history::error::EraseError;
use crate::runtime::publish::apply_queue::apply_in_order;
use crate::runtime::publish::reach::reach_end_of_log;
use crate::store_failure::StoreFailure;

/// How many events of a user are erased in one step. Their `erased` frames wait together in each member's outbox, so they
/// must take little of it: 200 frames have at most 40 KB.
const STEP: usize = 200;

/// How long one search for a user's events may take: it may read everything that the store has.
const SEARCH_DEADLINE: Duration = Duration::from_secs(600);

/// Erases the event with this number in this incarnation of a room. Returns whether the server had its data.
pub(in crate::runtime) async fn erase(core: &Arc<Core>, room: &Arc<RoomCell>, seq: u64) -> Result<bool, EraseError> {
    match core.store_to_change() {
        Some(store) => erase_in_store(core, store, &room.id, &room.incarnation, seq).await,
        None => Ok(erase_in_memory(core, &room.id, &room.incarnation, seq)),
    }
}

/// Erases the events of a user in all rooms. Returns the number of events that were not erased before.
pub(in crate::runtime) async fn erase_user(core: &Arc<Core>, user: &UserId) -> Result<u64, EraseError> {
    let mut count = 0;
    if let Some(store) = core.store_to_change() {
        first_contact(core).await?;
        count += erase_user_in_store(core, store, user).await?;
    }
    Ok(count + erase_user_in_memory(core, user).await)
}

fn erase_in_memory(core: &Arc<Core>, id: &RoomId, epoch: &Arc<str>, seq: u64) -> bool {
    let top = match core.rooms.find_incarnation(id, Some(epoch)) {
        Some(room) => room.lock().record.seq(),
        // An idle room's events are still there.
        None => match core.history.remembered(id) {
            Some(idle) if idle.epoch == *epoch => idle.top,
            _ => return false,
        },
    };
    if !(1..=top).contains(&seq) {
        return false;
    }
    let found = replace(core, id, epoch, &|event| {
        erased_text(event, |event| event.seq == Some(seq))
    });
    tell_members(core, id, epoch, &[seq]);
    let event = found.first().map(|event| event.event.clone());
    inform(core, id, epoch, event, vec![seq]);
    !found.is_empty()
}

async fn erase_in_store(
    core: &Arc<Core>,
    store: &Arc<dyn DurableLog>,
    id: &RoomId,
    epoch: &Arc<str>,
    seq: u64,
) -> Result<bool, EraseError> {
    let room = RoomKey {
        id: id.clone(),
        epoch: Arc::clone(epoch),
    };
    let top = within_deadline(core, store.top(room.clone())).await?;
    if !(1..=top).contains(&seq) {
        return Ok(false);
    }
    let event = None;
    let was_erased = erase_places(core, store, vec![ErasedPlace { room, event, seq }]).await? > 0;
    if !was_erased {
        tell_members(core, id, epoch, &[seq]);
        inform(core, id, epoch, None, vec![seq]);
    }
    Ok(was_erased)
}

async fn erase_user_in_store(core: &Arc<Core>, store: &Arc<dyn DurableLog>, user: &UserId) -> Result<u64, EraseError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let found = within(SEARCH_DEADLINE, store.events_of(user.clone(), after, STEP)).await?;
        if !found.events.is_empty() {
            count += erase_places(core, store, found.events).await?;
        }
        after = found.next;
        if after.is_none() {
            return Ok(count);
        }
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
    let stays = core.lifecycle.changes.token();
    let done = move |outcome: Result<Vec<ErasedPlace>, StoreFailure>| {
        of_done.history.note_erasure();
        let count = outcome.map(|places| {
            let count = places.len() as u64;
            for (series, seqs) in by_series(places) {
                let Series { room, epoch, event } = series;
                match of_done.rooms.find_incarnation(&room, Some(&epoch)) {
                    Some(room) => {
                        let part = (part.clone(), stays.clone());
                        if of_done.cluster.is_some() {
                            inform(&of_done, &room.id, &room.incarnation, Some(event), seqs);
                            follow(&of_done, room, part);
                            continue;
                        }
                        // An event whose outcome is unknown may follow later. It is erased then.
                        apply_in_order(&of_done, &room, LogPlace::Unnumbered, move |core, room| {
                            apply(core, room, event, seqs);
                            drop(part);
                        });
                    }
                    // Nobody is in a room that is not loaded.
                    None => {
                        if of_done.rooms.find(&room).is_none() {
                            replace_in_window(&of_done, &room, &seqs);
                        }
                        inform(&of_done, &room, &epoch, Some(event), seqs);
                    }
                }
            }
            count
        });
        let _ = answer.send(count);
    };
    store.erase(places, Box::new(done));
    let erased = async {
        let count = answered.await.unwrap_or(Err(StoreFailure::Closed))?;
        while applied.recv().await.is_some() {}
        Ok(count)
    };
    within_deadline(core, erased).await
}

/// Lets a room follow the erasures of all nodes, as its position tells them, before it drops `part`.
fn follow(core: &Arc<Core>, room: Arc<RoomCell>, part: impl Send + 'static) {
    let of_task = Arc::clone(core);
    core.lifecycle.tasks.spawn(async move {
        // Nobody is in a room that is not loaded.
        if room.loaded.initialized() {
            let _late = reach_end_of_log(&of_task, &room).await;
        }
        drop(part);
    });
}

/// The numbers of each series, in the order of the log.
fn by_series(places: impl IntoIterator<Item = ErasedPlace>) -> Vec<(Series, Vec<u64>)> {
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
fn apply(core: &Arc<Core>, room: &Arc<RoomCell>, event: EventName, seqs: Vec<u64>) {
    {
        let state = room.lock();
        if state.record.is_deleted() {
            return;
        }
        replace_in_window(core, &room.id, &seqs);
        tell(core, &room.id, &state, &seqs);
    }
    inform(core, &room.id, &room.incarnation, Some(event), seqs);
}

/// Erases a user's events that are in memory. With a store, only those without a number are not in the store.
async fn erase_user_in_memory(core: &Arc<Core>, user: &UserId) -> u64 {
    let only_unnumbered = core.history.durable.is_some();
    // Texts are read without a lock: there may be many, and they may be long.
    let is_due = |event: &StoredEvent| (event.seq.is_none() || !only_unnumbered) && is_unerased_of(&event.body, user);
    let mut count = 0;
    for id in core.history.log.rooms() {
        let (epoch, found) = in_one_incarnation(core, &id);
        let found: Vec<_> = found.into_iter().filter(is_due).collect();
        count += erase_found(core, &id, epoch.as_ref(), &found).await;
    }
    // Last, because events move from the log to this queue.
    let mut waiting: HashMap<Series, Vec<StoredEvent>> = HashMap::new();
    for (series, event) in core.history.archive.all() {
        waiting.entry(series).or_default().push(event);
    }
    for (Series { room, epoch, .. }, mut found) in waiting {
        found.retain(is_due);
        count += erase_found(core, &room, Some(&epoch), &found).await;
    }
    count
}

/// A room's events in memory, and the incarnation that they belong to, if this server knows it.
fn in_one_incarnation(core: &Core, id: &RoomId) -> (Option<Arc<str>>, Vec<StoredEvent>) {
    let epoch = || match core.rooms.find(id) {
        Some(room) => Some(Arc::clone(&room.incarnation)),
        None => Some(core.history.remembered(id)?.epoch),
    };
    loop {
        let before = epoch();
        let events = core.history.log.peek(id);
        // Another room may have taken the id, and the log with it.
        if epoch() == before {
            return (before, events);
        }
    }
}

/// Erases events that were found in memory. They may have moved from the log to the archive queue, or out of it, since then.
async fn erase_found(core: &Arc<Core>, id: &RoomId, epoch: Option<&Arc<str>>, found: &[StoredEvent]) -> u64 {
    // `found` keeps the texts, so no other text has their addresses.
    let address = |event: &StoredEvent| event.body.as_ptr() as usize;
    for step in found.chunks(STEP) {
        let text_of = |event| Some((address(event), erased_text(event, |_| true)?));
        let texts: HashMap<usize, Bytes> = step.iter().filter_map(text_of).collect();
        let with = |event: &StoredEvent| texts.get(&address(event)).cloned();
        if let Some(epoch) = epoch {
            replace(core, id, epoch, &with);
            let seqs: Vec<u64> = step.iter().filter_map(|event| event.seq).collect();
            tell_members(core, id, epoch, &seqs);
            let places = step.iter().filter_map(|event| {
                Some(ErasedPlace {
                    room: RoomKey {
                        id: id.clone(),
                        epoch: Arc::clone(epoch),
                    },
                    event: Some(event.event.clone()),
                    seq: event.seq?,
                })
            });
            for (Series { room, epoch, event }, seqs) in by_series(places) {
                inform(core, &room, &epoch, Some(event), seqs);
            }
        } else {
            core.history.log.replace(id, &with);
        }
        consume_budget().await;
    }
    found.len() as u64
}

/// Replaces texts in the log and in the archive queue.
fn replace(core: &Core, id: &RoomId, epoch: &str, with: &dyn Fn(&StoredEvent) -> Option<Bytes>) -> Vec<StoredEvent> {
    let mut replaced = core.history.log.replace(id, with);
    replaced.extend(core.history.archive.replace(id, epoch, with));
    replaced
}

/// Tells the members of a room's incarnation, if it is present. Call it after the texts are replaced: a client that
/// joins meanwhile finds the events erased.
fn tell_members(core: &Core, id: &RoomId, epoch: &str, seqs: &[u64]) {
    if let Some(room) = core.rooms.find_incarnation(id, Some(epoch)) {
        let state = room.lock();
        if !state.record.is_deleted() {
            tell(core, id, &state, seqs);
        }
    }
}

/// Calls `on_erased`.
fn inform(core: &Arc<Core>, id: &RoomId, epoch: &str, event: Option<EventName>, seqs: Vec<u64>) {
    let (room_id, epoch) = (id.clone(), epoch.to_owned());
    archive::inform(
        core,
        ErasedHistory {
            room_id,
            epoch,
            event,
            seqs,
        },
    );
}

#[cfg(test)]
mod tests;
