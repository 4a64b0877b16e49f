//! The direction of a payload.

/// Whether clients send a payload or receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// From a client.
    Inbound,
    /// To clients.
    Outbound,
}
