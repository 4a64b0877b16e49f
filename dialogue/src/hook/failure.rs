//! A failure: a hook, a handler or other application code did not do its work.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::disposal::drop_contained;

/// Why a hook or a handler failed. A failure is not a [`Refusal`](crate::Refusal): the hook has decided nothing. The client
/// does not learn the error, only that it may try again.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HookFailure {
    /// It returned an error that is not a refusal.
    #[error("it returned an error")]
    Returned(#[source] Arc<dyn Error + Send + Sync>),
    /// It panicked, with this message.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// It did not end within this time.
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
}

/// The error is the application's, and its `Drop` may panic.
impl Drop for HookFailure {
    fn drop(&mut self) {
        if let Self::Returned(error) = self {
            let nothing: Arc<dyn Error + Send + Sync> = Arc::new(Dropped);
            drop_contained(std::mem::replace(error, nothing));
        }
    }
}

/// Takes the place of an error that is dropped.
#[derive(Debug, thiserror::Error)]
#[error("dropped")]
struct Dropped;

impl HookFailure {
    /// The error to print: the returned error, or this failure.
    pub(crate) fn root(&self) -> &(dyn Error + 'static) {
        match self {
            Self::Returned(error) => &**error,
            failure => failure,
        }
    }

    pub(crate) fn returned(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Returned(Arc::from(error.into()))
    }
}
