//! A failure: a hook, a handler or other application code did not do its work.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::disposal::drop_contained;

/// Why a hook or a handler failed. A failure is not a [`Refusal`](crate::Refusal): the hook has decided nothing. The client
/// does not learn the error, only that it may try again.
///
/// The error that the application returned is its [`source`](Error::source).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HookFailure {
    /// It returned an error that is not a refusal.
    Returned(Arc<dyn Error + Send + Sync>),
    /// It panicked, with this message.
    Panicked(String),
    /// It did not end within this time.
    TimedOut(Duration),
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(_) => f.write_str("it returned an error"),
            Self::Panicked(message) => write!(f, "it panicked: {message}"),
            Self::TimedOut(deadline) => write!(f, "it took longer than {deadline:?}"),
        }
    }
}

impl Error for HookFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Returned(error) => Some(returned_error(&**error)),
            _ => None,
        }
    }
}

impl HookFailure {
    /// The error to print: the returned error, or this failure.
    pub(crate) fn root(&self) -> &(dyn Error + 'static) {
        self.source().unwrap_or(self)
    }

    /// The same failure. If the application has built it, its error is contained from now on.
    pub(crate) fn contained(self) -> Self {
        match self {
            Self::Returned(error) if !error.is::<ReturnedError>() => Self::returned(error),
            other => other,
        }
    }

    pub(crate) fn returned(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Returned(Arc::new(ReturnedError(Some(error.into()))))
    }
}

/// The application's own error.
fn returned_error<'e>(error: &'e (dyn Error + Send + Sync + 'static)) -> &'e (dyn Error + 'static) {
    match error.downcast_ref::<ReturnedError>() {
        Some(ReturnedError(Some(error))) => match error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
            Some(shared) => &**shared,
            None => &**error,
        },
        _ => error,
    }
}

/// An error of the application, whose `Drop` may panic. It is printed as the error itself. It is taken out only when this is
/// dropped.
struct ReturnedError(Option<Box<dyn Error + Send + Sync>>);

impl Drop for ReturnedError {
    fn drop(&mut self) {
        drop_contained(self.0.take());
    }
}

impl fmt::Debug for ReturnedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |error| fmt::Debug::fmt(error, f))
    }
}

impl fmt::Display for ReturnedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |error| fmt::Display::fmt(error, f))
    }
}

impl Error for ReturnedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref()?.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_that_was_returned_is_the_source() {
        let failure = HookFailure::returned(std::io::Error::other("no database"));
        assert_eq!(failure.to_string(), "it returned an error");
        let source = failure.source().expect("a source");
        assert!(source.downcast_ref::<std::io::Error>().is_some());
        assert_eq!(failure.root().to_string(), "no database");
        assert_eq!(
            HookFailure::Panicked("no".to_owned()).root().to_string(),
            "it panicked: no"
        );
    }
}
