//! Who listens on the server's side: the handlers and streams of `on` and `events`.
//!
//! Owns the register of listeners and the buffer of a stream; what a listener does with an event is a closure.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, RwLock};

use crate::event::EventMessage;
use crate::id::RoomId;
use crate::room::{ListenScope, RoomDeclaration};
use crate::runtime::observe::lag::{HandlerLag, Lagging};

/// An event as listeners share it.
pub(crate) type SharedMessage = Arc<EventMessage>;

/// Takes an event in, without waiting.
type Sink = Arc<dyn Fn(&SharedMessage) + Send + Sync>;

/// Names a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerKey(u64);

struct Listener {
    key: ListenerKey,
    names: Option<&'static [&'static str]>,
    sink: Sink,
}

/// Everyone who listens.
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

impl Listeners {
    /// Adds a listener; one that is added after [`close`](Self::close) hears nothing.
    pub(crate) fn add(
        &self,
        scope: ListenScope,
        names: Option<&'static [&'static str]>,
        sink: impl Fn(&SharedMessage) + Send + Sync + 'static,
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
        // What a handler holds is the application's, and is dropped outside the lock.
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

    /// Drops every listener, and every later one.
    pub(crate) fn close(&self) {
        let register = std::mem::replace(
            &mut *self.register.write(),
            Register {
                closed: true,
                ..Register::default()
            },
        );
        drop(register);
    }

    /// Whether anyone may hear what happens in a room.
    pub(crate) fn is_empty(&self) -> bool {
        let register = self.register.read();
        register.rooms.is_empty() && register.families.is_empty()
    }

    /// Gives an event to everyone who listens for it, in a room that is of this declaration.
    pub(crate) fn offer(&self, message: &SharedMessage, declared: Option<&'static RoomDeclaration>) {
        let register = self.register.read();
        let in_room = register.rooms.get(&message.room_id).into_iter().flatten();
        let in_family = register
            .families
            .iter()
            // Not by the id: to parse it would run the application's code under the room's lock.
            .filter(|(declaration, _)| declared.is_some_and(|declared| std::ptr::eq(declared, *declaration)))
            .map(|(_, listener)| listener);
        for listener in in_room.chain(in_family) {
            if listener
                .names
                .is_none_or(|names| names.contains(&message.event.as_str()))
            {
                (listener.sink)(message);
            }
        }
    }
}

/// What waits for the reader of a stream: the newest events, and how many older ones were dropped.
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

/// What the reader of a stream finds next.
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
