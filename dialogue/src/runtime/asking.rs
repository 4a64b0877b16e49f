//! What hooks have said, and what they came to.

use super::core::Core;
use crate::client::Refusal;
use crate::hooks::HookFailure;

/// What a hook that can refuse has said; a failure means no. The text is for the one whom it stops.
pub(crate) fn allowed<T>(
    core: &Core,
    hook: &'static str,
    answer: Result<Result<T, Refusal>, HookFailure>,
) -> Result<T, String> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(refusal)) => {
            if let Some(source) = refusal.source() {
                core.log(|| tracing::error!(hook, error = %source, "a hook failed"));
            }
            Err(refusal.reason().to_owned())
        }
        Err(failure) => {
            core.log(|| tracing::error!(hook, error = %failure, "a hook failed"));
            Err("it could not be checked".to_owned())
        }
    }
}

impl Core {
    /// Logs what a notification hook came to, if it is worth a line.
    pub(crate) fn note(&self, hook: &'static str, told: Result<Option<String>, HookFailure>) {
        let error = match told {
            Ok(None) => return,
            Ok(Some(error)) => error,
            Err(failure) => failure.to_string(),
        };
        self.log(|| tracing::error!(hook, %error, "a hook failed"));
    }
}
