//! Keeps the index of created rooms up to date with a log that several nodes share, and announces what other nodes create and
//! delete.
//!
//! What the feed says is only a hint: whatever it is, the room's record is read from the log, and the index then follows the
//! record. One task reads, so that a later record comes later here, too. A room that is loaded ends through the queue of its
//! log's changes, behind its events. Hooks run only on the node that created or deleted a room.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::announce::{ChangedBy, announce_added, announce_removed};
use super::index::{Followed, RoomOfIndex};
use super::load::report_hidden;
use super::stored_config::described;
use super::unsettled::Unread;
use crate::id::RoomId;
use crate::log::StoreFailure;
use crate::log::durable::{Creator, IndexedRoom, IndexedState, StoredRoom};
use crate::room::{LogPlace, RoomCell};
use crate::runtime::core::Core;
use crate::runtime::deadline::read_within_deadline;
use crate::runtime::membership::delete_at_once::end_deleted;
use crate::runtime::publish::apply_queue::apply_in_order;

/// The pause after a failed read.
const PAUSE: Duration = Duration::from_secs(1);

/// Begins to follow the log, for as long as the server lives. Call it when the index is known. Keeps nothing alive.
pub(in crate::runtime) fn start(core: &Arc<Core>) {
    let server = Arc::downgrade(core);
    let follow_all = move || follow_all(Weak::clone(&server)).boxed();
    core.rooms
        .unsettled
        .worker
        .push_again(&core.lifecycle.background, follow_all);
}

/// The feed says that this incarnation of a room was created.
pub(in crate::runtime) fn note_created(core: &Core, id: &RoomId, incarnation: &str) {
    if !core.rooms.has_incarnation(id, incarnation) {
        core.rooms.unsettled.note(id);
    }
}

/// The feed says that this incarnation of a room was deleted.
pub(in crate::runtime) fn note_deleted(core: &Arc<Core>, id: &RoomId, incarnation: &str) {
    match core.rooms.find_incarnation(id, Some(incarnation)) {
        Some(room) => end_loaded(core, &room),
        None => core.rooms.unsettled.note(id),
    }
}

/// These are all rooms that the log knows by id and that `is_covered`.
pub(in crate::runtime) fn note_all(core: &Core, index: Vec<IndexedRoom>, is_covered: &dyn Fn(&str) -> bool) {
    let mut created: HashMap<RoomId, Arc<str>> = HashMap::new();
    for IndexedRoom { id, incarnation, state } in index {
        match state {
            IndexedState::Created { .. } => drop(created.insert(id, incarnation)),
            IndexedState::Deleted if core.rooms.find(&id).is_some() => core.rooms.unsettled.note(&id),
            IndexedState::Deleted => {}
        }
    }
    for (id, incarnation) in &created {
        note_created(core, id, incarnation);
    }
    for (id, incarnation) in core.rooms.incarnations() {
        if is_covered(&id) && created.get(&id) != Some(&incarnation) {
            core.rooms.unsettled.note(&id);
        }
    }
}

async fn follow_all(server: Weak<Core>) {
    let parts = server
        .upgrade()
        .map(|core| (core.lifecycle.stopping.clone(), Arc::clone(&core.rooms.unsettled)));
    let Some((stopping, unsettled)) = parts else {
        return;
    };
    let rounds = async {
        while let Some(core) = server.upgrade() {
            let unread = unsettled.take();
            if unread.is_empty() {
                drop(core);
                unsettled.noted().await;
                continue;
            }
            let has_failed = read(&core, unread).await.is_err();
            drop(core);
            if has_failed {
                sleep(PAUSE).await;
            }
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = rounds => {}
    }
}

async fn read(core: &Arc<Core>, unread: BTreeMap<RoomId, Unread>) -> Result<(), StoreFailure> {
    let records = match &core.history.durable {
        Some(durable) => read_within_deadline(core, durable.rooms(unread.keys().cloned().collect())).await,
        None => Err(StoreFailure::Closed),
    };
    match records {
        Ok(records) => {
            for ((id, mut unread), record) in unread.into_iter().zip(records) {
                if core.rooms.unsettled.is_latest(&id, &mut unread) {
                    follow(core, record);
                    unread.tell(&Ok(()));
                }
            }
            Ok(())
        }
        Err(failure) => {
            for (id, unread) in unread {
                core.rooms.unsettled.fail(id, unread, &failure);
            }
            Err(failure)
        }
    }
}

/// Lets the index follow the record of a room.
fn follow(core: &Arc<Core>, record: StoredRoom) {
    let (id, incarnation) = (record.key.id.clone(), Arc::clone(&record.key.epoch));
    // No lock is held here: this may run the application's code.
    let created = record.created.clone().filter(|_| !record.is_deleted).map(|new| {
        let account = core.rooms.account_of_creator(&id, new.holder.as_deref());
        let is_declared = core.rooms.blueprint(&id).is_some();
        let described = described(&core.rooms, record).filter(|_| is_declared || new.creator == Creator::Server);
        let is_hidden = described.is_none();
        (RoomOfIndex { account, is_hidden }, described.map(Arc::new))
    });
    let followed = core.rooms.in_order(|| {
        let room = created.as_ref().map(|(room, _)| room.clone());
        let followed = core.rooms.follow(&id, &incarnation, room);
        if let Followed::Changed { was_listed, is_new } = followed {
            if was_listed {
                announce_removed(core, &id);
            }
            if let Some((_, Some(room))) = created.as_ref().filter(|_| is_new) {
                announce_added(core, room, None, ChangedBy::AnotherNode);
            }
        }
        followed
    });
    match followed {
        Followed::IsLoaded(room) => end_loaded(core, &room),
        Followed::Changed { is_new: true, .. } if created.is_some_and(|(room, _)| room.is_hidden) => {
            report_hidden(core, 1, Some(&id));
        }
        Followed::Changed { .. } | Followed::Unchanged => {}
    }
}

/// Ends a loaded room that the log has deleted, behind the changes of its log that are known here.
fn end_loaded(core: &Arc<Core>, room: &Arc<RoomCell>) {
    apply_in_order(core, room, LogPlace::Unnumbered, |core, room| {
        end_deleted(core, room);
    });
}
