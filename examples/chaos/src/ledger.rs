//! What really happened, and what each client made of it: the two are compared at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// A count that many can add to.
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

/// Everything that is counted, and the truth about every numbered event.
#[derive(Default)]
pub struct Ledger {
    pub delivered: Count,
    /// Joins that were told `recovered: true`, and the events that came with them.
    pub recoveries: Count,
    pub recovered: Count,
    /// Joins that were told `recovered: false`.
    pub gaps: Count,
    pub connections: Count,
    pub cut: Count,
    pub stalled: Count,
    /// Closed by the server with 4000, or without a word that could still be read.
    pub too_slow: Count,
    pub rooms_deleted: Count,
    pub hooks_failed: Count,
    pub duplicated: Count,
    pub out_of_order: Count,
    pub over_capacity: Count,
    pub panics: Count,
    /// For each incarnation of a room, the name of each numbered event.
    events: Mutex<HashMap<Incarnation, BTreeMap<u64, String>>>,
    /// How many more times each client was told to have joined an incarnation than to have left it.
    inside: Mutex<HashMap<(String, Incarnation), i64>>,
    claims: Mutex<Vec<Claim>>,
}

/// What a client claims: of one incarnation of a room, to have all events of these names from `base` (not included) to
/// `position` (included).
pub struct Claim {
    pub incarnation: Incarnation,
    pub events: Vec<&'static str>,
    pub base: u64,
    pub position: u64,
    pub seen: Vec<u64>,
}

impl Ledger {
    /// The server has numbered an event.
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

    /// How many times `on_joined` and `on_left` do not match.
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

    /// How many numbers were claimed.
    pub fn claimed(&self) -> u64 {
        self.claims.lock().iter().map(|claim| claim.seen.len() as u64).sum()
    }

    /// How many events clients claim to have and have not: those that were lost.
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
                    // A number that the server has told and never given: something is lost, whatever it was.
                    None => true,
                })
                .count() as u64
        });
        lost.sum()
    }
}
