//! The counters of a server, from its start. `stats` reads them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lag::HandlerLag;
use super::stats::{ByCode, Stats, StoreStats};
use crate::protocol::{CloseCode, ErrorCode};

/// The counters of a server. No counter orders other memory accesses, so every access is relaxed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) events_in: Counter,
    pub(super) events_out: Counter,
    pub(super) refusals: [Counter; ErrorCode::ALL.len()],
    pub(super) closes: [Counter; CloseCode::ALL.len()],
    pub(super) closed_by_clients: Counter,
    pub(super) connections_lost: Counter,
    pub(super) hook_failures: Counter,
    pub(super) handler_lag: Arc<HandlerLag>,
    pub(super) store_refused: Counter,
    pub(super) store_unknown: Counter,
    pub(super) not_sent: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn refused(&self, code: ErrorCode) {
        count(&ErrorCode::ALL, &self.refusals, code);
    }

    pub(super) fn closed(&self, code: Option<CloseCode>) {
        match code {
            Some(code) => count(&CloseCode::ALL, &self.closes, code),
            None => self.closed_by_clients.add(1),
        }
    }

    /// The counts of a store's outcomes. The caller adds what the store does now.
    pub(super) fn store_snapshot(&self) -> StoreStats {
        StoreStats {
            refused: self.store_refused.value(),
            unknown: self.store_unknown.value(),
            not_sent: self.not_sent.value(),
            ..StoreStats::default()
        }
    }

    /// The counts so far. The caller adds the present numbers of connections, rooms and events in the history.
    pub(super) fn snapshot(&self) -> Stats {
        let closes = ByCode::new(&CloseCode::ALL, self.closes.each_ref().map(Counter::value));
        Stats {
            connections: 0,
            users: 0,
            rooms: 0,
            events_in: self.events_in.value(),
            events_out: self.events_out.value(),
            refusals: ByCode::new(&ErrorCode::ALL, self.refusals.each_ref().map(Counter::value)),
            slow_consumers: closes.of(CloseCode::SlowConsumer),
            closes,
            closed_by_clients: self.closed_by_clients.value(),
            connections_lost: self.connections_lost.value(),
            hook_failures: self.hook_failures.value(),
            handler_lag: self.handler_lag.waiting(),
            handler_dropped: self.handler_lag.dropped(),
            history: Default::default(),
            store: None,
        }
    }
}

/// Counts a code. `all` has the codes in the order of their counters.
fn count<C: PartialEq>(all: &[C], counters: &[Counter], code: C) {
    let mut places = all.iter().zip(counters);
    if let Some((_, counter)) = places.find(|(other, _)| **other == code) {
        counter.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_code_separately() {
        let counters = Counters::default();
        for (count, code) in ErrorCode::ALL.into_iter().enumerate() {
            (0..count).for_each(|_| counters.refused(code));
        }
        for (count, code) in CloseCode::ALL.into_iter().enumerate() {
            (0..count).for_each(|_| counters.closed(Some(code)));
        }
        counters.closed(None);
        let stats = counters.snapshot();
        for (count, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(stats.refusals.of(code), count as u64, "{code}");
        }
        for (count, code) in CloseCode::ALL.into_iter().enumerate() {
            assert_eq!(stats.closes.of(code), count as u64, "{code}");
        }
        assert_eq!(stats.slow_consumers, stats.closes.of(CloseCode::SlowConsumer));
        assert_eq!(stats.closed_by_clients, 1);
    }
}
