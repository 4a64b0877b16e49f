//! What the handle of the writer and its thread share.

use super::queue::Queue;
use super::status::Status;

/// What the handle and the thread share.
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) status: Status,
}
