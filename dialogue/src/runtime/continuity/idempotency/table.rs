//! The table of idempotency keys: which are remembered, for how long, and which go first if there are too many.
//!
//! - A delivered key is remembered for two minutes, and with its connection for two minutes after the connection's end. Of
//!   an older key, a living connection keeps a fingerprint.
//! - A holder has a limited number of keys. If all holders together have too many, the holder with the most keys loses its
//!   oldest. A connection that loses a key this way is marked.
//!
//! Reads no clock: the caller passes the time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::time::Instant;

use super::connections::Connections;
use super::key::{Key, Owner, WINDOW};
use super::outcome::KeyedOutcome;
use crate::connection::Holder;
use crate::protocol::FirstAttempt;

/// The length up to which the queue of delivered keys is not searched for forgotten ones.
const MIN_DELIVERED: usize = 64;

pub(super) struct KeyTable {
    max: usize,
    max_of_holder: usize,
    /// The keys of delivered triggers, and of those that run.
    slots: HashMap<Arc<Key>, Slot>,
    /// The keys of delivered triggers, the oldest first. Some have been forgotten meanwhile.
    delivered: VecDeque<(Instant, Arc<Key>)>,
    /// How many delivered keys there are.
    count: usize,
    holders: HashMap<Holder, HolderKeys>,
    /// The holders by their number of keys. Of those with equally many, the newest comes last.
    by_count: BTreeMap<(usize, u64), Holder>,
    next_holder: u64,
    pub(super) connections: Connections,
    fingerprints: RandomState,
}

/// Whether a repetition may run whose key is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// No: its first attempt may have been delivered.
    No,
    /// Yes: its first attempt has certainly not been delivered.
    Yes,
    /// If it is known that it was not delivered in this earlier run: the store decides.
    UnlessStored { run: u64 },
}

struct Slot {
    outcome: Arc<KeyedOutcome>,
    /// `Some` once the trigger is delivered and its key counts.
    owner: Option<Owner>,
}

/// The delivered keys of one holder.
struct HolderKeys {
    number: u64,
    count: usize,
    /// The oldest first. Some have been forgotten meanwhile, but not the first one.
    keys: VecDeque<Arc<Key>>,
}

impl KeyTable {
    pub(super) fn new(max: usize, max_of_holder: usize) -> Self {
        Self {
            max,
            max_of_holder,
            slots: HashMap::new(),
            delivered: VecDeque::new(),
            count: 0,
            holders: HashMap::new(),
            by_count: BTreeMap::new(),
            next_holder: 0,
            connections: Connections::default(),
            fingerprints: RandomState::new(),
        }
    }

    /// The key as the table has it, and the outcome that all triggers with this key share.
    pub(super) fn slot(&mut self, key: Key) -> (Arc<Key>, Arc<KeyedOutcome>) {
        if let Some((key, slot)) = self.slots.get_key_value(&key) {
            return (Arc::clone(key), Arc::clone(&slot.outcome));
        }
        let (key, outcome) = (Arc::new(key), Arc::<KeyedOutcome>::default());
        let slot = Slot {
            outcome: Arc::clone(&outcome),
            owner: None,
        };
        self.slots.insert(Arc::clone(&key), slot);
        (key, outcome)
    }

    /// Whether a repetition may run whose key is not in the table.
    pub(super) fn may_run(&mut self, key: &Key, first: &FirstAttempt, now: Instant) -> Permission {
        self.expire(now);
        let fingerprint = self.fingerprint(key);
        let record = self.connections.of_user(&first.client_id, &key.user);
        match record.filter(|record| *first.epoch == *key.epoch && !record.may_have_sent(fingerprint)) {
            None => Permission::No,
            Some(record) => match record.earlier_run() {
                None => Permission::Yes,
                Some(run) => Permission::UnlessStored { run },
            },
        }
    }

