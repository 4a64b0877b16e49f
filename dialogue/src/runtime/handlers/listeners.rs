//! The register of the server's own listeners: handlers (`on`) and streams (`stream`).
//!
//! Owns the register and the buffer of a stream. A listener's reaction to an event is a closure that it brings along.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, RwLock};

use crate::connection::ClientState;
use crate::event::EventMessage;
use crate::hook::drop_contained;
use crate::id::RoomId;
use crate::room::{ListenScope, RoomCell, RoomDeclaration};
use crate::runtime::observe::lag::{HandlerLag, Lagging};

/// An event that all listeners share.
pub(crate) type SharedMessage = Arc<EventMessage>;

/// An event, with the room that it is in and the client of this node that triggered it, if there is one.
#[derive(Clone, Copy)]
pub(crate) struct AppliedEvent<'a> {
    pub(crate) message: &'a SharedMessage,
    pub(crate) room: &'a Arc<RoomCell>,
    pub(crate) sender: Option<&'a Arc<ClientState>>,
}

/// Accepts an event without waiting.
type Sink = Arc<dyn Fn(AppliedEvent<'_>) + Send + Sync>;

/// Identifies a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerKey(u64);

struct Listener {
    key: ListenerKey,
    names: Option<&'static [&'static str]>,
    sink: Sink,
}

/// Every listener of a server.
#[derive(Default)]
pub(crate) struct Listeners {
    register: RwLock<Register>,
    next: AtomicU64,
}

#[derive(Default)]
struct Register {
    rooms: HashMap<RoomId, Vec<Listener>>,
    families: Vec<(&'static RoomDeclaration, Listener)>,
    closed: bool,
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.close();
    }
}

impl Listeners {
    /// Adds a listener. A listener that is added after [`close`](Self::close) receives nothing.
    pub(crate) fn add(
        &self,
        scope: ListenScope,
        names: Option<&'static [&'static str]>,
        sink: impl Fn(AppliedEvent<'_>) + Send + Sync + 'static,
    ) -> ListenerKey {
        let key = ListenerKey(self.next.fetch_add(1, Ordering::Relaxed));
        let listener = Listener {
            key,
            names,
            sink: Arc::new(sink),
        };
        let mut register = self.register.write();
        if !register.closed {
            match scope {
                ListenScope::Room(room) => register.rooms.entry(room).or_default().push(listener),
                ListenScope::Family(declaration) => register.families.push((declaration, listener)),
            }
        }
        key
    }

    pub(crate) fn remove(&self, key: ListenerKey) {
        // A handler holds values of the application. They must be dropped outside the lock.
        let mut removed = Vec::new();
        let mut register = self.register.write();
        let family = register.families.extract_if(.., |(_, listener)| listener.key == key);
        removed.extend(family.map(|(_, listener)| listener));
        register.rooms.retain(|_, listeners| {
            removed.extend(listeners.extract_if(.., |listener| listener.key == key));
            !listeners.is_empty()
        });
        drop(register);
    }

    /// Drops every listener, and ignores listeners that are added later.
    pub(crate) fn close(&self) {
        let register = std::mem::replace(
            &mut *self.register.write(),
            Register {
                closed: true,
                ..Register::default()
            },
        );
        // A handler owns values of the application, whose `Drop` may panic.
        register.rooms.into_values().flatten().for_each(drop_contained);
        register.families.into_iter().for_each(drop_contained);
    }

    /// Whether no listener is registered.
    pub(crate) fn is_empty(&self) -> bool {
        let register = self.register.read();
        register.rooms.is_empty() && register.families.is_empty()
    }

    /// Gives an event to every listener that wants it.
    pub(crate) fn offer(&self, event: AppliedEvent<'_>) {
        let AppliedEvent { message, room, .. } = event;
        let declared = room.template.declaration;
        let register = self.register.read();
        let in_room = register.rooms.get(&message.room_id).into_iter().flatten();
        let in_family = register
            .families
            .iter()
            // Compares declarations, because parsing the id would run the application's code under the room's lock.
            .filter(|(declaration, _)| declared.is_some_and(|declared| std::ptr::eq(declared, *declaration)))
            .map(|(_, listener)| listener);
        for listener in in_room.chain(in_family) {
            if listener
                .names
                .is_none_or(|names| names.contains(&message.event.as_str()))
            {
                (listener.sink)(event);
            }
        }
    }
}

/// The buffer of a stream: the newest events that wait for the reader, and the number of older events that were
/// dropped.
pub(crate) struct StreamBuffer {
    state: Mutex<StreamState>,
    bound: usize,
    lag: Arc<HandlerLag>,
}

#[derive(Default)]
struct StreamState {
    waiting: VecDeque<(SharedMessage, Lagging)>,
    dropped: u64,
    ended: bool,
    reader: Option<Waker>,
}

/// The next item for the reader of a stream.
pub(crate) enum Next {
    Event(SharedMessage),
    Dropped(u64),
    End,
}

impl StreamBuffer {
    pub(crate) fn new(bound: usize, lag: Arc<HandlerLag>) -> Self {
        Self {
            state: Mutex::default(),
            bound: bound.max(1),
            lag,
        }
    }

    pub(crate) fn push(&self, message: SharedMessage) {
        let mut state = self.state.lock();
        if state.waiting.len() >= self.bound {
            state.waiting.pop_front();
            state.dropped += 1;
            self.lag.note_dropped();
        }
        state.waiting.push_back((message, self.lag.add()));
        wake(state);
    }

    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        wake(state);
    }

    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.state.lock();
        if state.dropped > 0 {
            return Poll::Ready(Next::Dropped(std::mem::take(&mut state.dropped)));
        }
        if let Some((message, _)) = state.waiting.pop_front() {
            return Poll::Ready(Next::Event(message));
        }
        if state.ended {
            return Poll::Ready(Next::End);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

fn wake(mut state: parking_lot::MutexGuard<'_, StreamState>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}
