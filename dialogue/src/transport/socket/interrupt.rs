//! Interrupts work for a client when its connection closes or its session expires.

use crate::connection::{Close, Outbox};
use crate::containment::{contain_sync, text_of};
use crate::protocol::CloseCode;
use crate::runtime::{Core, Involved, log_line};
use crate::session::Conversation;

/// The reason for closing a connection whose session has expired.
pub(super) const EXPIRED: &str = "the session has expired";

/// Runs `work` for a client until the connection closes or the session expires. Returns whether the work was completed.
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

/// Drops work that is not continued, and logs a panic. A hook's future may panic when it is dropped, and the connection
/// must still be closed in order.
pub(super) fn drop_contained(core: &Core, involved: Involved<'_>, work: impl Future) {
    if let Err(failure) = contain_sync(|| drop(work)) {
        let error = text_of(&failure);
        log_line!(ERROR, *core, involved, "", { error, }, "a hook panicked when it was cancelled");
    }
}
