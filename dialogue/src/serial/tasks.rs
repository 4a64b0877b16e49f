//! The tasks of a server, the runtimes that they can run in, and the work that has lost its runtime.
//!
//! Knows no queue: stranded work is a closure that starts it again.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::{self, Handle, RuntimeFlavor};
use tokio_util::task::TaskTracker;

/// How many runtimes are remembered: more than a program has at once.
const MAX_KNOWN: usize = 8;

/// Starts work again that has lost its task.
pub(super) type Restart = Box<dyn FnOnce() + Send>;

/// The tasks of a server. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    runtimes: Arc<Runtimes>,
}

/// Where tasks can run.
#[derive(Default)]
struct Runtimes {
    state: Mutex<RuntimesState>,
    /// Whether work is stranded, readable without the lock.
    is_stranded: AtomicBool,
}

#[derive(Default)]
struct RuntimesState {
    /// The runtimes in which the server was used, the latest last. Some of them may have ended.
    known: Vec<Handle>,
    /// Work that waits for a runtime.
    stranded: Vec<Restart>,
    /// How often a runtime was added.
    added: u64,
}

/// The known runtimes at one time.
pub(super) struct KnownRuntimes {
    /// Those with threads of their own first, and the latest of them before the others.
    pub(super) handles: Vec<Handle>,
    added: u64,
}

impl Deref for Tasks {
    type Target = TaskTracker;

    fn deref(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl Tasks {
    /// Other tasks in the same runtimes, for which nobody waits who waits for these.
    pub(crate) fn separate(&self) -> Self {
        Self {
            tracker: TaskTracker::new(),
            runtimes: Arc::clone(&self.runtimes),
        }
    }

    /// Remembers the current runtime, if there is one, and starts the stranded work. Call it wherever a server is used
    /// first in a runtime.
    pub(crate) fn note_runtime(&self) {
        let Ok(current) = Handle::try_current() else {
            return;
        };
        let mut state = self.runtimes.state.lock();
        if state.known.last().is_none_or(|latest| latest.id() != current.id()) {
            state.known.retain(|known| known.id() != current.id());
            state.known.push(current);
            state.added += 1;
            let excess = state.known.len().saturating_sub(MAX_KNOWN);
            state.known.drain(..excess);
        }
        drop(state);
        self.rescue();
    }

    /// Starts the stranded work, if there is any.
    pub(super) fn rescue(&self) {
        if !self.runtimes.is_stranded.load(Ordering::Acquire) {
            return;
        }
        let stranded = {
            let mut state = self.runtimes.state.lock();
            self.runtimes.is_stranded.store(false, Ordering::Release);
            std::mem::take(&mut state.stranded)
        };
        for restart in stranded {
            restart();
        }
    }

    /// The current runtime, if work should start in it. A runtime without threads of its own stands still whenever no
    /// thread blocks on it. If it is not one of the server's, work starts in one that has threads, if there is one.
    pub(super) fn current(&self) -> Option<Handle> {
        let current = Handle::try_current().ok()?;
        if has_threads(&current) {
            return Some(current);
        }
        let state = self.runtimes.state.lock();
        let is_known = state.known.iter().any(|known| known.id() == current.id());
        (is_known || !state.known.iter().any(has_threads)).then_some(current)
    }

    /// The runtimes in which the server was used.
    pub(super) fn known(&self) -> KnownRuntimes {
        let state = self.runtimes.state.lock();
        let mut handles: Vec<_> = state.known.iter().rev().cloned().collect();
        handles.sort_by_key(|known| !has_threads(known));
        KnownRuntimes {
            handles,
            added: state.added,
        }
    }

    /// Forgets a runtime that has ended.
    pub(super) fn forget(&self, ended: runtime::Id) {
        self.runtimes.state.lock().known.retain(|known| known.id() != ended);
    }

    /// Keeps work that could be started in none of the `tried` runtimes. Returns `restart` if there is another runtime by
    /// now.
    pub(super) fn strand(&self, tried: &KnownRuntimes, restart: Restart) -> Result<(), Restart> {
        let mut state = self.runtimes.state.lock();
        if state.added != tried.added {
            return Err(restart);
        }
        state.stranded.push(restart);
        self.runtimes.is_stranded.store(true, Ordering::Release);
        Ok(())
    }
}

/// Whether a runtime runs its tasks also while no thread blocks on it.
fn has_threads(runtime: &Handle) -> bool {
    runtime.runtime_flavor() != RuntimeFlavor::CurrentThread
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks")
            .field("tracker", &self.tracker)
            .finish_non_exhaustive()
    }
}
