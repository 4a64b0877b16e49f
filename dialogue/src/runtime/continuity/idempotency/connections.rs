//! The connections whose triggers may be repeated: those that live, and those that have ended a short time ago.
//!
//! A record says what the server has forgotten of a connection's triggers, so that it can refuse a repetition that it
//! would not recognise. Pure: the caller passes the time.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use tokio::time::Instant;

use super::key::{Key, WINDOW};
use crate::connection::Holder;
use crate::id::{ClientId, UserId};
use crate::runtime::continuity::ended::{MAX_ENDED, most_ended};

/// How many fingerprints of old keys a connection keeps: 16 KiB. A client that repeats a trigger after that many others
/// is told that the outcome is unknown.
const MAX_OLD: usize = 4_096;

/// What the server remembers of a connection.
pub(super) struct ConnectionRecord {
    user: Digest,
    holder: Digest,
    /// How many connections of the holder are remembered after they have ended.
    most_ended: u32,
    /// Whether a key was forgotten too early, and without a fingerprint.
    has_gaps: bool,
    has_ended: bool,
    /// Most connections send no key, so that they need no memory for them.
    keys: Option<Box<SentKeys>>,
}

/// What is left of the keys that a connection has sent.
#[derive(Default)]
struct SentKeys {
    /// The run in which the connection lived, if that was an earlier one: then only the store knows its keys.
    earlier_run: Option<u64>,
    /// The fingerprints of those that are too old to be remembered as a whole.
    old: Vec<u32>,
    /// Those that are remembered for as long as the connection's record.
    kept: Vec<Arc<Key>>,
}

/// Stands for an id. Nobody can choose two ids with the same digest, because the hash is keyed at random. An ended
/// connection thus keeps no text alive, and a hundred thousand of them stay small.
type Digest = u64;

impl ConnectionRecord {
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The run in which it lived, if that was an earlier one.
    pub(super) fn earlier_run(&self) -> Option<u64> {
        self.keys.as_ref().and_then(|keys| keys.earlier_run)
    }

    /// Whether the connection may have sent a key with this fingerprint that the server has forgotten.
    pub(super) fn may_have_sent(&self, fingerprint: u32) -> bool {
        self.has_gaps || self.keys.as_ref().is_some_and(|keys| keys.old.contains(&fingerprint))
    }

    /// Notes a key that is forgotten because it is old.
    pub(super) fn note_old(&mut self, fingerprint: u32) {
        if self.has_gaps {
            return;
        }
        let old = &mut self.keys.get_or_insert_default().old;
        if old.len() >= MAX_OLD {
            return self.note_gap();
        }
        old.push(fingerprint);
    }

    /// Notes a key that is forgotten too early.
    pub(super) fn note_gap(&mut self) {
        self.has_gaps = true;
        if let Some(keys) = &mut self.keys {
            keys.old = Vec::new();
        }
    }

    /// Keeps a key for as long as this record.
    pub(super) fn keep(&mut self, key: Arc<Key>) {
        self.keys.get_or_insert_default().kept.push(key);
    }
}

#[derive(Default)]
pub(super) struct Connections {
    digests: RandomState,
    records: HashMap<Digest, ConnectionRecord>,
    /// Those that have ended, the oldest first.
    ended: VecDeque<(Instant, Digest)>,
    ended_of_holder: HashMap<Digest, u32>,
}

impl Connections {
    pub(super) fn add(&mut self, id: &ClientId, user: &UserId, holder: &Holder) {
        let record = self.record(user, holder);
        self.records.insert(self.digest(id), record);
    }

    /// Notes a connection of an earlier run. It counts as one that has ended now. Without effect if it is known already.
    pub(super) fn add_earlier(&mut self, id: &ClientId, user: &UserId, holder: &Holder, run: u64, now: Instant) {
        let digest = self.digest(id);
        if self.records.contains_key(&digest) {
            return;
        }
        let mut record = self.record(user, holder);
        record.keys.get_or_insert_default().earlier_run = Some(run);
        self.records.insert(digest, record);
        self.end(id, now);
    }

    fn record(&self, user: &UserId, holder: &Holder) -> ConnectionRecord {
        ConnectionRecord {
            user: self.digest(user),
            holder: self.digest(holder),
            most_ended: u32::try_from(most_ended(holder)).unwrap_or(u32::MAX),
            has_gaps: false,
            has_ended: false,
            keys: None,
        }
    }

    /// The record of a user's connection.
    pub(super) fn of_user(&self, id: &ClientId, user: &UserId) -> Option<&ConnectionRecord> {
        let user = self.digest(user);
        self.records.get(&self.digest(id)).filter(|record| record.user == user)
    }

    pub(super) fn get_mut(&mut self, id: &ClientId) -> Option<&mut ConnectionRecord> {
        self.records.get_mut(&self.digests.hash_one(id))
    }

    fn digest(&self, id: impl Hash) -> Digest {
        self.digests.hash_one(id)
    }

    /// Forgets a connection. Its keys are still known, but not as its own.
    pub(super) fn remove(&mut self, id: &ClientId) {
        self.records.remove(&self.digest(id));
    }

    pub(super) fn end(&mut self, id: &ClientId, now: Instant) {
        let id = self.digest(id);
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        let of_holder = self.ended_of_holder.entry(record.holder).or_default();
        if *of_holder >= record.most_ended {
            self.records.remove(&id);
            return;
        }
        *of_holder += 1;
        record.has_ended = true;
        if let Some(keys) = &mut record.keys {
            keys.old.shrink_to_fit();
        }
        self.ended.push_back((now, id));
    }

    /// When the next record expires.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.ended.front().map(|(at, _)| *at + WINDOW)
    }

    /// Forgets the oldest connection that has ended, if there are too many or it ended too long ago. Returns the keys that
    /// were remembered with it.
    pub(super) fn forget_one(&mut self, now: Option<Instant>) -> Option<Vec<Arc<Key>>> {
        let (at, _) = self.ended.front()?;
        let is_due = now.is_some_and(|now| now.duration_since(*at) >= WINDOW);
        if !is_due && self.ended.len() <= MAX_ENDED {
            return None;
        }
        let (_, id) = self.ended.pop_front()?;
        let Some(record) = self.records.remove(&id) else {
            return Some(Vec::new());
        };
        if let Entry::Occupied(mut of_holder) = self.ended_of_holder.entry(record.holder) {
            *of_holder.get_mut() -= 1;
            if *of_holder.get() == 0 {
                of_holder.remove();
            }
        }
        Some(record.keys.map(|keys| keys.kept).unwrap_or_default())
    }

    /// Frees the memory that a wave of connections has taken.
    pub(super) fn shrink(&mut self) {
        self.records.shrink_to_fit();
        self.ended.shrink_to_fit();
        self.ended_of_holder.shrink_to_fit();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.ended.len() + self.ended_of_holder.len()
    }
}
