//! How rooms are created, announced, deleted, and expire.

pub(super) mod announce;
pub(super) mod create;
pub(super) mod expiry;
pub(super) mod idle;
pub(super) mod on_demand;
pub(super) mod registry;
