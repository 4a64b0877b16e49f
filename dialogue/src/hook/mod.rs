//! The results of hooks and handlers: nothing, or a `Result` whose error is a refusal or a failure.

mod disposal;
mod error;
mod failure;
mod outcome;
mod refusal;

#[cfg(any(feature = "client", feature = "runtime"))]
pub(crate) use disposal::drop_contained;
pub use error::{HookError, refuse};
pub use failure::HookFailure;
pub use outcome::HookOutcome;
pub use refusal::Refusal;
