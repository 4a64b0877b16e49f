//! The log in a file: SQLite in WAL mode, one writer thread, and a pool of readers.
//!
//! Owns everything about the file. The runtime knows it only through [`DurableLog`](super::durable::DurableLog).
//!
//! - [`settings`] is the public builder, and [`error`] says why a file does not open.
//! - [`appender`] is for measurements.
//! - [`schema`] has the tables, each with what its columns mean.
//! - [`open`] opens a file, with [`location`] (its path, with [`files`]), [`lock`], [`meta`] (its row about itself) and [`migrations`].
//! - [`identity`] makes epochs.
//! - [`store`] is the opened file, and [`watched`] notices when it is replaced. Its reads are in [`read`], on the connections of [`readers`]. Changes go to
//!   [`writer`].

mod appender;
mod connection;
mod error;
mod failure;
mod files;
mod identity;
mod location;
mod lock;
mod meta;
mod migrations;
mod open;
mod read;
mod readers;
mod schema;
mod settings;
mod store;
mod system;
#[cfg(test)]
pub(crate) mod tests;
mod watched;
mod writer;

pub use appender::StoreAppender;
pub use error::SqliteError;
pub use settings::{Durability, Retention, Sqlite};
pub use writer::{StoreError, StoreFault, StoreFaults};
