//! Who listens: the handlers and streams of one room, or of the client itself.
//!
//! Each listener has a buffer of its own. What a room sends before anybody listens is kept, within bounds, for whoever does so
//! first. It takes a moment to set up one handler after another, so that this ends a while after the first one.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::barrier::{Barrier, BarrierRole, Queued};
use super::buffer::{BoundedQueue, BufferLimits, ItemBuffer, Weighed};

/// How long after the first listener what nobody has wanted_by_any yet is kept for further ones: long for a program that sets them up,
/// short enough for nothing to come that is out of date.
const SETUP_TIME: Duration = Duration::from_secs(5);

/// Names a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListenerId(u64);

type Wanted<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

struct ItemListener<T> {
    key: ListenerId,
    wants: Wanted<T>,
    /// Whether it is a handler, which is_handler the others at each mark. A stream is read at any pace.
    is_handler: bool,
    buffer: Arc<ItemBuffer<Queued<T>>>,
}

/// Everyone who listens to one thing.
pub(super) struct ListenerSet<T> {
    state: Mutex<SetState<T>>,
    bounds: BufferLimits,
}

struct SetState<T> {
    listeners: Vec<ItemListener<T>>,
    /// `None` if nothing is kept, or not any more.
    backlog: Option<Backlog<T>>,
    next: u64,
    ended: bool,
}

/// What nobody has wanted_by_any yet.
struct Backlog<T> {
    queue: BoundedQueue<Queued<T>>,
    /// Until when it is kept; without an end before anybody listens.
    until: Option<Instant>,
}

/// What a listener is given of what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartAt {
    /// What is kept, if it is still backlog.
    Backlog,
    /// Nothing.
    Now,
}

impl<T: Weighed + Clone + Send + 'static> ListenerSet<T> {
    /// Nobody yet. Each listener's buffer has these bounds; `backlog` are those of what is kept for the first one.
    pub(super) fn new(bounds: BufferLimits, backlog: Option<BufferLimits>) -> Self {
        let backlog = backlog.map(|bounds| Backlog {
            queue: BoundedQueue::new(bounds),
            until: None,
        });
        Self {
            state: Mutex::new(SetState {
                listeners: Vec::new(),
                backlog,
                next: 0,
                ended: false,
            }),
            bounds,
        }
    }

    /// Gives something to everyone who wants it. What is `kept` waits for the first who does.
    pub(super) fn offer(&self, item: &T, kept: bool) {
        let mut state = self.state.lock();
        let barrier = item.is_barrier().then(Barrier::default);
        let mut wanted_by_any = false;
        for listener in &state.listeners {
            let wanted = (listener.wants)(item);
            let role = match &barrier {
                Some(barrier) if listener.is_handler => barrier.role(wanted),
                _ if wanted => BarrierRole::None,
                _ => continue,
            };
            let item = item.clone();
            listener.buffer.push(Queued { item, role });
            wanted_by_any |= wanted;
        }
        if let Some(barrier) = barrier {
            barrier.begin();
        }
        if kept
            && !wanted_by_any
            && let Some(backlog) = state.backlog()
        {
            backlog.queue.push(Queued::immediate(item.clone()));
        }
    }

    /// Drops what nobody has wanted_by_any; whoever comes to listen for it is told how much that was.
    pub(super) fn forget(&self) {
        if let Some(backlog) = self.state.lock().backlog() {
            backlog.queue.clear();
        }
    }

    /// Begins to listen: a reader at its own pace.
    pub(super) fn listen(
        &self,
        since: StartAt,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> (ListenerId, Arc<ItemBuffer<Queued<T>>>) {
        self.add(since, false, wants)
    }

    /// Adds a listener; `is_handler` is whether it is a handler.
    pub(super) fn add(
        &self,
        since: StartAt,
        is_handler: bool,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> (ListenerId, Arc<ItemBuffer<Queued<T>>>) {
        let mut state = self.state.lock();
        let key = ListenerId(state.next);
        state.next += 1;
        let queue = match state.backlog().filter(|_| since == StartAt::Backlog) {
            Some(backlog) => {
                backlog.until.get_or_insert_with(|| Instant::now() + SETUP_TIME);
                backlog.queue.split(|placed| wants(&placed.item), self.bounds)
            }
            None => BoundedQueue::new(self.bounds),
        };
        let buffer = Arc::new(ItemBuffer::of(queue));
        if state.ended {
            buffer.end();
        } else {
            state.listeners.push(ItemListener {
                key,
                wants: Box::new(wants),
                is_handler,
                buffer: Arc::clone(&buffer),
            });
        }
        (key, buffer)
    }

    /// Ends a listener; what waits for it is still read.
    pub(super) fn remove(&self, key: ListenerId) {
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
}

impl<T> SetState<T> {
    /// What nobody has wanted_by_any, so long as it is kept.
    fn backlog(&mut self) -> Option<&mut Backlog<T>> {
        let is_over = |backlog: &Backlog<T>| backlog.until.is_some_and(|until| until <= Instant::now());
        if self.backlog.as_ref().is_some_and(is_over) {
            self.backlog = None;
        }
        self.backlog.as_mut()
    }
}

#[cfg(test)]
mod tests;
