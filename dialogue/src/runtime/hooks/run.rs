//! Running hooks and handlers: contained, at their depth, and with a report of every failure.
//!
//! Owns the one place where a failure of the application's code is counted, timed and logged. The caller of a hook decides
//! what a refusal or a failure means.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::about::{HookArguments, Passage};
use super::clock::HookClock;
use super::definition::{AsyncHooks, Hooks};
use super::values::shortened;
use crate::connection::ClientState;
use crate::containment::{contain, contain_until, text_of};
use crate::hook::{HookError, HookFailure};
use crate::runtime::core::{Client, Core, RoomHandle};
use crate::runtime::hooks::recursion::{depth, one_deeper};
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::serial::{JobTicket, SerialQueue};

/// Selects a chain from all hooks.
type Select<A> = fn(&Hooks<Client, RoomHandle>) -> &AsyncHooks<A>;

impl Core {
    /// Runs a hook or handler for code at `depth`, contained and reported. The closure and its future both run one level
    /// deeper.
    pub(in crate::runtime) fn run_hook<'a, T, F>(
        &'a self,
        hook: &'static str,
        involved: Involved<'a>,
        depth: usize,
        run: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, HookError>>
    where
        F: Future<Output = Result<T, HookError>>,
    {
        let contained = one_deeper(self.lifecycle.server, depth, contain(self.limits.hook_deadline, run));
        self.reported(hook, involved, contained)
    }

    /// Contains a hook that decides about a request before there is a client, until `deadline`.
    pub(crate) fn contain_hook<F: Future>(
        &self,
        deadline: Duration,
        run: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<F::Output, HookFailure>> {
        one_deeper(self.lifecycle.server, depth(), contain(deadline, run))
    }

    /// Does the same for a notification hook about a client. The hook's time stands still while it waits for the client.
    fn run_hook_of<'a, T, F>(
        &'a self,
        client: &ClientState,
        hook: &'static str,
        involved: Involved<'a>,
        depth: usize,
        run: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, HookError>>
    where
        F: Future<Output = Result<T, HookError>>,
    {
        let (clock, deadline) = (HookClock::start(client), self.limits.hook_deadline);
        let expired = {
            let clock = Arc::clone(&clock);
            async move { clock.expired(deadline).await }
        };
        let contained = one_deeper(self.lifecycle.server, depth, clock.scope(contain_until(expired, run)));
        self.reported(hook, involved, contained)
    }

    /// Runs a contained hook, and reports and logs its end.
    pub(crate) fn reported<'a, T>(
        &'a self,
        hook: &'static str,
        involved: Involved<'a>,
        run: impl Future<Output = Result<Result<T, HookError>, HookFailure>>,
    ) -> impl Future<Output = Result<T, HookError>> {
        self.measured(hook, involved, run)
            .inspect(move |answer| self.log_error(hook, involved, answer.as_ref().err()))
    }

