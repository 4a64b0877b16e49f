//! Work for a client that stops when its connection closes or its session expires.

use crate::connection::{Close, Outbox};
use crate::containment::contain_sync;
use crate::protocol::CloseCode;
use crate::runtime::Core;
use crate::session::Conversation;

/// What is told of a session that has come to its end.
pub(super) const EXPIRED: &str = "the session has expired";

/// Does something for a client unless its connection ends, or its session expires, before it is done. Returns whether it
/// was done.
pub(super) async fn until_closed(outbox: &Outbox, conversation: &Conversation, work: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = outbox.closed() => false,
        () = conversation.expired() => {
            outbox.close(Close::now(CloseCode::SessionExpired, EXPIRED));
            false
        }
        () = work => true,
    }
}

/// Drops what is not to go on. The hook that it waits for may hold what panics in its drop, and the connection's end is still
/// to be said.
pub(super) fn drop_contained(core: &Core, work: impl Future) {
    if let Err(failure) = contain_sync(|| drop(work)) {
        core.log(|| tracing::error!(error = %failure, "a hook failed when it was given up"));
    }
}
