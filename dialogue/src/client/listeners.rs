//! The listeners of one room, or of the client itself: handlers and streams.
//!
//! Each listener has its own buffer. Items that arrive before there is a listener are kept in a backlog, within limits,
//! for the first listener that wants them. Programs set up several handlers one after another, so the backlog stays for
//! a while after the first one.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::barrier::{Barrier, BarrierRole, Queued};
use super::buffer::{BoundedQueue, BufferLimits, ItemBuffer, Weighed};

/// How long the backlog stays for further listeners after the first one: long for a program that sets up its handlers,
/// and too short for the backlog to become stale.
const SETUP_TIME: Duration = Duration::from_secs(5);

/// Identifies a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListenerId(u64);

type Wanted<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

struct ItemListener<T> {
    id: ListenerId,
    wants: Wanted<T>,
    /// Whether it is a handler, which meets the others at each barrier. A stream is read at any pace.
    is_handler: bool,
    buffer: Arc<ItemBuffer<Queued<T>>>,
}

/// All listeners to one source of items.
pub(super) struct ListenerSet<T> {
    state: Mutex<SetState<T>>,
    bounds: BufferLimits,
}

struct SetState<T> {
    listeners: Vec<ItemListener<T>>,
    /// `None` once the backlog is dropped, or if none is kept.
    backlog: Option<Backlog<T>>,
    next: u64,
    ended: bool,
}

/// The items that no listener has received yet.
struct Backlog<T> {
    queue: BoundedQueue<Queued<T>>,
    /// When the backlog is dropped; `None` until there is a listener.
    until: Option<Instant>,
}

/// Where a listener starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartAt {
    /// With the backlog, if it is still kept.
    Backlog,
    /// With the next item.
    Now,
}

impl<T: Weighed + Clone + Send + 'static> ListenerSet<T> {
    /// No listeners yet. `bounds` limits each listener's buffer, and `backlog` the items kept for the first listener.
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

    /// Gives an item to every listener that wants it. If none does and the item is `kept`, it joins the backlog.
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

    /// Removes the items from the backlog that `is_due` accepts.
    pub(super) fn remove_from_backlog(&self, is_due: impl Fn(&T) -> bool) {
        if let Some(backlog) = self.state.lock().backlog() {
            backlog.queue.remove(|queued| is_due(&queued.item));
        }
    }

    /// Drops the backlog. The next listener that starts there learns how much was dropped.
    pub(super) fn drop_backlog(&self) {
        if let Some(backlog) = self.state.lock().backlog() {
            backlog.queue.clear();
        }
    }

    /// Adds a stream, which reads at its own pace.
    pub(super) fn listen(
        &self,
        start: StartAt,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> (ListenerId, Arc<ItemBuffer<Queued<T>>>) {
        self.add(start, false, wants)
    }

    /// Adds a listener, which may be a handler.
    pub(super) fn add(
        &self,
        start: StartAt,
        is_handler: bool,
        wants: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> (ListenerId, Arc<ItemBuffer<Queued<T>>>) {
        let mut state = self.state.lock();
        let id = ListenerId(state.next);
        state.next += 1;
        let queue = match state.backlog().filter(|_| start == StartAt::Backlog) {
            Some(backlog) => {
                backlog.until.get_or_insert_with(|| Instant::now() + SETUP_TIME);
                backlog.queue.split(|queued| wants(&queued.item), self.bounds)
            }
            None => BoundedQueue::new(self.bounds),
        };
        let buffer = Arc::new(ItemBuffer::of(queue));
        if state.ended {
            buffer.end();
        } else {
            state.listeners.push(ItemListener {
                id,
                wants: Box::new(wants),
                is_handler,
                buffer: Arc::clone(&buffer),
            });
        }
        (id, buffer)
    }

    /// Removes a listener. It still receives what waits in its buffer.
    pub(super) fn remove(&self, id: ListenerId) {
        let mut state = self.state.lock();
        let at = state.listeners.iter().position(|listener| listener.id == id);
        let removed = at.map(|at| state.listeners.remove(at));
        drop(state);
        if let Some(listener) = removed {
            listener.buffer.end();
        }
    }

    /// Ends every listener, and each one that is added later.
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
    /// The backlog, as long as it is kept.
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
