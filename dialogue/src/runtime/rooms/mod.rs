//! The rooms of a server: how they are created, announced and removed, and how they expire.

pub(super) mod account;
pub(super) mod announce;
pub(super) mod create;
pub(super) mod expiry;
pub(super) mod fixed;
pub(super) mod idle;
mod index;
pub(super) mod load;
pub(super) mod on_demand;
pub(super) mod registry;
pub(super) mod settle;
mod shares;
mod stored_config;
pub(super) mod unsettled;
