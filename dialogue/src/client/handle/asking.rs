//! A request to the server, as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use crate::client::error::ClientError;

/// A request to the server. Await it.
///
/// # Cancel safety
///
/// Nothing happens before the first poll. If the future is dropped before the request is sent, the request is not sent.
/// If it is dropped later, the server still carries out the request, and only the answer is lost.
#[must_use = "nothing is sent until this is awaited"]
pub struct Asking<T>(BoxFuture<'static, Result<T, ClientError>>);

impl<T> Asking<T> {
    pub(super) fn new(asking: impl Future<Output = Result<T, ClientError>> + Send + 'static) -> Self {
        Self(Box::pin(asking))
    }
}

impl<T> Future for Asking<T> {
    type Output = Result<T, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}
