//! The harness of the integration tests: a real server on its own port, and clients that share no code with Dialogue.
//!
//! No test sleeps. A reply is the barrier: a connection's commands run in order, so everything before a command has
//! happened once its reply arrives. To show that nothing arrived, a test sends a
//! [`ping`](TestClient::assert_nothing_came), whose answer must be the next frame. Tests wait for anything that must
//! happen with [`within`], which panics with the name of the awaited thing.

mod client;
mod executable;
mod fixture;
mod folder;
pub mod proxy;
pub mod raw;
mod record;
pub mod repository;
mod server;

pub use client::TestClient;
pub use executable::example_executable;
pub use fixture::*;
pub use folder::Folder;
pub use raw::RawClient;
pub use record::{CapturedLog, Gate, Record};
pub use server::TestServer;

use std::future::Future;
use std::time::Duration;

/// How long a test waits for anything. Far more than a loaded machine needs, so only something that never happens
/// reaches this limit.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must happen.
///
/// # Panics
///
/// Panics if it does not happen within [`PATIENCE`].
#[track_caller]
pub fn within<F: Future>(awaited: &str, future: F) -> impl Future<Output = F::Output> {
    let (awaited, from) = (awaited.to_owned(), std::panic::Location::caller());
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("timed out after {PATIENCE:?} waiting for {awaited} (at {from})"),
        }
    }
}

/// Waits until a condition on the server's own state holds, where no frame announces it. For example, no frame says
/// that the server has noticed a client that hung up.
///
/// # Panics
///
/// Panics if the condition does not hold within [`PATIENCE`].
#[track_caller]
pub fn until(awaited: &str, mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    within(awaited, async move {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
}

/// Compiles the programs in the documents, and runs the tests in them.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../docs/client-rust.md")]
    mod client_rust {}
    #[doc = include_str!("../../docs/cluster.md")]
    mod cluster {}
    #[doc = include_str!("../../docs/durability.md")]
    mod durability {}
    #[doc = include_str!("../../docs/sign-in.md")]
    mod sign_in {}
    #[doc = include_str!("../../docs/testing.md")]
    mod testing {}
}
