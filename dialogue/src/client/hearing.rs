//! Who listens: the handlers and streams of one room, or of the client itself.
//!
//! Each listener has a buffer of its own. What a room sends before anybody listens is kept, within bounds, for whoever does so
//! first. It takes a moment to set up one handler after another, so that this ends a while after the first one.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::buffer::{Bounds, Buffer, Next, Queue, Weighed};
use super::turn::{Meeting, Placed, Turn};
use crate::containment::{HookOutcome, contain};

/// How long after the first listener what nobody has heard yet is kept for further ones: long for a program that sets them up,
/// short enough for nothing to come that is out of date.
const SETTING_UP: Duration = Duration::from_secs(5);

/// Names a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListenerKey(u64);

type Wanted<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

struct Listener<T> {
    key: ListenerKey,
    wants: Wanted<T>,
    /// Whether it is a handler, which meets the others at each mark. A stream is read at any pace.
    meets: bool,
    buffer: Arc<Buffer<Placed<T>>>,
}

/// Everyone who listens to one thing.
pub(super) struct Hearing<T> {
    state: Mutex<State<T>>,
    bounds: Bounds,
}

struct State<T> {
    listeners: Vec<Listener<T>>,
    /// `None` if nothing is kept, or not any more.
    unheard: Option<Unheard<T>>,
    next: u64,
    ended: bool,
}

/// What nobody has heard yet.
struct Unheard<T> {
    queue: Queue<Placed<T>>,
    /// Until when it is kept; without an end before anybody listens.
    until: Option<Instant>,
}

/// What a listener is given of what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// What is kept, if it is still unheard.
    Before,
    /// Nothing.
    Now,
}

