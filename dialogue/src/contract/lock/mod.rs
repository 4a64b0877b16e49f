//! The lock file: the contract in writing. A test compares it with the rooms, so that a change is noticed before it
//! reaches clients.

mod check;
mod compare;
mod contract_lock;
mod diff;
mod inclusion;
#[cfg(test)]
mod invisible;
#[cfg(test)]
mod tests;

pub use check::check_lock;
pub use compare::{Change, Impact};
pub use contract_lock::{Lock, LockError};
