//! The hooks that an application can give.
//!
//! Generic over the handles that hooks receive, because those point to the core, and the core holds the hooks.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::connection::{Handshake, Identity, Refusal};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::id::EventName;
use crate::log::{EvictedHistory, HistoryQuery};

/// The most `on_triggered` hooks that may run at once. At 1,000 events a second, a hook that takes its whole deadline would
/// otherwise accumulate 5,000 of them.
const NOTIFICATIONS: usize = 1024;

/// An asynchronous hook. Several arguments are a tuple.
pub(crate) type Hook<A, O> = Arc<dyn Fn(A) -> BoxFuture<'static, O> + Send + Sync>;

/// A hook that decides, if the application has set it.
pub(crate) type DecisionHook<A, O> = Option<Hook<A, Result<O, Refusal>>>;

/// A hook that is only notified, if the application has set it. It returns the error to log.
pub(crate) type NotificationHook<A> = Option<Hook<A, Option<String>>>;

/// The hook that is called synchronously after each delivery.
pub(crate) type AfterEach = Arc<dyn Fn(&EventMessage, &Delivery) + Send + Sync>;

/// All hooks of an application. `C` is the handle to a client, `R` the handle to a room.
pub(crate) struct Hooks<C, R> {
    pub(crate) authenticate: DecisionHook<Handshake, Identity>,
    pub(crate) on_connected: NotificationHook<C>,
    pub(crate) on_disconnected: NotificationHook<C>,
    pub(crate) before_join: DecisionHook<(C, R), ()>,
    pub(crate) authorize: DecisionHook<(C, R, EventName), ()>,
    pub(crate) on_joined: NotificationHook<(C, R)>,
    pub(crate) on_left: NotificationHook<(C, R)>,
    pub(crate) on_room_created: NotificationHook<R>,
    pub(crate) on_room_deleted: NotificationHook<R>,
    pub(crate) before_each: DecisionHook<(EventMessage, R), EventMessage>,
    pub(crate) after_each: Option<AfterEach>,
    pub(crate) on_triggered: NotificationHook<(Arc<EventMessage>, R)>,
    /// Bounds the `on_triggered` hooks that run at once.
    pub(crate) notifications: Arc<Semaphore>,
    pub(crate) on_history_evicted: DecisionHook<EvictedHistory, ()>,
    pub(crate) load_history: DecisionHook<HistoryQuery, Vec<EventMessage>>,
    /// Guards the inspector; without it, the server has no inspector.
    #[cfg(feature = "inspector")]
    pub(crate) inspector: DecisionHook<Handshake, ()>,
}

impl<C, R> Default for Hooks<C, R> {
    fn default() -> Self {
        Self {
            authenticate: None,
            on_connected: None,
            on_disconnected: None,
            before_join: None,
            authorize: None,
            on_joined: None,
            on_left: None,
            on_room_created: None,
            on_room_deleted: None,
            before_each: None,
            after_each: None,
            on_triggered: None,
            notifications: Arc::new(Semaphore::new(NOTIFICATIONS)),
            on_history_evicted: None,
            load_history: None,
            #[cfg(feature = "inspector")]
            inspector: None,
        }
    }
}