    /// A trigger has ended, with this outcome. Its key stays if its event was published.
    pub(super) fn release(&mut self, key: &Arc<Key>, outcome: Arc<KeyedOutcome>, now: Instant) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        // The key may have been forgotten meanwhile, and used again.
        if !Arc::ptr_eq(&slot.outcome, &outcome) || slot.owner.is_some() {
            return;
        }
        drop(outcome);
        let owner = slot.outcome.progress.lock().owner.clone();
        match owner {
            Some(owner) => {
                slot.owner = Some(owner.clone());
                self.remember(key, owner.holder, now);
            }
            None if Arc::get_mut(&mut slot.outcome).is_some() => drop(self.slots.remove(key)),
            None => {}
        }
    }

    /// Counts a delivered key, and forgets others if there are too many.
    fn remember(&mut self, key: &Arc<Key>, holder: Holder, now: Instant) {
        // Otherwise, the keys that are forgotten early would stay here for two minutes.
        if self.delivered.len() >= self.max.saturating_mul(2).max(MIN_DELIVERED) {
            let slots = &self.slots;
            self.delivered.retain(|(_, key)| Self::has(slots, key));
        }
        self.delivered.push_back((now, Arc::clone(key)));
        self.count += 1;
        let next = &mut self.next_holder;
        let keys = self.holders.entry(holder.clone()).or_insert_with(|| {
            *next += 1;
            HolderKeys {
                number: *next,
                count: 0,
                keys: VecDeque::new(),
            }
        });
        self.by_count.remove(&(keys.count, keys.number));
        keys.count += 1;
        keys.keys.push_back(Arc::clone(key));
        self.by_count.insert((keys.count, keys.number), holder.clone());
        if keys.count > self.max_of_holder {
            self.evict_from(&holder);
        }
        self.forget_excess();
    }

    /// Forgets keys and connections until there are not too many.
    pub(super) fn forget_excess(&mut self) {
        while self.count > self.max {
            let Some((_, holder)) = self.by_count.last_key_value() else {
                return;
            };
            let holder = holder.clone();
            self.evict_from(&holder);
        }
        while let Some(kept) = self.connections.forget_one(None) {
            kept.iter().for_each(|key| self.forget(key));
        }
    }

    /// Forgets the oldest key of a holder, and marks the connection that sent it.
    fn evict_from(&mut self, holder: &Holder) {
        let Some(key) = self.holders.get(holder).and_then(|keys| keys.keys.front()).cloned() else {
            return;
        };
        let owner = self.slots.get(&key).and_then(|slot| slot.owner.as_ref());
        let record = owner.and_then(|owner| self.connections.get_mut(&owner.connection));
        if let Some(record) = record {
            record.note_gap();
        }
        self.forget(&key);
    }

    /// Whether the table still has this key of a delivered trigger, and not a later use of the same text.
    fn has(slots: &HashMap<Arc<Key>, Slot>, key: &Arc<Key>) -> bool {
        slots
            .get_key_value(key)
            .is_some_and(|(known, slot)| Arc::ptr_eq(known, key) && slot.owner.is_some())
    }

    /// Forgets a delivered key, if the table still has it.
    fn forget(&mut self, key: &Arc<Key>) {
        if !Self::has(&self.slots, key) {
            return;
        }
        let Some(Owner { holder, .. }) = self.slots.remove(key).and_then(|slot| slot.owner) else {
            return;
        };
        self.count -= 1;
        let Some(keys) = self.holders.get_mut(&holder) else {
            return;
        };
        self.by_count.remove(&(keys.count, keys.number));
        keys.count -= 1;
        while keys.keys.front().is_some_and(|oldest| !Self::has(&self.slots, oldest)) {
            keys.keys.pop_front();
        }
        if keys.count == 0 {
            self.holders.remove(&holder);
        } else {
            self.by_count.insert((keys.count, keys.number), holder);
        }
    }

    /// When the next key or connection expires.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let key = self.delivered.front().map(|(at, _)| *at + WINDOW);
        let connection = self.connections.next_due();
        key.into_iter().chain(connection).min()
    }

    /// Forgets what is too old: keys, and connections that have ended.
    pub(super) fn expire(&mut self, now: Instant) {
        let mut is_changed = false;
        while let Some((at, _)) = self.delivered.front() {
            if now.duration_since(*at) < WINDOW {
                break;
            }
            is_changed = true;
            if let Some((_, key)) = self.delivered.pop_front() {
                self.retire(key);
            }
        }
        while let Some(kept) = self.connections.forget_one(Some(now)) {
            is_changed = true;
            kept.iter().for_each(|key| self.forget(key));
        }
        if is_changed && self.delivered.is_empty() {
            // Frees the memory that a wave of triggers has taken.
            self.slots.shrink_to_fit();
            self.delivered.shrink_to_fit();
            self.holders.shrink_to_fit();
            self.connections.shrink();
        }
    }

    /// The time of a delivered key is over. It stays if its connection has ended, until the connection is forgotten.
    fn retire(&mut self, key: Arc<Key>) {
        if !Self::has(&self.slots, &key) {
            return;
        }
        let fingerprint = self.fingerprint(&key);
        let owner = self.slots.get(&key).and_then(|slot| slot.owner.as_ref());
        match owner.and_then(|owner| self.connections.get_mut(&owner.connection)) {
            Some(record) if record.has_ended() => record.keep(key),
            Some(record) => {
                record.note_old(fingerprint);
                self.forget(&key);
            }
            None => self.forget(&key),
        }
    }

    fn fingerprint(&self, key: &Key) -> u32 {
        let hash = self.fingerprints.hash_one((&key.epoch, &key.key));
        (hash >> 32) as u32
    }

    /// How many entries the table has in all its parts, and whether its counts agree.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let delivered = self.slots.values().filter(|slot| slot.owner.is_some()).count();
        assert_eq!(self.count, delivered);
        assert_eq!(self.holders.values().map(|keys| keys.count).sum::<usize>(), delivered);
        assert_eq!(self.by_count.len(), self.holders.len());
        self.slots.len() + self.delivered.len() + self.holders.len() + self.connections.len()
    }

    #[cfg(test)]
    pub(super) fn count_of(&self, holder: &Holder) -> usize {
        self.holders.get(holder).map_or(0, |keys| keys.count)
    }
}
