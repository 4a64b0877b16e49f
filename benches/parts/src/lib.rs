//! The parts of a delivery, each measured separately. `cargo bench -p parts` measures their time, `.ci/counts` their
//! instructions.
//!
//! Clients are connections without a network: the harness counts the writes to them and drops the bytes. The figures
//! are therefore Dialogue's own work, on one thread. `benches/compare` includes the kernel's share.

mod pieces;
mod server;

pub use pieces::Pieces;
pub use server::{Kept, Lobby, Server};
