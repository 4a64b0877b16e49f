//! What ends work for a client before it is done.

use crate::containment::{contain_sync, text_of};
use crate::runtime::{Core, Involved, log_line};

/// The reason for closing a connection whose session has expired.
pub(super) const EXPIRED: &str = "the session has expired";

/// Drops work that is not continued, and logs a panic. A hook's future may panic when it is dropped, and the connection
/// must still be closed in order.
pub(super) fn drop_contained(core: &Core, involved: Involved<'_>, work: impl Future) {
    if let Err(failure) = contain_sync(|| drop(work)) {
        let error = text_of(&failure);
        log_line!(ERROR, *core, involved, "", { error, }, "a hook panicked when it was cancelled");
    }
}
