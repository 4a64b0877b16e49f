//! The logs of rooms: numbered events, kept for recovery and for pages of history.
//!
//! Owns how events are kept, how much is kept, and what a client that reconnects can be given. Who may read a
//! history, and how clients receive it, is decided in `runtime`.
//!
//! - [`store`] is the trait of a store of logs. To add a store, implement the trait beside [`memory`].
//! - [`memory`] is the store that keeps everything in this process.
//! - [`room_log`] is the log of one room (pure), with [`event`], [`bounds`], [`page`] and [`replay`].
//! - [`manager`] is the public handle.
//! - [`archive`] and [`archive_queue`] are for applications that store evicted events themselves.

mod archive;
pub(crate) mod archive_queue;
mod bounds;
mod event;
mod manager;
mod memory;
mod page;
mod replay;
mod room_log;
mod store;
#[cfg(test)]
mod tests;

pub use archive::{EvictedHistory, HistoryQuery};
pub(crate) use bounds::LogBounds;
pub(crate) use event::{Evicted, StoredEvent};
pub use manager::{HistoryConfig, HistoryManager};
pub(crate) use page::{LogCursor, LogPage, Reach};
pub(crate) use replay::Replay;
pub(crate) use store::LogSize;
