//! The store that keeps logs in memory, each behind a lock of its own.
//!
//! [`store`] appends and reads, and [`eviction`] keeps the bounds. Both work on [`rooms`], which has a [`slot`] for each room.
//! It finds rooms by [`slots`], knows their [`order`] of use, and counts by [`meter`].
//!
//! # Locks
//!
//! An append or a read takes the lock of its own room's log. To find the room it holds one shard of the map, shared and for the
//! look-up only. Bounds are checked against atomic counters. No lock covers all rooms, unless a room begins to be kept
//! or must go.
//!
//! The order is:
//!
//! 1. the lock of a room in `runtime`, which is not ours,
//! 2. the eviction lock,
//! 3. the lock of one room's log, and never two of them,
//! 4. the lock of a shard or of an order, or of the caller's closure. Nothing is locked under these.
//!
//! An append that passes a bound therefore releases its log before it takes the eviction lock. The bound is exceeded for that moment.
//!
//! # Invariants
//!
//! - A slot changes its [`SlotPhase`](slot::SlotPhase) under the lock of its log, and its place in the map and in the orders with it.
//!   It is in the map unless `Removed`, in the order of live rooms if `Live`, and in that of emptied rooms if `Emptied`.
//! - The counters change under the lock of the log that they count. Each append checks the bounds after it has counted, so
//!   the last append to pass a bound sees that it is passed.

mod eviction;
mod meter;
mod order;
mod rooms;
mod slot;
mod slots;
mod store;

pub(super) use store::MemoryStore;
