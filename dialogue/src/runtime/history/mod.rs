//! History as rooms use it: what is kept and replayed, pages, and the archive of evicted events.

pub(super) mod archive;
pub(super) mod keep;
pub(super) mod page;
