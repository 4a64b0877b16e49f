//! Where the running code is: in which hooks and handlers, and of which servers.
//!
//! Hooks and handlers can trigger events, which run hooks and handlers again. Without a bound, handlers with tasks of their
//! own would never end, and hooks that call each other directly would exhaust the stack. And nothing may wait for a server to
//! stop while the server waits for it.

use std::sync::Arc;

use crate::limit_exceeded::LimitExceeded;
use crate::limits::Limits;
use crate::runtime::lifecycle::ServerId;

tokio::task_local! {
    /// Where the running code is.
    static INSIDE: Inside;
}

/// A hook, a handler or a task of a server.
#[derive(Clone)]
struct Inside {
    server: ServerId,
    /// How many hooks and handlers have led to the running code.
    depth: usize,
    /// The code of another server around it, in the same task.
    outer: Option<Arc<Inside>>,
}

impl Inside {
    fn new(server: ServerId, depth: usize) -> Self {
        let outer = INSIDE.try_with(|outer| match outer.server == server {
            true => outer.outer.clone(),
            false => Some(Arc::new(outer.clone())),
        });
        Self {
            server,
            depth,
            outer: outer.ok().flatten(),
        }
    }

    fn is_of(&self, server: ServerId) -> bool {
        self.server == server || self.outer.as_ref().is_some_and(|outer| outer.is_of(server))
    }
}

/// Runs a hook or handler of a server one level deeper than the code at `depth` that called it.
pub(in crate::runtime) fn one_deeper<F: Future>(
    server: ServerId,
    depth: usize,
    future: F,
) -> impl Future<Output = F::Output> {
    INSIDE.scope(Inside::new(server, depth + 1), future)
}

/// Runs a synchronous hook one level deeper than the code at `depth` that called it.
pub(in crate::runtime) fn one_deeper_sync<T>(server: ServerId, depth: usize, run: impl FnOnce() -> T) -> T {
    INSIDE.sync_scope(Inside::new(server, depth + 1), run)
}

/// Runs what follows from an event to which `depth` hooks and handlers have led.
pub(in crate::runtime) fn at_depth_sync<T>(server: ServerId, depth: usize, run: impl FnOnce() -> T) -> T {
    match depth {
        0 => run(),
        depth => INSIDE.sync_scope(Inside::new(server, depth), run),
    }
}

/// Runs a task that a server waits for when it stops, and that may run code of the application.
#[cfg(feature = "server")]
pub(crate) fn as_task_of<F: Future>(server: ServerId, task: F) -> impl Future<Output = F::Output> {
    INSIDE.scope(Inside::new(server, depth()), task)
}

/// Whether the running code is something that the server waits for when it stops: a hook, a handler or a task.
pub(crate) fn is_inside(server: ServerId) -> bool {
    INSIDE.try_with(|inside| inside.is_of(server)).unwrap_or(false)
}

/// The depth of the running code: 0 outside of hooks and handlers.
pub(in crate::runtime) fn depth() -> usize {
    INSIDE.try_with(|inside| inside.depth).unwrap_or(0)
}

/// The depth of the running code, if it may run hooks and handlers.
pub(in crate::runtime) fn checked_depth(limits: &Limits) -> Result<usize, LimitExceeded> {
    let (depth, limit) = (depth(), limits.handler_depth);
    if depth > limit {
        return Err(LimitExceeded::HandlerDepth { limit });
    }
    Ok(depth)
}
