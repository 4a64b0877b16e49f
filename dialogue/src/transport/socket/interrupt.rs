//! What ends work for a client before it is done.

use crate::containment::{contain_sync, text_of};
use crate::hook;
use crate::runtime::{Core, Involved, log_line};

/// The reason for closing a connection whose session has expired.
pub(super) const EXPIRED: &str = "the session has expired";

/// Work for a client, which owns values of the application. A panic in their `Drop` ends nothing else, also if the work is
/// lost with its runtime.
pub(super) struct Work<F>(Option<F>);

impl<F: Future + Unpin> Work<F> {
    pub(super) fn new(work: F) -> Self {
        Self(Some(work))
    }

    /// Runs the work to its end.
    pub(super) async fn run(&mut self) -> F::Output {
        match &mut self.0 {
            Some(work) => work.await,
            None => std::future::pending().await,
        }
    }

    /// Drops the work, and logs a panic.
    pub(super) fn end(mut self, core: &Core, involved: Involved<'_>) {
        if let Some(work) = self.0.take() {
            drop_contained(core, involved, work);
        }
    }
}

impl<F> Drop for Work<F> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            hook::drop_contained(work);
        }
    }
}

/// Drops work that is not continued, and logs a panic. A hook's future may panic when it is dropped, and the connection
/// must still be closed in order.
fn drop_contained(core: &Core, involved: Involved<'_>, work: impl Future) {
    if let Err(failure) = contain_sync(|| drop(work)) {
        let error = text_of(&failure);
        log_line!(ERROR, *core, involved, "", { error, }, "a hook panicked when it was cancelled");
    }
}
