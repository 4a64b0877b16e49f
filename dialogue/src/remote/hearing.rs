//! Who listens: the handlers and streams of one room, or of the client itself.
//!
//! Each listener has a buffer of its own. What a room sends before anybody listens for it is kept, within bounds, for
//! whoever does so first: between a join and the first handler nothing is lost.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::buffer::{Bounds, Buffer, Next, Queue, Weighed};
use crate::hooks::{HookOutcome, contain};

/// Names a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListenerKey(u64);

type Wanted<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

struct Listener<T> {
    key: ListenerKey,
    wants: Wanted<T>,
    buffer: Arc<Buffer<T>>,
}

/// Everyone who listens to one thing.
pub(super) struct Hearing<T> {
    state: Mutex<State<T>>,
    bounds: Bounds,
}

struct State<T> {
    listeners: Vec<Listener<T>>,
    /// What nobody has listened for yet.
    unheard: Option<Queue<T>>,
    next: u64,
    ended: bool,
}

impl<T: Weighed + Clone + Send + 'static> Hearing<T> {
    /// Nobody yet. Each listener's buffer has these bounds; `unheard` are those of what is kept for the first one.
    pub(super) fn new(bounds: Bounds, unheard: Option<Bounds>) -> Self {
        Self {
            state: Mutex::new(State {
                listeners: Vec::new(),
                unheard: unheard.map(Queue::new),
                next: 0,
                ended: false,
            }),
            bounds,
        }
    }

    /// Gives something to everyone who wants it. What is `kept` waits for the first who does.
    pub(super) fn offer(&self, item: &T, kept: bool) {
        let mut state = self.state.lock();
        let mut heard = false;
        for listener in &state.listeners {
            if (listener.wants)(item) {
                listener.buffer.push(item.clone());
                heard = true;
            }
        }
        if kept
            && !heard
            && let Some(unheard) = &mut state.unheard
        {
            unheard.push(item.clone());
        }
    }

    /// Begins to listen.
    pub(super) fn listen(&self, wants: impl Fn(&T) -> bool + Send + Sync + 'static) -> (ListenerKey, Arc<Buffer<T>>) {
        let buffer = Arc::new(Buffer::new(self.bounds));
        let mut state = self.state.lock();
        let key = ListenerKey(state.next);
        state.next += 1;
        for item in state
            .unheard
            .as_mut()
            .map(|unheard| unheard.take(&wants))
            .unwrap_or_default()
        {
            buffer.push(item);
        }
        if state.ended {
            buffer.end();
        } else {
            state.listeners.push(Listener {
                key,
                wants: Box::new(wants),
                buffer: Arc::clone(&buffer),
            });
        }
        (key, buffer)
    }

    /// Ends a listener; what waits for it is still read.
    pub(super) fn remove(&self, key: ListenerKey) {
        let mut state = self.state.lock();
        let at = state.listeners.iter().position(|listener| listener.key == key);
        let removed = at.map(|at| state.listeners.remove(at));
        drop(state);
        if let Some(listener) = removed {
            listener.buffer.end();
        }
    }

    /// Ends every listener, and each that comes later.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        let listeners = std::mem::take(&mut state.listeners);
        drop(state);
        for listener in listeners {
            listener.buffer.end();
        }
    }

    /// Begins to listen with a handler: a task that runs it for one item after another, and outlives its panics.
    pub(super) fn handle<F, Fut>(
        self: &Arc<Self>,
        runtime: &Handle,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
        handler: F,
    ) -> ClientSubscription
    where
        F: Fn(T) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let (key, buffer) = self.listen(wants);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        runtime.spawn(async move {
            loop {
                match buffer.next().await {
                    Next::Item(item) => run(&handler, item).await,
                    Next::Dropped(number) => {
                        let dropped = counted.fetch_add(number, Ordering::Relaxed) + number;
                        tracing::warn!(dropped, "a handler is too slow; events are dropped for it");
                    }
                    Next::End => break,
                }
            }
        });
        let hearing = Arc::downgrade(self);
        ClientSubscription {
            remove: Arc::new(move || {
                if let Some(hearing) = hearing.upgrade() {
                    hearing.remove(key);
                }
            }),
            dropped,
        }
    }
}

/// Runs a handler once. It may take its time: only its own events wait.
async fn run<T, F, Fut>(handler: &F, item: T)
where
    F: Fn(T) -> Option<Fut>,
    Fut: Future<Output: HookOutcome>,
{
    let handled = contain(Duration::MAX, || async {
        match handler(item) {
            Some(future) => future.await.into_error(),
            None => None,
        }
    });
    match handled.await {
        Ok(None) => {}
        Ok(Some(error)) => tracing::warn!(error, "a handler failed"),
        Err(failure) => tracing::error!(%failure, "a handler failed"),
    }
}

/// A handler of a client at work: what `on` and its like return. Dropping it keeps the handler, which ends with the room
/// or the connection that it listens to.
#[derive(Clone)]
pub struct ClientSubscription {
    remove: Arc<dyn Fn() + Send + Sync>,
    dropped: Arc<AtomicU64>,
}

impl ClientSubscription {
    /// Ends it. Events that were queued for the handler before are still handled.
    pub fn unsubscribe(&self) {
        (self.remove)();
    }

    /// How many events the handler has not got because it was too slow.
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
    use super::*;

    impl Weighed for u32 {
        fn weight(&self) -> usize {
            1
        }
    }

    const BOUNDS: Bounds = Bounds { items: 2, bytes: 100 };

    #[tokio::test]
    async fn what_nobody_has_heard_waits_for_the_first_who_wants_it() {
        let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
        for item in 1..=3_u32 {
            hearing.offer(&item, true);
        }
        hearing.offer(&4, false);
        let (_, even) = hearing.listen(|item| item % 2 == 0);
        assert_eq!(even.next().await, Next::Item(2));
        hearing.offer(&6, true);
        let (_, all) = hearing.listen(|_| true);
        assert_eq!(
            all.next().await,
            Next::Item(3),
            "the oldest is gone, and nobody heard the last"
        );
        hearing.end();
        assert_eq!((even.next().await, all.next().await), (Next::Item(6), Next::End));
        assert_eq!(hearing.listen(|_| true).1.next().await, Next::End);
    }

    #[tokio::test]
    async fn a_handler_goes_on_after_a_panic_and_ends_when_it_is_unsubscribed() {
        let hearing = Arc::new(Hearing::new(BOUNDS, None));
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let subscription = hearing.handle(
            &Handle::current(),
            |_| true,
            move |item: u32| {
                assert!(item != 1, "one");
                let _ = told.send(item);
                Some(async {})
            },
        );
        hearing.offer(&1, false);
        hearing.offer(&2, false);
        assert_eq!(heard.recv().await, Some(2));
        subscription.unsubscribe();
        hearing.offer(&3, false);
        assert_eq!(heard.recv().await, None);
    }
}
