//! The settings of a client.

use std::error::Error;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::dial::Destination;

/// The future of the application's credentials.
type CredentialsFuture = BoxFuture<'static, Result<Value, Box<dyn Error + Send + Sync>>>;

/// The settings of a client.
pub(super) struct Config {
    pub(super) destination: Destination,
    pub(super) auth: Box<dyn Fn() -> CredentialsFuture + Send + Sync>,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) backoff_base: Duration,
    pub(super) backoff_cap: Duration,
    pub(super) max_requests: usize,
    pub(super) buffer_events: usize,
    pub(super) buffer_bytes: usize,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("uri", &self.destination.uri)
            .finish_non_exhaustive()
    }
}
