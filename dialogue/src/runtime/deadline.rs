//! How long the runtime waits for a store.

use std::time::Duration;

use tokio::time::timeout;

use crate::runtime::core::Core;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::store_failure::StoreFailure;

/// Waits for an answer of the store, for at most [`Limits::append_deadline`](crate::Limits::append_deadline).
pub(in crate::runtime) async fn within_deadline<T, E: From<StoreFailure>>(
    core: &Core,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(core.limits.append_deadline, answer).await
}

/// Waits until the server has begun, as long as for a read. Every call waits here that needs the rooms.
pub(in crate::runtime) async fn first_contact(core: &Core) -> Result<(), StoreFailure> {
    within_deadline(core, core.first_contact.made()).await
}

/// Waits for the answer to a read, as [`within_deadline`] does. Logs a failure.
pub(in crate::runtime) async fn read_within_deadline<T>(
    core: &Core,
    answer: impl Future<Output = Result<T, StoreFailure>>,
) -> Result<T, StoreFailure> {
    let read = within_deadline(core, answer).await;
    read.inspect_err(|failure| log_failed_read(core, failure))
}

/// Logs that the store could not be read. The store itself reports only changes that fail.
pub(in crate::runtime) fn log_failed_read(core: &Core, failure: &StoreFailure) {
    // A server that has stopped reads nothing any more.
    if *failure != StoreFailure::Closed {
        log_line!(ERROR, *core, Involved::default(), "", { error = %failure, }, "the store cannot be read");
    }
}

/// Waits for an answer of the store, for at most `deadline`.
pub(in crate::runtime) async fn within<T, E: From<StoreFailure>>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let answered = timeout(deadline, answer).await;
    answered.unwrap_or_else(|_| Err(timed_out(deadline).into()))
}

/// The failure of a store that has not answered within `deadline`.
pub(in crate::runtime) fn timed_out(deadline: Duration) -> StoreFailure {
    StoreFailure::TimedOut {
        seconds: deadline.as_secs(),
    }
}
