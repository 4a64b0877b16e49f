//! The register of a server's rooms: the rooms that exist, and the declarations for creating more.
//!
//! Owns the maps by id. It makes sure that additions and removals are announced in order. [`super::shares`] has the limits on
//! all rooms and on those of each holder. [`super::create`] and [`super::expiry`] decide which rooms come and go.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::account::{Account, StoredEntry};
use super::idle::{IdleRooms, Leftovers};
use super::unsettled::Unsettled;

use crate::id::RoomId;
use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;
use crate::room::{IdPattern, KnownEvents, RoomCell, RoomDeclaration, RoomRef, RoomTemplate, Segment};

/// A declared room or family, and the template for its rooms.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) declaration: &'static RoomDeclaration,
    pub(crate) template: Arc<RoomTemplate>,
}

/// The rooms of a server.
pub(crate) struct Rooms {
    fixed: HashMap<&'static str, Blueprint>,
    pub(super) families: Vec<Blueprint>,
    /// Every registered event, by its name.
    pub(crate) known_events: Arc<KnownEvents>,
    pub(super) max_rooms: usize,
    pub(super) on_demand_per_holder: usize,
    pub(super) present: RwLock<Present>,
    /// Held while a room is added or removed and announced, so that announcements have the same order as changes.
    announcing: Mutex<()>,
    /// The empty rooms that will expire.
    pub(super) idle: IdleRooms,
    /// The rooms of anonymous users that somebody must look after.
    pub(super) leftovers: Arc<Leftovers>,
    /// With a cluster: the rooms that other nodes may have created or deleted.
    pub(in crate::runtime) unsettled: Arc<Unsettled>,
}

#[derive(Debug, Default)]
pub(super) struct Present {
    pub(super) by_id: HashMap<RoomId, Arc<RoomCell>>,
    /// The rooms that clients may see, in the order of their ids.
    pub(super) listed: BTreeMap<RoomId, Arc<RoomCell>>,
    /// How many rooms each account has, in the store too.
    pub(super) held: HashMap<Account, usize>,
    /// How many rooms are present because of clients.
    pub(super) of_clients: usize,
    /// Whose share the present rooms take that were loaded for clients.
    pub(super) loaded_for: HashMap<RoomId, Account>,
    /// The created rooms that a store has, whether they are loaded or not.
    pub(super) stored: BTreeMap<RoomId, StoredEntry>,
    /// The ids of rooms that the store is about to create.
    pub(super) reserved: HashSet<RoomId>,
}

/// Why a room cannot be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// A room with this id already exists.
    Exists,
    /// The server has the maximum number of rooms, or rooms of clients have reached a limit.
    LimitExceeded(LimitExceeded),
}

impl Present {
    /// Whether a created room has this id in the store, or is about to.
    pub(super) fn is_taken(&self, id: &str) -> bool {
        self.stored.contains_key(id) || self.reserved.contains(id)
    }

    pub(super) fn insert(&mut self, room: Arc<RoomCell>) {
        if room.is_listed() {
            self.listed.insert(room.id.clone(), Arc::clone(&room));
        }
        self.by_id.insert(room.id.clone(), room);
    }

    /// Counts a room of this account without a check.
    pub(super) fn hold(&mut self, account: Account) {
        *self.held.entry(account).or_default() += 1;
    }

    /// Counts a room of this account no longer.
    pub(super) fn release(&mut self, account: &Account) {
        if let Some(held) = self.held.get_mut(account) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(account);
            }
        }
    }

    /// Counts a room of clients in this process no longer.
    pub(super) fn release_loaded(&mut self) {
        self.of_clients -= 1;
    }

    /// Takes out a room that leaves this process. `is_of_client` says whether a client has created it or joined it first.
    pub(super) fn take_out(&mut self, id: &RoomId, is_of_client: bool) {
        self.by_id.remove(id);
        self.listed.remove(id);
        let share = self.loaded_for.remove(id);
        if let Some(share) = &share {
            self.release(share);
        }
        if share.is_some() || is_of_client {
            self.release_loaded();
        }
    }
}

impl Rooms {
    pub(in crate::runtime) fn new(
        blueprints: impl IntoIterator<Item = Blueprint>,
        known_events: Arc<KnownEvents>,
        limits: &Limits,
    ) -> Self {
        let (mut fixed, mut families) = (HashMap::new(), Vec::new());
        for blueprint in blueprints {
            match blueprint.declaration.id {
                IdPattern::Fixed(id) => {
                    fixed.insert(id, blueprint);
                }
                IdPattern::Family { .. } => families.push(blueprint),
            }
        }
        Self {
            fixed,
            families,
            known_events,
            max_rooms: limits.max_rooms,
            on_demand_per_holder: limits.on_demand_rooms_per_user,
            present: RwLock::default(),
            announcing: Mutex::default(),
            idle: IdleRooms::default(),
            leftovers: Arc::default(),
            unsettled: Arc::default(),
        }
    }

