//! How deep the running code is: whether a hook or handler has set it off, that one another, and so on.
//!
//! What hooks and handlers do can set hooks and handlers off again. Those that run on tasks of their own would go on for
//! ever; those that are waited for run within each other, and would use the stack up.

use crate::limits::Limits;

tokio::task_local! {
    /// How many hooks and handlers have led to the running code.
    static DEPTH: usize;
}

/// Runs a hook or handler that something at `depth` has set off.
pub(in crate::runtime) fn one_deeper<F: Future>(depth: usize, future: F) -> impl Future<Output = F::Output> {
    DEPTH.scope(depth + 1, future)
}

/// How deep the running code is.
pub(in crate::runtime) fn depth() -> usize {
    DEPTH.try_with(|depth| *depth).unwrap_or(0)
}

/// How deep the running code is, if it may set hooks and handlers off; an error says why not.
pub(in crate::runtime) fn checked_depth(limits: &Limits) -> Result<usize, String> {
    let depth = depth();
    if depth > limits.handler_depth {
        return Err(format!(
            "hooks and handlers have set each other off more than {} deep",
            limits.handler_depth
        ));
    }
    Ok(depth)
}
