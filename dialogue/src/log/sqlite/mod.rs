//! The log in a file: SQLite in WAL mode, one writer thread, and a pool of readers.
//!
//! Owns everything about the file. The runtime knows it only through [`DurableLog`](super::durable::DurableLog).
//!
//! - [`settings`] is the public builder, and [`error`] says why a file does not open.
//! - [`schema`] has the tables, each with what its columns mean.
//! - [`identity`] makes epochs.
//! - [`store`] is the opened file. It hands changes to [`writer`].

mod error;
mod failure;
mod identity;
mod schema;
mod settings;
mod store;
mod writer;

pub use error::SqliteError;
pub use settings::{Durability, Retention, Sqlite};
