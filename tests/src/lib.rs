//! The harness of the integration tests: a real server on a port of its own, and clients that know nothing of
//! Dialogue's code.
//!
//! No test sleeps. A reply is the barrier: a connection's commands run in order, so that after the reply to one everything
//! before it has happened. That nothing arrived is shown by a [`ping`](TestClient::assert_nothing_came) whose answer comes
//! first. What must come is waited for by [`within`], which fails with what it was waiting for.

mod client;
mod fixture;
pub mod raw;
mod record;
mod server;

pub use client::TestClient;
pub use fixture::*;
pub use raw::RawClient;
pub use record::{CapturedLog, Gate, Record};
pub use server::TestServer;

use std::future::Future;
use std::time::Duration;

/// How long anything may take. Far more than a loaded machine needs, so that only what never comes runs into it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
///
/// # Panics
///
/// When it does not come in [`PATIENCE`].
#[track_caller]
pub fn within<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let (what, from) = (what.to_owned(), std::panic::Location::caller());
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{what} did not come within {PATIENCE:?} (waited for at {from})"),
        }
    }
}

/// Waits until a condition of the server's own state holds that no frame tells of, such as that a client which hung up
/// has been noticed.
///
/// # Panics
///
/// When it does not hold in [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    within(what, async move {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
}
