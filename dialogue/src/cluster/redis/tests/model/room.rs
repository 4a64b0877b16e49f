//! A room of the model. It knows what was accepted, and what is still in Redis.

use std::collections::BTreeMap;

/// Types with history, and how many events each keeps.
pub(super) const LIMITS: [(&str, u64); 2] = [("m", 5), ("o", 3)];
pub(super) const VOLATILE: &str = "c";

/// An entry in Redis: the lineage that wrote it, its number, and its text.
pub(super) type Kept = (u64, u64, String);

#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    /// Whether it has metadata.
    pub(super) exists: bool,
    pub(super) own: String,
    pub(super) epoch: String,
    pub(super) run: &'static str,
    pub(super) seq: u64,
    /// Another one for each time that the numbers began again.
    pub(super) lineage: u64,
    /// The numbers that were accepted in this lineage.
    pub(super) accepted: [Vec<u64>; 2],
    /// What is in the lists, oldest first.
    pub(super) kept: [Vec<Kept>; 2],
    /// The counter of each node's last batch.
    pub(super) answered: BTreeMap<&'static str, u64>,
    pub(super) record: String,
}

impl Room {
    /// A room without metadata.
    pub(super) fn without_metadata(lineage: u64) -> Self {
        Self {
            own: "first".to_owned(),
            lineage,
            ..Self::default()
        }
    }

    /// The entries that a reader may trust, newest first, and the number before them.
    pub(super) fn readable(&self, kind: usize) -> (Vec<&Kept>, u64) {
        let mut accepted = self.accepted[kind].iter().rev().peekable();
        let mut readable = Vec::new();
        for kept in self.kept[kind].iter().rev() {
            if kept.0 != self.lineage || accepted.peek() != Some(&&kept.1) {
                break;
            }
            accepted.next();
            readable.push(kept);
        }
        (readable, accepted.next().copied().unwrap_or(0))
    }

    /// Whether each number after this one, of these types, is there.
    pub(super) fn reaches(&self, kinds: &[usize], after: u64) -> bool {
        kinds.iter().all(|&kind| {
            let readable: Vec<_> = self.readable(kind).0.iter().map(|kept| kept.1).collect();
            self.accepted[kind]
                .iter()
                .filter(|seq| **seq > after)
                .all(|seq| readable.contains(seq))
        })
    }
}
