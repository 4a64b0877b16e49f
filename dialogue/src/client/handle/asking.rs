//! A request as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use crate::client::error::ClientError;

/// A request on its way: await it.
///
/// # Cancel safety
///
/// Nothing has happened before it is awaited. Dropped before it is sent, it is not sent; dropped later, the server carries it
/// out all the same, and only its answer is lost.
#[must_use = "nothing is asked until this is awaited"]
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
