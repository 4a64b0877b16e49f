//! The parts of a delivery, each to be measured by itself: `cargo bench -p parts` tells their times, `.ci/counts` their
//! instructions.
//!
//! Clients are connections without a network: what is written to them is counted and forgotten. So this is Dialogue's own
//! work, on one thread; what the kernel adds is in `benches/compare`.

mod pieces;
mod server;

pub use pieces::Pieces;
pub use server::{Kept, Lobby, Server};
