//! The depth of recursion: how many hooks and handlers have led to the running code.
//!
//! Hooks and handlers can trigger events, which run hooks and handlers again. Without a bound, handlers with tasks of their
//! own would never end, and hooks that call each other directly would exhaust the stack.

use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;

tokio::task_local! {
    /// How many hooks and handlers have led to the running code.
    static DEPTH: usize;
}

/// Runs a hook or handler one level deeper than the code at `depth` that called it.
pub(in crate::runtime) fn one_deeper<F: Future>(depth: usize, future: F) -> impl Future<Output = F::Output> {
    DEPTH.scope(depth + 1, future)
}

/// Runs a synchronous hook one level deeper than the code at `depth` that called it.
pub(in crate::runtime) fn one_deeper_sync<T>(depth: usize, run: impl FnOnce() -> T) -> T {
    DEPTH.sync_scope(depth + 1, run)
}

/// The depth of the running code: 0 outside of hooks and handlers.
pub(in crate::runtime) fn depth() -> usize {
    DEPTH.try_with(|depth| *depth).unwrap_or(0)
}

/// The depth of the running code, if it may run hooks and handlers.
pub(in crate::runtime) fn checked_depth(limits: &Limits) -> Result<usize, LimitExceeded> {
    let (depth, limit) = (depth(), limits.handler_depth);
    if depth > limit {
        return Err(LimitExceeded::HandlerDepth { limit });
    }
    Ok(depth)
}
