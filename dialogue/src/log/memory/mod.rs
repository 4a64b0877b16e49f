//! The store that keeps logs in memory. Each log has a lock of its own.
//!
//! [`store`] appends and reads, and [`eviction`] enforces the bounds. Both work on [`rooms`], which has one [`slot`]
//! per room. [`slots`] finds a room, [`order`] knows which room was used least recently, and [`meter`] counts.
//!
//! # Locks
//!
//! An append or a read locks the log of its own room. To find the room, it also takes a shared lock on one shard of the
//! map, but only for the lookup. The bounds are compared with atomic counters. Only a room that begins to keep events,
//! or loses all of them, takes a lock that all rooms share.
//!
//! Locks are taken in this order:
//!
//! 1. the lock of a room in the runtime, outside this module,
//! 2. the eviction lock,
//! 3. the lock of one room's log; no thread ever holds two of them,
//! 4. the lock of a shard or of an order, under which no other lock is taken, or the locks that the caller's closure takes.
//!
//! An append that exceeds a bound therefore unlocks its log before it takes the eviction lock. Only for that moment is
//! the bound exceeded.
//!
//! # Invariants
//!
//! - A slot changes its [`SlotPhase`](slot::SlotPhase) only under the lock of its log. It joins or leaves the map and the
//!   orders under the same lock. The map has every slot that is not `Removed`. One order has the `Live` slots, the other
//!   one the `Emptied` slots.
//! - A counter changes under the lock of the log that it counts. Each append counts first and then compares the
//!   counters with the bounds. The last append that exceeds a bound therefore always notices it.

mod eviction;
mod meter;
mod order;
mod rooms;
mod slot;
mod slots;
mod store;

pub(super) use store::MemoryStore;
