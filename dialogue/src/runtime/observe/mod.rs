//! Observing a server: counters for `stats`, and a stream of observations for `observe`.
//!
//! [`emit`] owns the one method for each kind of happening, which counts it and shows it to observers. The other files
//! own the register of observers, their bounded buffers, and the counters. Nothing here builds JSON: each observer makes
//! its own.

pub(super) mod bounded;
pub(super) mod counters;
pub(super) mod emit;
pub(super) mod lag;
pub(super) mod log_limit;
pub(super) mod log_line;
pub(super) mod observation;
pub(super) mod observers;
pub(super) mod stats;
pub(super) mod stream;
