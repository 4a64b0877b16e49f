//! The numbers that `stats` returns.

use crate::log::LogSize;
use crate::protocol::{CloseCode, ErrorCode};
use crate::store_failure::StoreFailure;

/// The numbers of this node, from [`Dialogue::stats`](crate::Dialogue::stats): counts since the server was built, and its
/// present size.
///
/// Counts "since the start" only grow, so a monitoring system can compute rates from them. Each number is exact. The server
/// runs on while they are read, so two numbers may come from slightly different moments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Clients that are connected now: they sent `connect`, and the server admitted them.
    pub connections: usize,
    /// Users that have at least one connected client now. Each anonymous client is a user of its own.
    pub users: usize,
    /// Rooms that exist now.
    pub rooms: usize,
    /// Events that rooms have accepted since the start, from clients and from the server.
    pub events_in: u64,
    /// Deliveries since the start: each accepted event counts once for each client that it was queued for. Replayed
    /// history and `direct` frames are not counted.
    pub events_out: u64,
    /// `error` frames that clients received since the start, by their code.
    pub refusals: ByCode<ErrorCode>,
    /// WebSockets that the server closed since the start, by the code of the close frame. WebSockets whose client never
    /// sent `connect` count too.
    pub closes: ByCode<CloseCode>,
    /// WebSockets since the start that ended without a code from the server: the client closed them, or the connection was
    /// lost.
    pub closed_by_clients: u64,
    /// The WebSockets in `closed_by_clients` that ended without any close frame: the network or the client's process failed.
    pub connections_lost: u64,
    /// Clients that were disconnected since the start because they read too slowly: the closes with
    /// [`CloseCode::SlowConsumer`].
    pub slow_consumers: u64,
    /// Failures of hooks and handlers since the start: errors, panics, and runs over
    /// [`Limits::hook_deadline`](crate::Limits::hook_deadline). Refusals are not failures.
    pub hook_failures: u64,
    /// Events that wait now for the server's own handlers and streams ([`Dialogue::on`](crate::Dialogue::on),
    /// [`Dialogue::stream`](crate::Dialogue::stream)). An event that three of them wait for counts three times.
    pub handler_lag: usize,
    /// Events that handlers, streams and `on_triggered` have lost since the start because they were too slow.
    pub handler_dropped: u64,
    /// The size of the history in memory.
    pub history: HistorySize,
    /// The store; `None` without one.
    pub store: Option<StoreStats>,
}

/// What a server's store does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StoreStats {
    /// Why the store fails now; `None` if it works. This is what an alarm should watch.
    pub failing: Option<StoreFailure>,
    /// Changes that wait for the store now: events, and rooms that are created or deleted.
    pub waiting: usize,
    /// Bytes of these changes.
    pub waiting_bytes: usize,
    /// Triggers since the start that the store has not accepted
    /// ([`TriggerError::NotAccepted`](crate::TriggerError::NotAccepted)).
    pub refused: u64,
    /// Triggers since the start of which the store did not say whether it had accepted them
    /// ([`TriggerError::Unknown`](crate::TriggerError::Unknown)).
    pub unknown: u64,
    /// Events without history since the start that reached only this server's members, because the store that several servers
    /// share could not be reached.
    pub not_sent: u64,
    /// Bytes of the events in the store, as JSON text.
    pub bytes: u64,
}

/// How much a history holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HistorySize {
    /// Rooms that have events in it.
    pub rooms: usize,
    /// Events, of all rooms together.
    pub events: usize,
    /// Bytes of these events as JSON text.
    pub bytes: usize,
}

impl From<LogSize> for HistorySize {
    fn from(size: LogSize) -> Self {
        let LogSize { rooms, events, bytes } = size;
        Self { rooms, events, bytes }
    }
}

/// A count for each code of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByCode<C>(Vec<(C, u64)>);

impl<C: Copy + PartialEq> ByCode<C> {
    pub(super) fn new(codes: &[C], counts: impl IntoIterator<Item = u64>) -> Self {
        Self(codes.iter().copied().zip(counts).collect())
    }

    /// The count of one code.
    #[must_use]
    pub fn of(&self, code: C) -> u64 {
        let mut counts = self.iter();
        counts.find(|(other, _)| *other == code).map_or(0, |(_, count)| count)
    }

    /// Every code with its count, also if that is zero, in the order of the enum.
    pub fn iter(&self) -> impl Iterator<Item = (C, u64)> {
        self.0.iter().copied()
    }

    /// The sum over all codes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }
}
