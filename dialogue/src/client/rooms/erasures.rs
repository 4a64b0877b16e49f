//! The events of a room that were erased while the client was in it. Pure.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;

use crate::event::EventMessage;

/// How many numbers are remembered. A page that is on its way may contain events that were erased meanwhile; more than
/// these are unlikely to be erased in that time.
const MAX_REMEMBERED: usize = 1_000;

/// The numbers of erased events in one epoch. Beyond the limit, the oldest are forgotten.
#[derive(Debug, Default)]
pub(super) struct Erasures {
    seqs: HashSet<u64>,
    /// Oldest first.
    order: VecDeque<u64>,
}

impl Erasures {
    pub(super) fn add(&mut self, seq: u64) {
        if self.seqs.insert(seq) {
            self.order.push_back(seq);
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seqs.remove(&oldest);
        }
    }

    /// The numbers mean other events now.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Marks the events of a page that are erased.
    pub(super) fn mark(&self, events: &mut [EventMessage]) {
        for event in events {
            if event.erased || event.seq.is_some_and(|seq| self.seqs.contains(&seq)) {
                event.data = Value::Null;
                event.meta = None;
                event.erased = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_latest_numbers_up_to_its_limit() {
        let mut erasures = Erasures::default();
        for seq in (1..=MAX_REMEMBERED as u64 + 1).chain([2, 2]) {
            erasures.add(seq);
        }
        let mut events = [1, 2, MAX_REMEMBERED as u64 + 1].map(|seq| {
            let mut event = EventMessage::new("message", "chat", Value::from("text"));
            event.seq = Some(seq);
            event
        });
        erasures.mark(&mut events);
        assert_eq!(events.each_ref().map(|event| event.erased), [false, true, true]);
        assert_eq!((&events[0].data, &events[1].data), (&Value::from("text"), &Value::Null));
        assert_eq!(erasures.seqs.len(), MAX_REMEMBERED);
    }
}
