//! Running hooks and handlers: contained, at their depth, and with a report of every failure.
//!
//! Owns the one place where a failure of the application's code is reported and timed ([`Core::report`]). The caller of a
//! hook decides what a failure means.

use std::sync::Arc;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::definition::{Hook, NotificationHook};
use crate::connection::{ClientState, Refusal};
use crate::containment::{HookFailure, contain};
use crate::event::EventMessage;
use crate::room::RoomCell;
use crate::runtime::core::{Client, Core, RoomHandle};
use crate::runtime::hooks::recursion::{depth, one_deeper};
use crate::runtime::observe::emit::Involved;
use crate::serial::SerialQueue;

/// The return value of a hook.
pub(crate) trait HookAnswer {
    /// The error that makes it a failure.
    fn error(&self) -> Option<String>;
}

/// The answer of a hook that decides. A refusal is a failure only if an error is behind it.
impl<T> HookAnswer for Result<T, Refusal> {
    fn error(&self) -> Option<String> {
        self.as_ref().err()?.source().map(ToString::to_string)
    }
}

/// The answer of a hook that is only notified: its error.
impl HookAnswer for Option<String> {
    fn error(&self) -> Option<String> {
        self.clone()
    }
}

/// The arguments of a hook that is only notified.
pub(crate) trait HookArguments: Clone {
    /// The client, room and event of the call.
    fn involved(&self) -> Involved<'_>;
}

impl HookArguments for Client {
    fn involved(&self) -> Involved<'_> {
        Involved::client(&self.state)
    }
}

impl HookArguments for RoomHandle {
    fn involved(&self) -> Involved<'_> {
        Involved::default().in_room(&self.cell.id)
    }
}

impl HookArguments for (Client, RoomHandle) {
    fn involved(&self) -> Involved<'_> {
        let (client, room) = self;
        client.involved().in_room(&room.cell.id)
    }
}

impl HookArguments for (Arc<EventMessage>, RoomHandle) {
    fn involved(&self) -> Involved<'_> {
        Involved::event(&self.0)
    }
}

/// The verdict of a hook that decides. A failure counts as a refusal. The error text is for the client that the hook stops.
pub(crate) fn verdict<T>(
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
    /// Runs a hook or handler for code at `depth`, contained and reported. The closure and its future both run one level
    /// deeper.
    pub(in crate::runtime) fn run_hook<'a, F: Future<Output: HookAnswer>>(
        &'a self,
        hook: &'static str,
        involved: Involved<'a>,
        depth: usize,
        run: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<F::Output, HookFailure>> {
        self.reported(
            hook,
            involved,
            one_deeper(depth, contain(self.limits.hook_deadline, run)),
        )
    }

    /// Runs a contained hook, and reports its end.
    pub(crate) fn reported<'a, A: HookAnswer>(
        &'a self,
        hook: &'static str,
        involved: Involved<'a>,
        run: impl Future<Output = Result<A, HookFailure>>,
    ) -> impl Future<Output = Result<A, HookFailure>> {
        let started = self.start_of_hook();
        run.inspect(move |answer| self.report(hook, involved, started, answer))
    }

    /// The time at which a hook starts, if an observer wants to know how long it takes.
    pub(in crate::runtime) fn start_of_hook(&self) -> Option<Instant> {
        self.observe.is_observed().then(Instant::now)
    }

    /// Reports the end of a hook: counts a failure, and passes the failure and the time to observers.
    pub(in crate::runtime) fn report<A: HookAnswer>(
        &self,
        hook: &'static str,
        involved: Involved<'_>,
        started: Option<Instant>,
        answer: &Result<A, HookFailure>,
    ) {
        let error = match answer {
            Ok(answer) => answer.error(),
            Err(failure) => Some(failure.to_string()),
        };
        if let Some(error) = error {
            self.observe.hook_failed(hook, &error, involved);
        }
        if let Some(started) = started {
            self.observe.hook_timed(hook, started.elapsed());
        }
    }

    /// Calls a notification hook for code at `depth`, and logs its failure.
    pub(in crate::runtime) async fn notify<A: HookArguments>(
        &self,
        depth: usize,
        name: &'static str,
        hook: &Hook<A, Option<String>>,
        about: A,
    ) {
        let kept = about.clone();
        let outcome = self.run_hook(name, kept.involved(), depth, || hook(about)).await;
        self.log_failure(name, outcome);
    }

    /// Queues the call of a notification hook, if the application has set it, behind the earlier calls in `queue`.
    pub(crate) fn notify_in_order<A: HookArguments + Send + Sync + 'static>(
        self: &Arc<Self>,
        queue: &SerialQueue,
        name: &'static str,
        hook: &NotificationHook<A>,
        about: A,
    ) {
        let Some(hook) = hook.clone() else {
            return;
        };
        let (core, depth) = (Arc::clone(self), depth());
        let job = async move { core.notify(depth, name, &hook, about).await };
        queue.push(usize::MAX, &self.lifecycle.tasks, Box::pin(job));
    }

    /// Queues the call of a hook about a client and a room behind the client's earlier calls.
    pub(in crate::runtime) fn notify_of_member(
        self: &Arc<Self>,
        client: &Arc<ClientState>,
        room: &Arc<RoomCell>,
        name: &'static str,
        hook: &NotificationHook<(Client, RoomHandle)>,
    ) {
        self.notify_in_order(&client.hooks, name, hook, (self.client(client), self.room(room)));
    }

    /// Logs the failure of a notification hook, if it failed.
    pub(in crate::runtime) fn log_failure(&self, hook: &'static str, outcome: Result<Option<String>, HookFailure>) {
        let error = match outcome {
            Ok(None) => return,
            Ok(Some(error)) => error,
            Err(failure) => failure.to_string(),
        };
        self.log(|| tracing::error!(hook, %error, "a hook failed"));
    }
}
