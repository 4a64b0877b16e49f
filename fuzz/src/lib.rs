//! Shared by the fuzz targets: a server with a room of each kind, and the checks of its frames and its state.
//!
//! Everything runs on one thread, over in-memory streams and a paused clock. An input therefore always does the same,
//! except for random ids.

mod commands;
mod frames;
mod model;
mod peer;
mod server;

pub use commands::{Step, run_commands};
pub use frames::run_frames;

use std::future::Future;

/// Runs a future to its end on a clock that jumps ahead whenever every task is idle.
fn on_paused_clock<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without IO")
        .block_on(future)
}
