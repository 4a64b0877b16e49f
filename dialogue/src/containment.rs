//! Runs the application's code so that a panic or a hang affects only the work at hand.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::future::{FutureExt, TryFutureExt, lazy};

/// The return type of a notification hook: nothing, or a `Result` whose error is logged.
pub trait HookOutcome: Send + 'static {
    /// The error to log, if there is one.
    fn into_error(self) -> Option<String>;
}

impl HookOutcome for () {
    fn into_error(self) -> Option<String> {
        None
    }
}

impl<T: Send + 'static, E: std::fmt::Display + Send + 'static> HookOutcome for Result<T, E> {
    fn into_error(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// The reason why a hook, a handler or other application code did not return.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HookFailure {
    #[error("panicked: {0}")]
    Panicked(String),
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
}

/// Runs a hook or handler so that a panic or a hang affects only the work at hand. This includes a panic in the
/// closure `run`. At the deadline, the function drops the future. It also catches a panic in that drop.
pub(crate) fn contain<F: Future>(
    deadline: Duration,
    run: impl FnOnce() -> F,
) -> impl Future<Output = Result<F::Output, HookFailure>> {
    let timed = tokio::time::timeout(deadline, lazy(|_| run()).flatten());
    // `map_err` drops the future as soon as the deadline has passed. `contain_panic` catches a panic in that drop.
    contain_panic(timed.map_err(move |_| HookFailure::TimedOut(deadline))).map(Result::flatten)
}

/// Runs a future so that a panic affects only the work at hand. The future must limit its own time.
///
/// Like [`contain`], this function uses combinators instead of `async`. An `async` function would store the future
/// twice: once as its argument, and once while it awaits the future. These futures are large, and every command needs
/// one.
pub(crate) fn contain_panic<F: Future>(future: F) -> impl Future<Output = Result<F::Output, HookFailure>> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .map_err(|panic| HookFailure::Panicked(panic_message(&*panic)))
}

/// Runs synchronous code so that a panic affects only the work at hand.
#[cfg(feature = "runtime")]
pub(crate) fn contain_sync<T>(run: impl FnOnce() -> T) -> Result<T, HookFailure> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| HookFailure::Panicked(panic_message(&*panic)))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn catches_a_panic_in_the_future_and_in_the_closure() {
        async fn panics() {
            panic!("in the future")
        }
        assert_eq!(
            contain(DEADLINE, panics).await,
            Err(HookFailure::Panicked("in the future".to_owned()))
        );
        let failure = contain(DEADLINE, || -> std::future::Ready<()> {
            panic!("in the {}", "closure")
        })
        .await;
        assert_eq!(failure, Err(HookFailure::Panicked("in the closure".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_hang_at_the_deadline() {
        let failure = contain(DEADLINE, std::future::pending::<()>).await;
        assert_eq!(failure, Err(HookFailure::TimedOut(DEADLINE)));
    }

    #[tokio::test(start_paused = true)]
    async fn catches_a_panic_in_the_drop_at_the_deadline() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in the drop");
            }
        }
        let hangs = async {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        };
        let failure = contain(DEADLINE, || hangs).await;
        assert_eq!(failure, Err(HookFailure::Panicked("in the drop".to_owned())));
    }

    #[test]
    fn catches_a_panic_in_synchronous_code() {
        assert_eq!(
            contain_sync(|| panic!("now")),
            Err::<(), _>(HookFailure::Panicked("now".to_owned()))
        );
    }
}
