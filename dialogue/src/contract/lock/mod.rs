//! The lock file: the contract written down, so that a change of it is noticed before clients notice it.

mod check;
mod compare;
mod contract_lock;
mod diff;
mod inclusion;
#[cfg(test)]
mod tests;

pub use check::check_lock;
pub use compare::{Change, Impact};
pub use contract_lock::{Lock, LockError};
