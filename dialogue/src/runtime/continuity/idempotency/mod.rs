//! Idempotency keys: a trigger that a client repeats with the same key is delivered once.
//!
//! A repetition that says so is never delivered twice: if the server may have forgotten the first attempt, it refuses the
//! repetition. [`table`] has the rules of remembering and forgetting. Of an earlier run of the server, only a store knows the
//! keys.

mod connections;
mod hold;
mod key;
mod outcome;
mod table;

use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

pub(crate) use self::hold::KeyHold;
use self::key::{Key, Owner};
use self::outcome::KeyedOutcome;
pub(crate) use self::outcome::Receipt;
use self::table::{KeyTable, Permission};
use crate::connection::{ClientState, Holder};
use crate::delivery::Delivery;
use crate::id::{ClientId, UserId};
use crate::limits::Limits;
use crate::log::durable::{Answer, AppendKey, KeyOutcome};
use crate::protocol::FirstAttempt;
use crate::runtime::continuity::lineage::{Lineage, Predecessor};
use crate::runtime::lifecycle::Lifecycle;
use crate::serial::SerialQueue;

/// How much longer than due the worker waits, so that it forgets many keys at once.
const BATCH: Duration = Duration::from_secs(1);

/// The keys of recent triggers, and the connections that sent them.
pub(crate) struct IdempotencyKeys {
    state: Arc<Mutex<KeyTable>>,
    /// Forgets what has expired.
    worker: SerialQueue,
    append_deadline: Duration,
    /// With a store: the number of this run, from the beginning on.
    run: OnceLock<u64>,
}

/// A trigger with a key. The key belongs to one user and to one incarnation of a room.
pub(crate) struct KeyedTrigger {
    pub(crate) user: UserId,
    pub(crate) holder: Holder,
    /// The connection that sends it now.
    pub(crate) connection: ClientId,
    pub(crate) epoch: Arc<str>,
    pub(crate) key: String,
    /// The first attempt, if the client says that this is a repetition.
    pub(crate) repeats: Option<FirstAttempt>,
    /// Whether a store has its key if it was delivered.
    pub(crate) is_stored: bool,
    /// Asks the store for the key. `None` if the store cannot know more than this server.
    pub(crate) recall: Option<Recall>,
}

/// Asks a store what it knows of a key.
pub(crate) type Recall = Box<dyn FnOnce(AppendKey) -> Answer<KeyOutcome> + Send>;

/// Why a trigger with a key was not delivered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotRun<E> {
    /// It is a repetition, and the server cannot tell whether an earlier attempt was delivered.
    OutcomeUnknown,
    /// A store has not yet said, or cannot say now, whether it has stored an earlier attempt.
    StillRuns,
    /// It ran and failed.
    Failed(E),
}

impl IdempotencyKeys {
    pub(in crate::runtime) fn new(limits: &Limits) -> Self {
        Self {
            state: Arc::new(Mutex::new(KeyTable::new(limits.keys, limits.keys_per_user))),
            worker: SerialQueue::default(),
            append_deadline: limits.append_deadline,
            run: OnceLock::new(),
        }
    }

    /// With a store: notes the number of this run.
    pub(in crate::runtime) fn begin(&self, run: u64) {
        let _is_first = self.run.set(run);
    }

    /// Runs a trigger, unless a trigger with the same key has been delivered. In that case, returns the earlier
    /// delivery. A trigger that fails has delivered nothing, so its key can be used again.
    ///
    /// Safe to drop: the key can be used again if, and only if, the event did not get its place in the room.
    pub(crate) async fn run_once<E, F>(
        &self,
        trigger: KeyedTrigger,
        run: impl FnOnce(Receipt) -> F,
    ) -> Result<Delivery, NotRun<E>>
    where
        F: Future<Output = Result<Delivery, E>>,
    {
        let KeyedTrigger {
            user,
            holder,
            connection,
            epoch,
            key,
            repeats,
            is_stored,
            recall,
        } = trigger;
        // Declared before the outcome, so that the outcome is released before the guard checks for other users of it.
        let guard = KeyGuard::new(self, Key { user, epoch, key });
        let outcome = guard.outcome();
        let (_running, progress) = loop {
            let running = outcome.running.lock().await;
            let progress = outcome.progress.lock().clone();
            if !progress.is_appending {
                break (running, progress);
            }
            // The first attempt has ended, but a store still has its event.
            drop(running);
            let settled = Box::pin(timeout(self.append_deadline, outcome.settled()));
            settled.await.map_err(|_| NotRun::StillRuns)?;
        };
        if let Some(delivery) = progress.delivery {
            return Ok(delivery);
        }
        if progress.owner.is_some() {
            return Err(NotRun::OutcomeUnknown);
        }
        let permission = match &repeats {
            Some(first) => self.state.lock().may_run(&guard.key, first, Instant::now()),
            None => Permission::Yes,
        };
        let is_repetition = repeats.is_some();
        let owner = Owner {
            holder,
            connection: repeats.map_or(connection, |first| first.client_id),
        };
        let receipt = Receipt {
            key: Arc::clone(&guard.key),
            outcome: Arc::clone(&outcome),
            owner: owner.clone(),
            repeats: match permission {
                Permission::UnlessStored { run } => Some(run),
                // The store may know its outcome for longer than memory, if that was unknown.
                Permission::Yes if is_repetition => self.run.get().copied(),
                Permission::Yes | Permission::No => None,
            },
        };
        // Also if memory knows that no attempt was delivered: the outcome of one may have been unknown.
        if let Some(recall) = recall {
            let mut key = receipt.append_key();
            if is_repetition {
                // Whatever the age of the key is, and although nothing follows if there is none.
                key.repeats.get_or_insert_default();
            }
            match recall(key).await.map_err(|_| NotRun::StillRuns)? {
                KeyOutcome::Stored { seq } => {
                    let delivery = Delivery::new(0, Some(seq));
                    outcome.sequenced_by(&owner);
                    outcome.delivered(delivery);
                    return Ok(delivery);
                }
                KeyOutcome::Forgotten => return Err(NotRun::OutcomeUnknown),
                KeyOutcome::NotStored => {}
            }
        }
        match permission {
            Permission::Yes => {}
            Permission::UnlessStored { .. } if is_stored => {}
            Permission::UnlessStored { .. } | Permission::No => return Err(NotRun::OutcomeUnknown),
        }
        let delivery = run(receipt).await.map_err(NotRun::Failed)?;
        outcome.sequenced_by(&owner);
        outcome.delivered(delivery);
        Ok(delivery)
    }