impl<T: Weighed + Clone + Send + 'static> Hearing<T> {
    /// Nobody yet. Each listener's buffer has these bounds; `unheard` are those of what is kept for the first one.
    pub(super) fn new(bounds: Bounds, unheard: Option<Bounds>) -> Self {
        let unheard = unheard.map(|bounds| Unheard {
            queue: Queue::new(bounds),
            until: None,
        });
        Self {
            state: Mutex::new(State {
                listeners: Vec::new(),
                unheard,
                next: 0,
                ended: false,
            }),
            bounds,
        }
    }

    /// Gives something to everyone who wants it. What is `kept` waits for the first who does.
    pub(super) fn offer(&self, item: &T, kept: bool) {
        let mut state = self.state.lock();
        let meeting = item.is_mark().then(Meeting::default);
        let mut heard = false;
        for listener in &state.listeners {
            let wanted = (listener.wants)(item);
            let turn = match &meeting {
                Some(meeting) if listener.meets => meeting.turn(wanted),
                _ if wanted => Turn::Now,
                _ => continue,
            };
            let item = item.clone();
            listener.buffer.push(Placed { item, turn });
            heard |= wanted;
        }
        if let Some(meeting) = meeting {
            meeting.begin();
        }
        if kept
            && !heard
            && let Some(unheard) = state.unheard()
        {
            unheard.queue.push(Placed::now(item.clone()));
        }
    }

    /// Drops what nobody has heard; whoever comes to listen for it is told how much that was.
    pub(super) fn forget(&self) {
        if let Some(unheard) = self.state.lock().unheard() {
            unheard.queue.clear();
        }
    }

    /// Begins to listen: a reader at its own pace.
    pub(super) fn listen(
        &self,
        since: Since,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> (ListenerKey, Arc<Buffer<Placed<T>>>) {
        self.add(since, false, wants)
    }

    fn add(
        &self,
        since: Since,
        meets: bool,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> (ListenerKey, Arc<Buffer<Placed<T>>>) {
        let mut state = self.state.lock();
        let key = ListenerKey(state.next);
        state.next += 1;
        let queue = match state.unheard().filter(|_| since == Since::Before) {
            Some(unheard) => {
                unheard.until.get_or_insert_with(|| Instant::now() + SETTING_UP);
                unheard.queue.split(|placed| wants(&placed.item), self.bounds)
            }
            None => Queue::new(self.bounds),
        };
        let buffer = Arc::new(Buffer::of(queue));
        if state.ended {
            buffer.end();
        } else {
            state.listeners.push(Listener {
                key,
                wants: Box::new(wants),
                meets,
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
        since: Since,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
        handler: F,
    ) -> ClientSubscription
    where
        F: Fn(T) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let (key, buffer) = self.add(since, true, wants);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        runtime.spawn(async move {
            loop {
                match buffer.next().await {
                    Next::Item(Placed { item, turn }) => take(turn, &handler, item).await,
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

impl<T> State<T> {
    /// What nobody has heard, so long as it is kept.
    fn unheard(&mut self) -> Option<&mut Unheard<T>> {
        let is_over = |unheard: &Unheard<T>| unheard.until.is_some_and(|until| until <= Instant::now());
        if self.unheard.as_ref().is_some_and(is_over) {
            self.unheard = None;
        }
        self.unheard.as_mut()
    }
}

/// Runs a handler for an item when it is its turn, or lets others run.
async fn take<T, F, Fut>(turn: Turn, handler: &F, item: T)
where
    F: Fn(T) -> Option<Fut>,
    Fut: Future<Output: HookOutcome>,
{
    match turn {
        Turn::Now => run(handler, item).await,
        Turn::Act { arrived, undone } => {
            arrived.wait().await;
            run(handler, item).await;
            drop(undone);
        }
        Turn::Wait { underway, done } => {
            drop(underway);
            done.wait().await;
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
    use tokio::sync::Semaphore;

    use super::*;

    /// Zero is a mark.
    impl Weighed for u32 {
        fn weight(&self) -> usize {
            1
        }

        fn is_mark(&self) -> bool {
            *self == 0
        }
    }

    const BOUNDS: Bounds = Bounds { items: 3, bytes: 100 };

    /// What comes next: an item, or how many were dropped, below zero; nothing at the end.
    async fn next(buffer: &Buffer<Placed<u32>>) -> Option<i64> {
        match buffer.next().await {
            Next::Item(placed) => Some(i64::from(placed.item)),
            Next::Dropped(number) => Some(-i64::try_from(number).unwrap()),
            Next::End => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_has_heard_waits_for_the_first_who_wants_it_and_how_much_is_gone_is_told() {
        let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
        for item in 1..=5_u32 {
            hearing.offer(&item, true);
        }
        hearing.offer(&6, false);
        tokio::time::advance(SETTING_UP * 9).await;
        let (_, marks) = hearing.listen(Since::Now, |item| *item == 0);
        tokio::time::advance(SETTING_UP * 9).await;
        let (_, even) = hearing.listen(Since::Before, |item| item % 2 == 0);
        hearing.offer(&7, true);
        let (_, all) = hearing.listen(Since::Before, |_| true);
        hearing.end();
        for expected in [Some(-2), Some(4), None] {
            assert_eq!(next(&even).await, expected);
        }
        for expected in [Some(-2), Some(3), Some(5), Some(7), None] {
            assert_eq!(next(&all).await, expected);
        }
        assert_eq!(next(&marks).await, None);
        assert_eq!(next(&hearing.listen(Since::Before, |_| true).1).await, Some(-2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_has_heard_is_not_kept_for_long_behind_the_first_listener() {
        let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
        let (_, even) = hearing.listen(Since::Before, |item| item % 2 == 0);
        hearing.offer(&1_u32, true);
        tokio::time::advance(SETTING_UP).await;
        hearing.offer(&3, true);
        let (_, all) = hearing.listen(Since::Before, |_| true);
        hearing.offer(&5, true);
        hearing.end();
        assert_eq!((next(&all).await, next(&all).await), (Some(5), None));
        assert_eq!(next(&even).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_is_told_to_who_comes_to_listen() {
        let hearing = Hearing::new(BOUNDS, Some(BOUNDS));
        hearing.offer(&1_u32, true);
        hearing.forget();
        hearing.offer(&2, true);
        let (_, all) = hearing.listen(Since::Before, |_| true);
        assert_eq!((next(&all).await, next(&all).await), (Some(-1), Some(2)));
    }

    type Told = tokio::sync::mpsc::UnboundedSender<String>;

    /// A handler that notes its name and what it is given, each when it is let through.
    fn noting(
        hearing: &Arc<Hearing<u32>>,
        wants: fn(&u32) -> bool,
        name: &'static str,
        gate: &Arc<Semaphore>,
        told: &Told,
    ) -> ClientSubscription {
        let (gate, told) = (Arc::clone(gate), told.clone());
        hearing.handle(&Handle::current(), Since::Now, wants, move |item| {
            let (gate, told) = (Arc::clone(&gate), told.clone());
            Some(async move {
                let _permit = gate.acquire().await;
                let _ = told.send(format!("{name} {item}"));
            })
        })
    }

    #[tokio::test]
    async fn handlers_meet_at_a_mark_and_whoever_has_ended_is_not_waited_for() {
        let hearing = Arc::new(Hearing::new(BOUNDS, None));
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let [open, slow, marks, never] = [9, 0, 0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
        noting(&hearing, |item| *item > 0, "quick", &open, &told);
        noting(&hearing, |item| *item > 0, "slow", &slow, &told);
        noting(&hearing, |item| *item == 0, "mark", &marks, &told);
        let _unread = hearing.listen(Since::Now, |_| true);
        noting(&hearing, |item| *item > 8, "ended", &never, &told).unsubscribe();
        for item in [1, 0, 2] {
            hearing.offer(&item, false);
        }
        for (expected, held_up) in [("quick 1", &slow), ("slow 1", &marks), ("mark 0", &never)] {
            assert_eq!(heard.recv().await.unwrap(), expected);
            if !Arc::ptr_eq(held_up, &never) {
                tokio::task::yield_now().await;
                assert!(heard.is_empty(), "who is held up is waited for");
            }
            held_up.add_permits(9);
        }
        let mut rest = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
        rest.sort();
        assert_eq!(rest, ["quick 2", "slow 2"]);
    }

    #[tokio::test]
    async fn a_handler_goes_on_after_a_panic_and_ends_when_it_is_unsubscribed() {
        let hearing = Arc::new(Hearing::new(BOUNDS, None));
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let subscription = hearing.handle(
            &Handle::current(),
            Since::Now,
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
