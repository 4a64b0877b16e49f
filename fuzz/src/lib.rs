//! What the fuzz targets share: a server with a room of each kind, and the checks of what it says and does.
//!
//! Everything runs on one thread over in-memory streams and a paused clock, so that an input always does the same but
//! for random ids.

mod commands;
mod frames;
mod model;
mod peer;
mod server;

pub use commands::{Step, run_commands};
pub use frames::run_frames;

use std::future::Future;

/// Runs a future to its end on a clock that jumps whenever nothing else is to do.
fn on_paused_clock<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without input and output can be built")
        .block_on(future)
}
