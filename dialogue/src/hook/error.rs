//! The one error type of hooks and handlers.

use std::error::Error;
use std::fmt;

use super::failure::HookFailure;
use super::refusal::Refusal;

/// The error of every hook and handler: a refusal ("no") or a failure ("not now").
///
/// `?` converts any error into it: a [`Refusal`] stays a refusal, also inside a `Box<dyn Error + Send + Sync>` or an
/// `anyhow::Error`. Any other error becomes a failure.
///
/// ```
/// use dialogue::{HookError, Refusal, refuse};
///
/// async fn may_join(user: &str) -> Result<(), HookError> {
///     let banned = tokio::fs::read_to_string("banned.txt").await?; // a failure
///     let user = user.strip_prefix("user-").ok_or_else(|| Refusal::new("not a user"))?; // a refusal
///     if banned.lines().any(|line| line == user) {
///         return refuse("you are banned"); // a refusal, too
///     }
///     Ok(())
/// }
/// ```
///
/// `HookError` is not a [`std::error::Error`] itself, because no type can be that and convert from any error.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HookError {
    /// The hook decided against the client or the event. The client receives the reason, and does not try again by itself.
    Refused(Refusal),
    /// The hook could not decide, or a handler could not do its work. The server logs it. A client whose request was not
    /// decided may try again.
    Failed(HookFailure),
}

/// Refuses with a reason that the client receives: the result of a hook.
///
/// # Errors
///
/// Always [`HookError::Refused`]. To add data or a cause, return `Err(Refusal::new("…").with_data(…).into())`.
pub fn refuse<T>(reason: impl Into<String>) -> Result<T, HookError> {
    Err(HookError::Refused(Refusal::new(reason)))
}

impl HookError {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Failed(_) => None,
        }
    }

    /// The failure of a hook that has nothing to refuse.
    pub(crate) fn into_failure(self) -> HookFailure {
        match self {
            Self::Refused(refusal) => HookFailure::returned(refusal),
            Self::Failed(failure) => failure.contained(),
        }
    }

    /// The same error. If the application has built the failure, its error is contained from now on.
    #[cfg(feature = "runtime")]
    pub(crate) fn contained(self) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(failure.contained()),
            refused @ Self::Refused(_) => refused,
        }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for HookError {
    fn from(error: E) -> Self {
        let error = error.into();
        match Refusal::find_in(&*error) {
            Some(refusal) => Self::Refused(refusal),
            None => Self::Failed(HookFailure::returned(error)),
        }
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(HookFailure::Returned(error)) => error.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal() -> Refusal {
        Refusal::because("not you", std::io::Error::other("who?")).with_data(json!({ "plan": "pro" }))
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn a_refusal_keeps_its_identity_inside_any_error() {
        let inside: [fn(Refusal) -> HookError; 6] = [
            |refusal| HookError::from(refusal),
            |refusal| HookError::from(Box::<dyn Error + Send + Sync>::from(refusal)),
            |refusal| HookError::from(std::io::Error::other(refusal)),
            |refusal| HookError::from(Outer(Box::new(Outer(refusal.into())))),
            |refusal| HookError::from(anyhow::Error::new(refusal)),
            |refusal| HookError::from(anyhow::Error::new(refusal).context("outer").context("outermost")),
        ];
        for wrap in inside {
            let error = wrap(refusal());
            let kept = error.refusal().expect("a refusal");
            assert_eq!(kept.reason(), "not you");
            assert_eq!(kept.data(), Some(&json!({ "plan": "pro" })));
            assert_eq!(kept.cause().map(ToString::to_string).as_deref(), Some("who?"));
        }
    }

    #[test]
    fn every_other_error_is_a_failure() {
        let text = || -> Result<(), HookError> { Err("boom")? };
        let io = || -> Result<(), HookError> { Err(std::io::Error::other("boom"))? };
        let any = || -> Result<(), HookError> { Err(anyhow::anyhow!("boom"))? };
        for error in [text(), io(), any()] {
            let error = error.expect_err("it failed");
            assert!(
                matches!(&error, HookError::Failed(HookFailure::Returned(_))),
                "{error:?}"
            );
            assert_eq!(error.to_string(), "boom");
        }
    }

    #[test]
    fn each_message_in_the_chain_of_a_refusal_is_printed_once() {
        let error = Outer(Box::new(refusal()));
        assert_eq!(crate::containment::text_of(&error), "outer: not you: who?");
    }

    #[test]
    fn data_that_is_not_json_is_left_out_and_logged() {
        let refusal = Refusal::new("no").with_data(std::collections::HashMap::from([(vec![1], 2)]));
        assert_eq!(refusal.data(), None);
        assert!(refusal.cause().is_some());
    }
}
