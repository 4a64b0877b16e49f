//! How long the runtime waits for a store.

use std::time::Duration;

use tokio::time::timeout;

use crate::runtime::core::Core;
use crate::store_failure::StoreFailure;

/// Waits for an answer of the store, for at most [`Limits::append_deadline`](crate::Limits::append_deadline).
pub(in crate::runtime) async fn within_deadline<T, E: From<StoreFailure>>(
    core: &Core,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(core.limits.append_deadline, answer).await
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