    /// Runs a contained hook, and reports its end without logging it.
    pub(in crate::runtime) fn measured<'a, T>(
        &'a self,
        hook: &'static str,
        involved: Involved<'a>,
        run: impl Future<Output = Result<Result<T, HookError>, HookFailure>>,
    ) -> impl Future<Output = Result<T, HookError>> {
        let started = self.start_of_hook();
        run.map(|answer| answer.unwrap_or_else(|failure| Err(HookError::Failed(failure))))
            .map(|answer| answer.map_err(|error| self.within_limits(error)))
            .inspect(move |answer| self.report(hook, involved, started, answer.as_ref().err()))
    }

    /// The time at which a hook starts, if an observer wants to know how long it takes.
    pub(in crate::runtime) fn start_of_hook(&self) -> Option<Instant> {
        self.observe.is_observed().then(Instant::now)
    }

    /// Reports the end of a hook: counts a failure, and passes the failure and the time to observers.
    pub(in crate::runtime) fn report(
        &self,
        hook: &'static str,
        involved: Involved<'_>,
        started: Option<Instant>,
        error: Option<&HookError>,
    ) {
        if let Some(HookError::Failed(failure)) = error {
            self.observe.hook_failed(hook, || text_of(failure.root()), involved);
        }
        if let Some(started) = started {
            self.observe.hook_timed(hook, started.elapsed());
        }
    }

    /// The error of a hook, in a form that the client may receive.
    fn within_limits(&self, error: HookError) -> HookError {
        match error.refusal().and_then(|refusal| shortened(&self.limits, refusal)) {
            Some(shortened) => shortened.into(),
            None => error.contained(),
        }
    }

    /// Reports a hook that has returned what it may not return. Returns the failure.
    pub(in crate::runtime) fn returned(
        &self,
        hook: &'static str,
        involved: Involved<'_>,
        mistake: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> HookFailure {
        let failure = HookFailure::returned(mistake);
        let error = HookError::Failed(failure.clone());
        self.report(hook, involved, None, Some(&error));
        self.log_error(hook, involved, Some(&error));
        failure
    }

    /// Logs the failure of a hook, or the cause of its refusal. A refusal without a cause is nothing to log.
    pub(in crate::runtime) fn log_error(&self, hook: &'static str, involved: Involved<'_>, error: Option<&HookError>) {
        match error {
            None => {}
            Some(HookError::Failed(failure)) => {
                let error = text_of(failure.root());
                log_line!(ERROR, self, involved, hook, { hook, error, }, "a hook failed");
            }
            Some(HookError::Refused(refusal)) => {
                if let Some(cause) = refusal.cause() {
                    let cause = text_of(cause);
                    let reason = refusal.reason();
                    log_line!(INFO, self, involved, hook, { hook, reason, cause, }, "a hook refused");
                }
            }
        }
    }

    /// Asks every hook of a chain that concerns these arguments, in order. The first refusal or failure is the answer.
    pub(in crate::runtime) async fn ask<A: HookArguments>(
        &self,
        depth: usize,
        chain: &AsyncHooks<A>,
        about: A,
    ) -> Result<(), HookError> {
        for hook in chain.of(about.declaration()) {
            self.run_hook(hook.name, about.involved(), depth, || (hook.run)(about.clone()))
                .await?;
        }
        Ok(())
    }

    /// Calls every notification hook of a chain that concerns these arguments, in order. A failure affects no other hook.
    pub(in crate::runtime) async fn notify<A: HookArguments>(&self, depth: usize, chain: &AsyncHooks<A>, about: A) {
        for hook in chain.of(about.declaration()) {
            let run = || (hook.run)(about.clone());
            let _logged = match about.client() {
                Some(client) => self.run_hook_of(client, hook.name, about.involved(), depth, run).await,
                None => self.run_hook(hook.name, about.involved(), depth, run).await,
            };
        }
    }

    /// Queues the call of the notification hooks of a chain behind the earlier calls in `queue`. Returns `None` if no hook
    /// is called.
    pub(crate) fn notify_in_order<A: HookArguments + Send + Sync + 'static>(
        self: &Arc<Self>,
        queue: &SerialQueue,
        chain: Select<A>,
        about: A,
    ) -> Option<JobTicket> {
        if !chain(&self.hooks).concerns(about.declaration()) {
            return None;
        }
        let (core, depth) = (Arc::clone(self), depth());
        let job = async move { core.notify(depth, chain(&core.hooks), about).await };
        queue.push(usize::MAX, &self.lifecycle.tasks, Box::pin(job))
    }

    /// Queues the call of the notification hooks about a client and a room behind the client's earlier calls.
    pub(in crate::runtime) fn notify_of_member<P: Passage + Send + Sync + 'static>(
        self: &Arc<Self>,
        client: &Arc<ClientState>,
        room: &RoomHandle,
        chain: Select<(Client, RoomHandle, P)>,
        passage: P,
    ) -> Option<JobTicket> {
        let about = (self.client(client), room.clone(), passage);
        self.notify_in_order(&client.hooks, chain, about)
    }
}
