//! The time of a client's own hooks: it stands still while a hook waits for the client to read.
//!
//! A hook that puts a client into rooms waits until the client has read the histories. A slow network must not make such a
//! hook fail. The hook delays only the other hooks of its client.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::connection::{ClientKey, ClientState};

/// The shortest time between two looks at a clock that stands still.
const TICK: Duration = Duration::from_millis(10);

tokio::task_local! {
    /// The clock of the client's hook that is running.
    static CLOCK: Arc<HookClock>;
}

/// How long a hook of a client has run, without the time in which it has waited for this client.
pub(super) struct HookClock {
    client: ClientKey,
    started: Instant,
    waits: Mutex<Waits>,
}

#[derive(Default)]
struct Waits {
    /// The time of all waits that are over.
    over: Duration,
    /// How many waits there are now, and since when there has been one.
    now: usize,
    since: Option<Instant>,
}

impl HookClock {
    /// A clock that starts now.
    pub(super) fn start(client: &ClientState) -> Arc<Self> {
        Arc::new(Self {
            client: client.key,
            started: Instant::now(),
            waits: Mutex::default(),
        })
    }

    /// Waits until the hook has run for `deadline`, and returns it.
    pub(super) async fn expired(&self, deadline: Duration) -> Duration {
        loop {
            let now = Instant::now();
            let due = self.started + deadline + self.waited(now);
            if due <= now {
                return deadline;
            }
            sleep_until(due.max(now + TICK)).await;
        }
    }

    fn waited(&self, now: Instant) -> Duration {
        let waits = self.waits.lock();
        waits.over
            + waits
                .since
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Runs a hook with this clock.
    pub(super) fn scope<F: Future>(self: Arc<Self>, hook: F) -> impl Future<Output = F::Output> {
        CLOCK.scope(self, hook)
    }

    fn pause(self: &Arc<Self>) -> Pause {
        let mut waits = self.waits.lock();
        waits.now += 1;
        waits.since.get_or_insert_with(Instant::now);
        Pause(Arc::clone(self))
    }
}

/// A time in which a clock stands still.
struct Pause(Arc<HookClock>);

impl Drop for Pause {
    fn drop(&mut self) {
        let mut waits = self.0.waits.lock();
        waits.now -= 1;
        if waits.now == 0
            && let Some(since) = waits.since.take()
        {
            waits.over += since.elapsed();
        }
    }
}

/// Waits for `client`. If a hook of this client is running, its time stands still meanwhile.
pub(in crate::runtime) async fn waiting_for<F: Future>(client: &ClientState, wait: F) -> F::Output {
    let clock = CLOCK.try_with(|clock| (clock.client == client.key).then(|| Arc::clone(clock)));
    let _pause = clock.ok().flatten().map(|clock| clock.pause());
    wait.await
}
