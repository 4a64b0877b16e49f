//! Handlers: tasks that run the application's code for one item after another.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use super::barrier::{BarrierRole, Queued};
use super::buffer::{NextItem, Weighed};
use super::listeners::{ListenerSet, StartAt};
use crate::containment::{contain, contain_sync, text_of};
use crate::hook::HookOutcome;

impl<T: Weighed + Clone + Send + 'static> ListenerSet<T> {
    /// Adds a handler: a task that runs it for one item after another, and continues after a panic.
    pub(super) fn handle<F, Fut>(
        self: &Arc<Self>,
        runtime: &Handle,
        start: StartAt,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
        handler: F,
    ) -> ClientSubscription
    where
        F: Fn(T) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let (id, buffer) = self.add(start, true, wants);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        runtime.spawn(async move {
            loop {
                match buffer.next().await {
                    NextItem::Item(Queued { item, role }) => take(role, &handler, item).await,
                    NextItem::Dropped(number) => {
                        let dropped = counted.fetch_add(number, Ordering::Relaxed) + number;
                        // A panic in the program's subscriber affects nothing else.
                        let _contained = contain_sync(|| {
                            tracing::warn!(dropped, "a handler is too slow, so events were dropped for it");
                        });
                    }
                    NextItem::End => break,
                }
            }
        });
        let set = Arc::downgrade(self);
        ClientSubscription {
            remove: Arc::new(move || {
                if let Some(set) = set.upgrade() {
                    set.remove(id);
                }
            }),
            dropped,
        }
    }
}

/// Runs a handler for an item, or waits for the others, as its role at a barrier says.
async fn take<T, F, Fut>(role: BarrierRole, handler: &F, item: T)
where
    F: Fn(T) -> Option<Fut>,
    Fut: Future<Output: HookOutcome>,
{
    match role {
        BarrierRole::None => run(handler, item).await,
        BarrierRole::Run { arrived, running } => {
            arrived.wait().await;
            run(handler, item).await;
            drop(running);
        }
        BarrierRole::Wait { arriving, done } => {
            drop(arriving);
            done.wait().await;
        }
    }
}

/// Runs a handler once. It may take any time, because only its own events wait.
async fn run<T, F, Fut>(handler: &F, item: T)
where
    F: Fn(T) -> Option<Fut>,
    Fut: Future<Output: HookOutcome>,
{
    let handled = contain(Duration::MAX, || async {
        match handler(item) {
            Some(future) => future.await.into_result(),
            None => Ok(()),
        }
    });
    let failure = match handled.await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.into_failure(),
        Err(failure) => failure,
    };
    let error = text_of(failure.root());
    let _contained = contain_sync(|| tracing::error!(error, "a handler failed"));
}

/// A running handler of a client, returned by `on` and similar methods. Dropping it does not stop the handler. The
/// handler ends with the room or the connection that it listens to.
#[derive(Clone)]
pub struct ClientSubscription {
    remove: Arc<dyn Fn() + Send + Sync>,
    dropped: Arc<AtomicU64>,
}

impl ClientSubscription {
    /// Stops the handler. It still handles the events that were queued for it before.
    pub fn unsubscribe(&self) {
        (self.remove)();
    }

    /// How many events the handler missed because it was too slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for ClientSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSubscription")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::client::buffer::BufferLimits;

    const BOUNDS: BufferLimits = BufferLimits { items: 3, bytes: 100 };

    type Told = tokio::sync::mpsc::UnboundedSender<String>;

    /// A handler that reports its name and its item, each time that the gate lets it through.
    fn noting(
        listeners: &Arc<ListenerSet<u32>>,
        wants: fn(&u32) -> bool,
        name: &'static str,
        gate: &Arc<Semaphore>,
        told: &Told,
    ) -> ClientSubscription {
        let (gate, told) = (Arc::clone(gate), told.clone());
        listeners.handle(&Handle::current(), StartAt::Now, wants, move |item| {
            let (gate, told) = (Arc::clone(&gate), told.clone());
            Some(async move {
                let _permit = gate.acquire().await;
                let _ = told.send(format!("{name} {item}"));
            })
        })
    }

    #[tokio::test]
    async fn handlers_meet_at_a_barrier_and_do_not_wait_for_ended_ones() {
        let listeners = Arc::new(ListenerSet::new(BOUNDS, None));
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let [open, slow, marks, never] = [9, 0, 0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
        noting(&listeners, |item| *item > 0, "quick", &open, &told);
        noting(&listeners, |item| *item > 0, "slow", &slow, &told);
        noting(&listeners, |item| *item == 0, "mark", &marks, &told);
        let _unread = listeners.listen(StartAt::Now, |_| true);
        noting(&listeners, |item| *item > 8, "ended", &never, &told).unsubscribe();
        for item in [1, 0, 2] {
            listeners.offer(&item, false);
        }
        for (expected, held_up) in [("quick 1", &slow), ("slow 1", &marks), ("mark 0", &never)] {
            assert_eq!(heard.recv().await.unwrap(), expected);
            if !Arc::ptr_eq(held_up, &never) {
                tokio::task::yield_now().await;
                assert!(heard.is_empty(), "the others wait for the blocked handler");
            }
            held_up.add_permits(9);
        }
        let mut rest = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
        rest.sort();
        assert_eq!(rest, ["quick 2", "slow 2"]);
    }

    #[tokio::test]
    async fn a_handler_survives_a_panic_and_ends_when_it_is_unsubscribed() {
        let listeners = Arc::new(ListenerSet::new(BOUNDS, None));
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let subscription = listeners.handle(
            &Handle::current(),
            StartAt::Now,
            |_| true,
            move |item: u32| {
                assert!(item != 1, "one");
                let _ = told.send(item);
                Some(async {})
            },
        );
        listeners.offer(&1, false);
        listeners.offer(&2, false);
        assert_eq!(heard.recv().await, Some(2));
        subscription.unsubscribe();
        listeners.offer(&3, false);
        assert_eq!(heard.recv().await, None);
    }
}
