//! Records what really happened and what each client claims to have received. The program compares the two at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// A counter that several tasks can add to.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One incarnation of a room.
pub type Incarnation = (String, String);

/// All counters, and a record of every event that the server numbered.
#[derive(Default)]
pub struct Ledger {
    pub delivered: Count,
    /// Joins that the server answered with `recovered: true`, and the events that came with them.
    pub recoveries: Count,
    pub recovered: Count,
    /// Joins that the server answered with `recovered: false`.
    pub gaps: Count,
    pub connections: Count,
    pub cut: Count,
    pub stalled: Count,
    /// Connections that the server closed with 4000, or without a frame that the client could still read.
    pub too_slow: Count,
    pub rooms_deleted: Count,
    pub hooks_failed: Count,
    pub duplicated: Count,
    pub out_of_order: Count,
    pub over_capacity: Count,
    pub panics: Count,
    /// The name of each numbered event, for each incarnation of a room.
    events: Mutex<HashMap<Incarnation, BTreeMap<u64, String>>>,
    /// How many more times `on_joined` ran than `on_left`, for each client and incarnation.
    inside: Mutex<HashMap<(String, Incarnation), i64>>,
    claims: Mutex<Vec<Claim>>,
}

/// A client's claim that it has all events with these names in one incarnation of a room, from `base` (exclusive) to
/// `position` (inclusive).
pub struct Claim {
    pub incarnation: Incarnation,
    pub events: Vec<&'static str>,
    pub base: u64,
    pub position: u64,
    pub seen: Vec<u64>,
}

impl Ledger {
    /// Records that the server has numbered an event.
    pub fn numbered(&self, incarnation: Incarnation, seq: u64, event: &str) {
        let mut events = self.events.lock();
        events.entry(incarnation).or_default().insert(seq, event.to_owned());
    }

    pub fn joined(&self, client: &str, incarnation: Incarnation) {
        *self.inside.lock().entry((client.to_owned(), incarnation)).or_default() += 1;
    }

    pub fn left(&self, client: &str, incarnation: Incarnation) {
        *self.inside.lock().entry((client.to_owned(), incarnation)).or_default() -= 1;
    }

    /// How many runs of `on_joined` and `on_left` have no counterpart.
    pub fn unmatched(&self) -> u64 {
        self.inside.lock().values().map(|inside| inside.unsigned_abs()).sum()
    }

    pub fn claim(&self, claim: Claim) {
        self.claims.lock().push(claim);
    }

    /// How many events the server has numbered.
    pub fn numbered_total(&self) -> u64 {
        self.events.lock().values().map(|events| events.len() as u64).sum()
    }

    /// How many events the clients claim to have.
    pub fn claimed(&self) -> u64 {
        self.claims.lock().iter().map(|claim| claim.seen.len() as u64).sum()
    }

    /// How many events were lost: clients claim to have them but did not receive them.
    pub fn lost(&self) -> u64 {
        let events = self.events.lock();
        let nothing = BTreeMap::new();
        let claims = self.claims.lock();
        let lost = claims.iter().map(|claim| {
            let seen: HashSet<u64> = claim.seen.iter().copied().collect();
            let happened = events.get(&claim.incarnation).unwrap_or(&nothing);
            (claim.base + 1..=claim.position)
                .filter(|seq| match happened.get(seq) {
                    Some(event) => claim.events.contains(&event.as_str()) && !seen.contains(seq),
                    // The client's position includes this number, but the server never assigned it: some event was lost.
                    None => true,
                })
                .count() as u64
        });
        lost.sum()
    }
}