    /// Keeps a key reserved, whatever happens to its trigger: the event is handed over to a store.
    pub(in crate::runtime) fn hold(&self, receipt: &Receipt) -> KeyHold {
        KeyHold::new(&self.state, receipt)
    }

    /// Notes a connection whose triggers may be repeated later.
    pub(crate) fn connected(&self, client: &ClientState) {
        let mut state = self.state.lock();
        state.expire(Instant::now());
        state.connections.add(&client.id, &client.user_id, &client.holder());
    }

    /// Notes the connections of earlier runs that a client continues, so that it can repeat their triggers. Returns all
    /// connections that it continues and whose triggers it can repeat.
    pub(in crate::runtime) fn continues(
        &self,
        lineage: &Lineage,
        is_this_run: impl Fn(u64) -> bool,
        client: &ClientState,
    ) -> Lineage {
        let (holder, now) = (client.holder(), Instant::now());
        let mut state = self.state.lock();
        state.expire(now);
        let connections = &mut state.connections;
        for earlier in lineage.iter().filter(|connection| !is_this_run(connection.run)) {
            connections.add_earlier(&earlier.client_id, &client.user_id, &holder, earlier.run, now);
        }
        let is_known =
            |connection: &&Predecessor| connections.of_user(&connection.client_id, &client.user_id).is_some();
        let known = Lineage::of(lineage.iter().filter(is_known).cloned());
        state.forget_excess();
        known
    }

    /// Notes the end of a connection, without a task that forgets it.
    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn note_end(&self, client: &ClientState) {
        let mut state = self.state.lock();
        state.expire(Instant::now());
        state.connections.end(&client.id, Instant::now());
    }

    /// Forgets a connection that was never admitted.
    pub(crate) fn discard(&self, client: &ClientState) {
        self.state.lock().connections.remove(&client.id);
    }

    /// Notes that a connection has ended. It and its keys are remembered for a while.
    pub(in crate::runtime) fn ended(&self, client: &ClientState, lifecycle: &Lifecycle) {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.expire(now);
        state.connections.end(&client.id, now);
        state.forget_excess();
        if state.next_due().is_none() || lifecycle.is_stopping() {
            return;
        }
        drop(state);
        // It keeps nothing else alive meanwhile, and nothing waits for it.
        let (state, stopping) = (Arc::downgrade(&self.state), lifecycle.stopping.clone());
        let forget = move || {
            let (state, stopping) = (Weak::clone(&state), stopping.clone());
            async move {
                while let Some(due) = state.upgrade().and_then(|state| state.lock().next_due()) {
                    tokio::select! {
                        () = stopping.cancelled() => return,
                        () = sleep_until(due + BATCH) => {}
                    }
                    if let Some(state) = state.upgrade() {
                        state.lock().expire(Instant::now());
                    }
                }
            }
            .boxed()
        };
        self.worker.push_again(&lifecycle.background, forget);
    }
}

/// One trigger that runs with a key, or waits for another trigger with the same key. Cleans up when it ends.
struct KeyGuard<'a> {
    keys: &'a IdempotencyKeys,
    key: Arc<Key>,
    outcome: Option<Arc<KeyedOutcome>>,
}

impl<'a> KeyGuard<'a> {
    fn new(keys: &'a IdempotencyKeys, key: Key) -> Self {
        let mut state = keys.state.lock();
        state.expire(Instant::now());
        let (key, outcome) = state.slot(key);
        drop(state);
        Self {
            keys,
            key,
            outcome: Some(outcome),
        }
    }

    /// The outcome that all triggers with this key share.
    fn outcome(&self) -> Arc<KeyedOutcome> {
        self.outcome.clone().unwrap_or_default()
    }
}

impl Drop for KeyGuard<'_> {
    /// Remembers the key if its event was published. Forgets it if it was not, and no other trigger uses it.
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            self.keys.state.lock().release(&self.key, outcome, Instant::now());
        }
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
