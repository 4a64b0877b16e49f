//! What happens in a server, for observers, and how often, for statistics.
//!
//! Owns the one place that each happening is counted and shown from ([`emit`]), the stream that an application reads, and
//! the register of observers. What an observer makes of an observation is its own business: nothing here builds JSON.

pub(super) mod bounded;
pub(super) mod counters;
pub(super) mod emit;
pub(super) mod lag;
pub(super) mod observation;
pub(super) mod observers;
pub(super) mod stats;
pub(super) mod stream;
