//! Runs the application's code so that a panic or a hang affects only the work at hand.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::future::{FutureExt, TryFutureExt, lazy};

use crate::chain::Chain;
use crate::hook::{HookFailure, drop_contained};

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

/// Does the same as [`contain`] with a deadline that may move: `expired` ends with the time that the hook had.
#[cfg(feature = "runtime")]
pub(crate) fn contain_until<F: Future>(
    expired: impl Future<Output = Duration>,
    run: impl FnOnce() -> F,
) -> impl Future<Output = Result<F::Output, HookFailure>> {
    let timed = async move {
        tokio::select! {
            biased;
            output = lazy(|_| run()).flatten() => Ok(output),
            deadline = expired => Err(HookFailure::TimedOut(deadline)),
        }
    };
    contain_panic(timed).map(Result::flatten)
}

/// Runs a future so that a panic affects only the work at hand. The future must limit its own time.
///
/// Like [`contain`], this function uses combinators instead of `async`. An `async` function would store the future
/// twice: once as its argument, and once while it awaits the future. These futures are large, and every command needs
/// one.
pub(crate) fn contain_panic<F: Future>(future: F) -> impl Future<Output = Result<F::Output, HookFailure>> {
    // The outer of the two catches a panic in the drop of a future that has panicked.
    let caught = AssertUnwindSafe(future).catch_unwind().map_err(panicked);
    AssertUnwindSafe(caught)
        .catch_unwind()
        .map(|twice| twice.unwrap_or_else(|panic| Err(panicked(panic))))
}

/// Runs synchronous code so that a panic affects only the work at hand.
pub(crate) fn contain_sync<T>(run: impl FnOnce() -> T) -> Result<T, HookFailure> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(panicked)
}

/// The text of an error and of its causes. An error of the application runs its code, which may panic.
pub(crate) fn text_of(error: &(dyn Error + 'static)) -> String {
    let text = contain_sync(|| Chain(error).to_string());
    text.unwrap_or_else(|_| "an error that cannot be displayed".to_owned())
}

/// The failure that a panic is.
fn panicked(panic: Box<dyn Any + Send>) -> HookFailure {
    let failure = HookFailure::Panicked(panic_message(&*panic));
    drop_contained(panic);
    failure
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
        let failure = contain(DEADLINE, panics).await;
        assert!(matches!(failure, Err(HookFailure::Panicked(ref text)) if text == "in the future"));
        let failure = contain(DEADLINE, || -> std::future::Ready<()> {
            panic!("in the {}", "closure")
        })
        .await;
        assert!(matches!(failure, Err(HookFailure::Panicked(ref text)) if text == "in the closure"));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_hang_at_the_deadline() {
        let failure = contain(DEADLINE, std::future::pending::<()>).await;
        assert!(matches!(failure, Err(HookFailure::TimedOut(DEADLINE))));
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
        assert!(matches!(failure, Err(HookFailure::Panicked(ref text)) if text == "in the drop"));
    }

    #[test]
    fn catches_a_panic_in_synchronous_code() {
        let failure: Result<(), _> = contain_sync(|| panic!("now"));
        assert!(matches!(failure, Err(HookFailure::Panicked(ref text)) if text == "now"));
    }

    #[test]
    fn the_text_of_an_error_names_its_causes_and_survives_its_panic() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        #[derive(Debug)]
        struct Bomb;
        impl std::fmt::Display for Bomb {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                panic!("in Display")
            }
        }
        impl Error for Bomb {}
        assert_eq!(text_of(&Outer(std::io::Error::other("inner"))), "outer: inner");
        assert_eq!(text_of(&Bomb), "an error that cannot be displayed");
    }
}
