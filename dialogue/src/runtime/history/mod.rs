//! The history of rooms at run time: keeping, replaying and paging events, and archiving evicted ones.

pub(super) mod alarm;
pub(super) mod archive;
pub(super) mod error;
mod followed;
pub(super) mod keep;
pub(super) mod key;
pub(super) mod load;
pub(super) mod page;
pub(super) mod prefetch;
mod replay;
pub(super) mod retention;
