//! What hooks have said, and what they came to.

use std::sync::Arc;

use super::definition::{Hook, Told};
use crate::connection::{ClientState, Refusal};
use crate::containment::{HookFailure, contain};
use crate::room::RoomCell;
use crate::runtime::core::{Client, Core, RoomHandle};
use crate::runtime::hooks::recursion::{depth, one_deeper};
use crate::serial::SerialQueue;

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
    /// Runs a hook or handler that something at `depth` has set off, contained: all that it does, the closure before its
    /// future included, is one deeper.
    pub(in crate::runtime) fn set_off<F: Future>(
        &self,
        depth: usize,
        run: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<F::Output, HookFailure>> {
        one_deeper(depth, contain(self.limits.hook_deadline, run))
    }

    /// Tells a hook of something that happened at `depth`, and logs what is worth a line.
    pub(in crate::runtime) async fn tell<A>(
        &self,
        depth: usize,
        name: &'static str,
        hook: &Hook<A, Option<String>>,
        about: A,
    ) {
        let told = self.set_off(depth, || hook(about)).await;
        self.note(name, told);
    }

    /// Tells a hook, if there is one, once those before it in `queue` have been told.
    pub(crate) fn tell_in_turn<A: Send + 'static>(
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
    pub(crate) fn note(&self, hook: &'static str, told: Result<Option<String>, HookFailure>) {
        let error = match told {
            Ok(None) => return,
            Ok(Some(error)) => error,
            Err(failure) => failure.to_string(),
        };
        self.log(|| tracing::error!(hook, %error, "a hook failed"));
    }
}
