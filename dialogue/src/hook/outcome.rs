//! What a notification hook or a handler may return.

use super::error::HookError;

/// The return type of notification hooks and handlers: nothing, or a `Result` whose error is logged.
///
/// End with `Ok(())`, and use `?` for every call that may fail. The result of a trigger or a join may also be returned
/// as it is.
#[diagnostic::on_unimplemented(
    message = "a hook or handler cannot return `{Self}`",
    label = "expected nothing or `Result<(), HookError>`",
    note = "end the hook with `Ok(())`, and write `?` after each call that may fail: it converts any error"
)]
pub trait HookOutcome: Send + 'static {
    /// The error to log, if there is one.
    #[doc(hidden)]
    fn into_result(self) -> Result<(), HookError>;
}

impl HookOutcome for () {
    fn into_result(self) -> Result<(), HookError> {
        Ok(())
    }
}

// Only one impl is for a `Result<(), _>`, so that the compiler can infer the error of `Ok(())`.
impl HookOutcome for Result<(), HookError> {
    fn into_result(self) -> Self {
        self
    }
}