    /// The declared room or family that an id belongs to. Only rooms of this declaration may have the id.
    pub(crate) fn blueprint(&self, id: &str) -> Option<&Blueprint> {
        self.fixed.get(id).or_else(|| self.family(id))
    }

    fn family(&self, id: &str) -> Option<&Blueprint> {
        self.families.iter().find(|family| match &family.declaration.id {
            IdPattern::Family { segments, recognises } => {
                let begins = match segments.first() {
                    Some(Segment::Literal(prefix)) => id.starts_with(prefix),
                    _ => true,
                };
                begins && recognises(id)
            }
            IdPattern::Fixed(_) => false,
        })
    }

    /// Whether an id belongs to a declared room that exists from the start.
    pub(crate) fn is_fixed(&self, id: &str) -> bool {
        self.fixed.contains_key(id)
    }

    /// The declared rooms that exist from the start.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = (&'static str, &Blueprint)> {
        self.fixed.iter().map(|(id, blueprint)| (*id, blueprint))
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<RoomCell>> {
        self.present.read().by_id.get(id).cloned()
    }

    /// Finds the room that a reference means. A handle means exactly its own room, not another that has taken the id.
    pub(crate) fn find_ref(&self, room: &impl RoomRef) -> Option<Arc<RoomCell>> {
        self.find_incarnation(&room.room_id(), room.room_epoch())
    }

    /// Finds the room with this id. If an incarnation is given, the room must also be that one.
    pub(crate) fn find_incarnation(&self, id: &str, incarnation: Option<&str>) -> Option<Arc<RoomCell>> {
        let room = self.find(id)?;
        incarnation
            .is_none_or(|incarnation| *incarnation == *room.incarnation)
            .then_some(room)
    }

    /// Whether exactly this room is registered under its id.
    pub(crate) fn holds(&self, room: &Arc<RoomCell>) -> bool {
        self.find(&room.id).is_some_and(|there| Arc::ptr_eq(&there, room))
    }

    /// Adds a room that no store has created. The checks and the addition are one atomic step.
    pub(in crate::runtime) fn add(&self, room: Arc<RoomCell>) -> Result<(), NotAdded> {
        let account = self.account(&room);
        let mut present = self.present.write();
        if present.by_id.contains_key(&room.id) || present.is_taken(&room.id) {
            return Err(NotAdded::Exists);
        }
        self.check_space(&present)?;
        if let Some(account) = account {
            self.charge(&mut present, &room, account)
                .map_err(NotAdded::LimitExceeded)?;
        }
        present.insert(room);
        Ok(())
    }

    /// Whether one more room fits into this process.
    pub(super) fn check_space(&self, present: &Present) -> Result<(), NotAdded> {
        let limit = self.max_rooms;
        if present.by_id.len() + present.reserved.len() >= limit {
            return Err(NotAdded::LimitExceeded(LimitExceeded::MaxRooms { limit }));
        }
        Ok(())
    }

    /// Adds a room and announces it in `change`. No other room is added or removed meanwhile.
    pub(in crate::runtime) fn in_order<T>(&self, change: impl FnOnce() -> T) -> T {
        let _in_order = self.announcing.lock();
        change()
    }

    /// Removes exactly this room, if it is still registered, and then announces its removal. No other room is added or
    /// removed in between.
    pub(super) fn remove_and(&self, room: &Arc<RoomCell>, announce: impl FnOnce()) {
        let _in_order = self.announcing.lock();
        if self.remove(room) {
            announce();
        }
    }

    /// Removes exactly this room. Another room with the same id stays. Returns whether the room was registered.
    fn remove(&self, room: &Arc<RoomCell>) -> bool {
        let mut present = self.present.write();
        if !present
            .by_id
            .get(&room.id)
            .is_some_and(|there| Arc::ptr_eq(there, room))
        {
            return false;
        }
        let account = self.account(room);
        present.take_out(&room.id, account.is_some());
        present.stored.remove(&room.id);
        if let Some(account) = account {
            present.release(&account);
        }
        true
    }

    /// How many rooms exist.
    pub(crate) fn len(&self) -> usize {
        self.present.read().by_id.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<RoomCell>> {
        self.present.read().by_id.values().cloned().collect()
    }

    /// A page of the rooms that clients may see, starting after an id, and whether there are more.
    pub(crate) fn listed(&self, after: Option<&str>, max: usize) -> (Vec<Arc<RoomCell>>, bool) {
        let present = self.present.read();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut following = present
            .listed
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, room)| Arc::clone(room));
        let page = following.by_ref().take(max).collect();
        (page, following.next().is_some())
    }
}
