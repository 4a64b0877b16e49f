//! Who listens: the handlers and streams of one room, or of the client itself.
//!
//! Each listener has a buffer of its own. What a room sends before anybody listens is kept, within bounds, for whoever does so
//! first. It takes a moment to set up one handler after another, so that this ends a while after the first one.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::barrier::{Meeting, Placed, Turn};
use super::buffer::{Bounds, Buffer, Queue, Weighed};

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

    /// Adds a listener; `meets` is whether it is a handler.
    pub(super) fn add(
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

#[cfg(test)]
mod tests;
