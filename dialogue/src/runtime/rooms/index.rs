//! The index of the created rooms in a store: which exist, and whose share they take. It loads none of them.
//!
//! Without a store, it is empty.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::account::{Account, LoadedFor, StoredEntry};
use super::registry::{NotAdded, Present, Rooms};
use crate::connection::Holder;
use crate::id::RoomId;
use crate::limit_exceeded::LimitExceeded;
use crate::log::durable::{Creator, IndexedRoom, IndexedState};
use crate::room::RoomCell;

/// Numbers the entries of all indexes.
static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// The result of taking in a room that was read from the store.
pub(super) enum Adopted {
    /// This room is present now.
    Present(Arc<RoomCell>),
    /// Another incarnation took its place meanwhile, or it was deleted.
    Outdated,
}

/// A created room as the index keeps it.
#[derive(Debug, Clone)]
pub(super) struct RoomOfIndex {
    /// What it counts against.
    pub(super) account: Option<Account>,
    /// It cannot be made here.
    pub(super) is_hidden: bool,
}

/// What has become of a record that the index follows.
pub(super) enum Followed {
    /// The index has it already.
    Unchanged,
    Changed {
        /// Whether clients knew the room before.
        was_listed: bool,
        /// Whether there is such a room now.
        is_new: bool,
    },
    /// Another incarnation is loaded. It must end first.
    IsLoaded(Arc<RoomCell>),
}

/// A room in the list of rooms.
pub(super) enum ListedRoom {
    Loaded(Arc<RoomCell>),
    Stored(RoomId),
}

impl ListedRoom {
    pub(super) fn id(&self) -> &RoomId {
        match self {
            Self::Loaded(room) => &room.id,
            Self::Stored(id) => id,
        }
    }
}

fn entry(is_hidden: bool, incarnation: Arc<str>, account: Option<Account>) -> StoredEntry {
    StoredEntry {
        incarnation,
        account,
        is_hidden,
        is_valid: false,
        number: ENTRIES.fetch_add(1, Ordering::Relaxed),
    }
}

impl Rooms {
    /// Notes the created rooms that a store has. Returns how many of them are hidden, because nothing declares them.
    pub(in crate::runtime) fn note_stored(&self, rooms: impl IntoIterator<Item = IndexedRoom>) -> usize {
        let mut hidden = 0;
        for IndexedRoom { id, incarnation, state } in rooms {
            let IndexedState::Created { creator, holder } = state else {
                continue;
            };
            // No lock is held here: this may run the application's code.
            let blueprint = self.blueprint(&id);
            let account = self.account_of_creator(&id, holder.as_deref());
            // Clients create rooms of families only.
            let is_hidden = blueprint.is_none() && creator != Creator::Server;
            hidden += usize::from(is_hidden);
            let mut present = self.present.write();
            if let Some(account) = &account {
                present.hold(account.clone());
            }
            present.stored.insert(id, entry(is_hidden, incarnation, account));
        }
        hidden
    }

    /// The number of a created room's entry, if the room exists in the store, loaded or not.
    pub(super) fn stored(&self, id: &str) -> Option<u64> {
        let present = self.present.read();
        let entry = present.stored.get(id).filter(|entry| !entry.is_hidden)?;
        Some(entry.number)
    }

    /// Whether a created room with this id exists in the store, or is about to.
    pub(super) fn is_taken(&self, id: &str) -> bool {
        self.present.read().is_taken(id)
    }

    /// Whether a created room with this id exists in the store, loaded or not.
    pub(crate) fn is_stored(&self, id: &str) -> bool {
        self.stored(id).is_some()
    }

    /// Reserves the id and the share of a room that the store is about to create.
    pub(super) fn reserve(&self, room: &RoomCell) -> Result<(), NotAdded> {
        let account = self.account(room);
        let mut present = self.present.write();
        let id = &room.id;
        if present.by_id.contains_key(id) || present.is_taken(id) {
            return Err(NotAdded::Exists);
        }
        self.check_space(&present)?;
        if let Some(account) = account {
            self.charge(&mut present, room, account)
                .map_err(NotAdded::LimitExceeded)?;
        }
        present.reserved.insert(id.clone());
        Ok(())
    }

    /// Gives up a reservation.
    pub(super) fn release(&self, room: &RoomCell) {
        let account = self.account(room);
        let mut present = self.present.write();
        present.reserved.remove(&room.id);
        if let Some(account) = account {
            present.release(&account);
            present.release_loaded();
        }
    }

    /// Turns a reservation into a room.
    pub(super) fn confirm(&self, room: &Arc<RoomCell>) {
        let (incarnation, account) = (Arc::clone(&room.incarnation), self.account(room));
        let mut present = self.present.write();
        present.reserved.remove(&room.id);
        present
            .stored
            .insert(room.id.clone(), entry(false, incarnation, account));
        present.insert(Arc::clone(room));
    }

    /// Notes a room that the store has, although it was not in the index. It takes a share of its holder, as in the index.
    pub(super) fn note_unexpected(&self, room: &RoomCell) {
        let account = self.account(room);
        let mut present = self.present.write();
        if present.stored.contains_key(&room.id) {
            return;
        }
        let incarnation = Arc::clone(&room.incarnation);
        if let Some(account) = &account {
            present.hold(account.clone());
        }
        present
            .stored
            .insert(room.id.clone(), entry(false, incarnation, account));
    }

    /// What a stored room counts against, by the text of the holder whose client has created it. Takes no lock: it may run the
    /// application's code.
    pub(super) fn account_of_creator(&self, id: &str, holder: Option<&str>) -> Option<Account> {
        let blueprint = self.blueprint(id)?;
        self.account_of_stored(blueprint.declaration, holder.and_then(Holder::from_text)?)
    }

