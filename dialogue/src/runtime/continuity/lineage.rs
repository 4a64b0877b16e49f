//! The connections that a connection continues. A client may still repeat triggers that it first sent on one of them.

use crate::id::ClientId;

/// How many connections are remembered. A client that was cut off more often, without an answer to its trigger in between, is
/// told that the outcome is unknown.
const MAX: usize = 8;

/// A connection that ended, or that a newer one has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Predecessor {
    pub(crate) client_id: ClientId,
    /// The run of the server in which it lived.
    pub(crate) run: u64,
}

/// The connections that a connection continues, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lineage(Vec<Predecessor>);

impl Lineage {
    /// These connections, the latest first. Only the latest are kept.
    pub(super) fn of(connections: impl IntoIterator<Item = Predecessor>) -> Self {
        Self(connections.into_iter().take(MAX).collect())
    }

    /// The connections that the successor of `connection` continues. `self` is what `connection` continued.
    pub(super) fn after(&self, connection: Predecessor) -> Self {
        Self::of(std::iter::once(connection).chain(self.iter().cloned()))
    }

    /// The same without the oldest connection. `None` if there is none.
    #[cfg(any(feature = "sqlite", feature = "redis"))]
    pub(super) fn without_oldest(&self) -> Option<Self> {
        let (_, latest) = self.0.split_last()?;
        Some(Self(latest.to_vec()))
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Predecessor> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_connections_are_remembered() {
        let connection = |number: u64| Predecessor {
            client_id: number.to_string().into(),
            run: number,
        };
        let mut lineage = Lineage::default();
        for number in 0..20 {
            lineage = lineage.after(connection(number));
        }
        let runs: Vec<u64> = lineage.iter().map(|connection| connection.run).collect();
        assert_eq!(runs, [19, 18, 17, 16, 15, 14, 13, 12]);
    }
}
