//! The logs of rooms: numbered events, kept for recovery and for pages of history.
//!
//! Owns the storage of events, its bounds, and the answer to a client that reconnects. The runtime decides which client
//! may read a history, and sends it.
//!
//! - [`store`] is the trait that every store of logs implements. A new store is a module next to [`memory`].
//! - [`memory`] is the store that keeps everything in this process.
//! - [`durable`] is the seam to a store that outlives the process.
//! - [`room_log`] is the log of one room. It is pure, like [`event`], [`bounds`], [`page`] and [`replay`].
//! - [`manager`] is the public handle, which holds the store.
//! - [`sqlite`] is the store in a file.
//! - [`archive`] and [`archive_queue`] are for applications that store evicted events themselves.

mod archive;
pub(crate) mod archive_queue;
mod bounds;
#[allow(dead_code, reason = "the runtime and the stores that use it follow")]
pub(crate) mod durable;
mod event;
mod manager;
mod memory;
mod page;
mod replay;
mod room_log;
#[cfg(feature = "sqlite")]
#[allow(dead_code, reason = "the writer follows")]
pub(crate) mod sqlite;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub use archive::{ErasedHistory, EvictedHistory, HistoryQuery};
pub(crate) use bounds::LogBounds;
pub use durable::StoreFailure;
pub(crate) use event::{Evicted, StoredEvent};
pub use manager::{HistoryConfig, HistoryManager};
pub(crate) use page::{LogCursor, LogPage, Reach};
pub(crate) use replay::Replay;
pub(crate) use store::{LogSize, Remembered};