    /// Whether the room with this id is this incarnation, as far as this node knows.
    pub(super) fn has_incarnation(&self, id: &str, incarnation: &str) -> bool {
        let present = self.present.read();
        let loaded = present.by_id.get(id).map(|room| &*room.incarnation);
        let stored = || present.stored.get(id).map(|entry| &*entry.incarnation);
        loaded.or_else(stored) == Some(incarnation)
    }

    /// The created rooms in the index.
    pub(super) fn incarnations(&self) -> Vec<(RoomId, Arc<str>)> {
        let present = self.present.read();
        let all = present.stored.iter();
        all.map(|(id, entry)| (id.clone(), Arc::clone(&entry.incarnation)))
            .collect()
    }

    /// Lets the index follow a record that was read from a log that several nodes share: the room is this incarnation now, and
    /// exists as a created one if `created` says so.
    pub(super) fn follow(&self, id: &RoomId, incarnation: &Arc<str>, created: Option<RoomOfIndex>) -> Followed {
        let mut present = self.present.write();
        if let Some(room) = present.by_id.get(id) {
            return match room.incarnation == *incarnation {
                true => Followed::Unchanged,
                false => Followed::IsLoaded(Arc::clone(room)),
            };
        }
        // This node is about to create it. What has become of that is noted then.
        if present.reserved.contains(id) {
            return Followed::Unchanged;
        }
        let is_same = |entry: &StoredEntry| created.is_some() && entry.incarnation == *incarnation;
        if present.stored.get(id).is_some_and(is_same) {
            return Followed::Unchanged;
        }
        let before = present.stored.remove(id);
        if let Some(account) = before.as_ref().and_then(|before| before.account.as_ref()) {
            present.release(account);
        }
        let is_new = created.is_some();
        if let Some(RoomOfIndex { account, is_hidden }) = created {
            if let Some(account) = &account {
                present.hold(account.clone());
            }
            let entry = entry(is_hidden, Arc::clone(incarnation), account);
            present.stored.insert(id.clone(), entry);
        }
        Followed::Changed {
            was_listed: before.is_some_and(|before| !before.is_hidden),
            is_new,
        }
    }

    /// Adds a room that was read from the store, if that is still the room with this `number`.
    pub(super) fn adopt(
        &self,
        room: Arc<RoomCell>,
        number: u64,
        loaded_for: LoadedFor<'_>,
    ) -> Result<Adopted, LimitExceeded> {
        let mut present = self.present.write();
        if let Some(there) = present.by_id.get(&room.id) {
            return Ok(Adopted::Present(Arc::clone(there)));
        }
        if present.stored.get(&room.id).is_none_or(|entry| entry.number != number) {
            return Ok(Adopted::Outdated);
        }
        self.charge_loaded(&mut present, &room, loaded_for)?;
        present.insert(Arc::clone(&room));
        Ok(Adopted::Present(room))
    }

    /// Whether a room can be made here, as far as that is known.
    pub(super) fn is_valid(&self, id: &str, number: u64) -> bool {
        let present = self.present.read();
        let entry = present.stored.get(id).filter(|entry| entry.number == number);
        entry.is_some_and(|entry| entry.is_valid)
    }

    /// Notes that a room can be made here.
    pub(super) fn note_valid(&self, id: &str, number: u64) {
        let mut present = self.present.write();
        if let Some(entry) = present.stored.get_mut(id).filter(|entry| entry.number == number) {
            entry.is_valid = true;
        }
    }

    /// Hides a room that cannot be made here. Returns false if it was hidden before, or is another one.
    pub(super) fn hide(&self, id: &str, number: u64) -> bool {
        let mut present = self.present.write();
        let entry = present.stored.get_mut(id).filter(|entry| entry.number == number);
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.is_hidden, true))
    }

    /// Removes a created room from this process, and its window with `forget`. It stays in the store. Returns false if anything
    /// else uses the room, such as a handle or a command. Nobody can take hold of it, or load it again, meanwhile. Called under
    /// the room's lock.
    pub(super) fn unload(&self, room: &Arc<RoomCell>, forget: impl FnOnce()) -> bool {
        let account = self.account(room);
        let mut present = self.present.write();
        let holds = present
            .by_id
            .get(&room.id)
            .is_some_and(|there| Arc::ptr_eq(there, room));
        let own = 2 + usize::from(present.listed.contains_key(&room.id));
        if !holds || Arc::strong_count(room) > own {
            return false;
        }
        present.take_out(&room.id, account.is_some());
        forget();
        true
    }

    /// A page of the rooms that clients may see, loaded or not, in the order of their ids, and whether there are more.
    pub(super) fn listed_or_stored(&self, after: Option<&str>, max: usize) -> (Vec<ListedRoom>, bool) {
        let present = self.present.read();
        let mut page = merged(&present, after, max.saturating_add(1));
        let more = page.len() > max;
        page.truncate(max);
        (page, more)
    }
}

/// The first `max` listed rooms after an id.
fn merged(present: &Present, after: Option<&str>, max: usize) -> Vec<ListedRoom> {
    let from = || (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let loaded = present.listed.range::<str, _>(from()).take(max);
    let stored = present
        .stored
        .range::<str, _>(from())
        .filter(|(id, entry)| !entry.is_hidden && !present.by_id.contains_key(*id))
        .take(max);
    let mut page: Vec<_> = loaded
        .map(|(_, room)| ListedRoom::Loaded(Arc::clone(room)))
        .chain(stored.map(|(id, _)| ListedRoom::Stored(id.clone())))
        .collect();
    page.sort_unstable_by(|a, b| a.id().cmp(b.id()));
    page.truncate(max);
    page
}
