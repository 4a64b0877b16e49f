//! The hooks that an application gives, and what contains them: a deadline, and a net for panics.
//!
//! Generic over the handles that hooks are given, so that it knows neither clients' nor rooms' API.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, TryFutureExt, lazy};

use crate::connection::{Handshake, Identity, Refusal};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::id::EventName;
use crate::log::{EvictedHistory, HistoryQuery};

/// An asynchronous hook, its argument a tuple where it takes several.
pub(crate) type Hook<A, O> = Arc<dyn Fn(A) -> BoxFuture<'static, O> + Send + Sync>;

/// A hook that decides, if there is one.
pub(crate) type Asked<A, O> = Option<Hook<A, Result<O, Refusal>>>;

/// A hook that is only told, if there is one; it returns the error to log.
pub(crate) type Told<A> = Option<Hook<A, Option<String>>>;

/// What a notification hook may return: nothing, or a `Result` whose error is logged.
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

/// The hook that is told of each delivery, on the spot.
pub(crate) type AfterEach = Arc<dyn Fn(&EventMessage, &Delivery) + Send + Sync>;

/// Every hook of an application. `C` is the client's handle, `R` the room's.
pub(crate) struct Hooks<C, R> {
    pub(crate) authenticate: Asked<Handshake, Identity>,
    pub(crate) on_connected: Told<C>,
    pub(crate) on_disconnected: Told<C>,
    pub(crate) before_join: Asked<(C, R), ()>,
    pub(crate) authorize: Asked<(C, R, EventName), ()>,
    pub(crate) on_joined: Told<(C, R)>,
    pub(crate) on_left: Told<(C, R)>,
    pub(crate) on_room_created: Told<R>,
    pub(crate) on_room_deleted: Told<R>,
    pub(crate) before_each: Asked<(EventMessage, R), EventMessage>,
    pub(crate) after_each: Option<AfterEach>,
    pub(crate) on_triggered: Told<(Arc<EventMessage>, R)>,
    pub(crate) on_history_evicted: Asked<EvictedHistory, ()>,
    pub(crate) load_history: Asked<HistoryQuery, Vec<EventMessage>>,
    /// Guards the inspector; without it there is none.
    #[cfg(feature = "inspector")]
    pub(crate) inspector: Asked<Handshake, ()>,
}

impl<C, R> Default for Hooks<C, R> {
    fn default() -> Self {
        Self {
            authenticate: None,
            on_connected: None,
            on_disconnected: None,
            before_join: None,
            authorize: None,
            on_joined: None,
            on_left: None,
            on_room_created: None,
            on_room_deleted: None,
            before_each: None,
            after_each: None,
            on_triggered: None,
            on_history_evicted: None,
            load_history: None,
            #[cfg(feature = "inspector")]
            inspector: None,
        }
    }
}

/// Why a hook or handler, or other code of the application's, gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HookFailure {
    #[error("it panicked: {0}")]
    Panicked(String),
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
}

/// Runs a hook or handler so that its panic or hang harms only what it was about. The closure runs inside too. At the
/// deadline the future is dropped, inside as well: what it holds may panic in its drop.
pub(crate) fn contain<F: Future>(
    deadline: Duration,
    run: impl FnOnce() -> F,
) -> impl Future<Output = Result<F::Output, HookFailure>> {
    let timed = tokio::time::timeout(deadline, lazy(|_| run()).flatten());
    // `map_err` drops it as soon as the deadline has passed, and so where panics are caught.
    contain_panic(timed.map_err(move |_| HookFailure::TimedOut(deadline))).map(Result::flatten)
}

/// Runs what has its own bounds in time so that its panic harms only what it was about.
///
/// Combined, as [`contain`] is, and not `async`: an `async` function has a place for its argument beside the one in which it
/// awaits it, and futures here are large, and made for every command.
pub(crate) fn contain_panic<F: Future>(future: F) -> impl Future<Output = Result<F::Output, HookFailure>> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .map_err(|panic| HookFailure::Panicked(panic_message(&*panic)))
}

/// The same for what runs on the spot.
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
    fn catches_a_panic_on_the_spot() {
        assert_eq!(
            contain_sync(|| panic!("now")),
            Err::<(), _>(HookFailure::Panicked("now".to_owned()))
        );
    }
}
