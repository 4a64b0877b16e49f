//! Running hooks and handlers: contained, at their depth, and with a report of every failure.
//!
//! Owns the one place where a failure of the application's code is reported and timed ([`Core::report`]). What a failure
//! means to whoever called the hook is for the caller to decide.

use std::sync::Arc;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::definition::{Hook, Told};
use crate::connection::{ClientState, Refusal};
use crate::containment::{HookFailure, contain};
use crate::event::EventMessage;
use crate::room::RoomCell;
use crate::runtime::core::{Client, Core, RoomHandle};
use crate::runtime::hooks::recursion::{depth, one_deeper};
use crate::runtime::observe::emit::Involved;
use crate::serial::SerialQueue;

/// What a hook returns.
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

/// The answer of a hook that is only told: its error.
impl HookAnswer for Option<String> {
    fn error(&self) -> Option<String> {
        self.clone()
    }
}

/// The arguments of a hook that is only told.
pub(crate) trait HookArguments: Clone {
    /// What the hook is called about.
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
    /// Runs a hook or handler that something at `depth` has set off, contained and reported: all that it does, the closure
    /// before its future included, is one deeper.
    pub(in crate::runtime) fn set_off<'a, F: Future<Output: HookAnswer>>(
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

    /// When a hook begins, if somebody observes how long it takes.
    pub(in crate::runtime) fn start_of_hook(&self) -> Option<Instant> {
        self.observe.is_observed().then(Instant::now)
    }

    /// Reports how a hook ended: counts a failure, and shows it and the time to observers.
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

    /// Tells a hook of something that happened at `depth`, and logs what is worth a line.
    pub(in crate::runtime) async fn tell<A: HookArguments>(
        &self,
        depth: usize,
        name: &'static str,
        hook: &Hook<A, Option<String>>,
        about: A,
    ) {
        let kept = about.clone();
        let told = self.set_off(name, kept.involved(), depth, || hook(about)).await;
        self.note(name, told);
    }

    /// Tells a hook, if there is one, once those before it in `queue` have been told.
    pub(crate) fn tell_in_turn<A: HookArguments + Send + Sync + 'static>(
        self: &Arc<Self>,
        queue: &SerialQueue,
        name: &'static str,
        hook: &Told<A>,
        about: A,
    ) {
        let Some(hook) = hook.clone() else {
            return;
        };
        let (core, depth) = (Arc::clone(self), depth());
        let job = async move { core.tell(depth, name, &hook, about).await };
        queue.push(usize::MAX, &self.lifecycle.tasks, Box::pin(job));
    }

    /// Tells a hook of a client and a room, once the client's earlier ones have been told.
    pub(in crate::runtime) fn tell_of_member(
        self: &Arc<Self>,
        client: &Arc<ClientState>,
        room: &Arc<RoomCell>,
        name: &'static str,
        hook: &Told<(Client, RoomHandle)>,
    ) {
        self.tell_in_turn(&client.hooks, name, hook, (self.client(client), self.room(room)));
    }

    /// Logs what a notification hook came to, if it is worth a line.
    pub(in crate::runtime) fn note(&self, hook: &'static str, told: Result<Option<String>, HookFailure>) {
        let error = match told {
            Ok(None) => return,
            Ok(Some(error)) => error,
            Err(failure) => failure.to_string(),
        };
        self.log(|| tracing::error!(hook, %error, "a hook failed"));
    }
}
