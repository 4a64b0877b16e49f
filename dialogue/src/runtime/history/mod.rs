//! History as rooms use it: replay, pages, and the archive.

mod archive;
pub(super) mod replay;
