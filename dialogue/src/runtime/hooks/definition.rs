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

/// How many `on_triggered` hooks may run at once. A hook that stalls for its whole deadline at 1,000 events a second
/// would otherwise pile up 5,000 of them.
const NOTIFICATIONS: usize = 1024;

/// An asynchronous hook, its argument a tuple where it takes several.
pub(crate) type Hook<A, O> = Arc<dyn Fn(A) -> BoxFuture<'static, O> + Send + Sync>;

/// A hook that decides, if there is one.
pub(crate) type Asked<A, O> = Option<Hook<A, Result<O, Refusal>>>;

/// A hook that is only told, if there is one; it returns the error to log.
pub(crate) type Told<A> = Option<Hook<A, Option<String>>>;

/// The hook that is told of each delivery, on the spot.
pub(crate) type AfterEach = Arc<dyn Fn(&EventMessage, &Delivery) + Send + Sync>;

/// Every hook of an application. `C` is the client's handle, `R` the room's.
pub(crate) struct Hooks<C, R> {
    pub(crate) authenticate: Asked<Handshake, Identity>,
    pub(crate) on_connected: Told<C>,
    pub(crate) on_disconnected: Told<C>,
    pub(crate) before_join: Asked<(C, R), ()>,
    pub(crate) authorize: Asked<(C, R, EventName), ()>,
    pub(crate) on_joined: Told<(C, R)>,
    pub(crate) on_left: Told<(C, R)>,
    pub(crate) on_room_created: Told<R>,
    pub(crate) on_room_deleted: Told<R>,
    pub(crate) before_each: Asked<(EventMessage, R), EventMessage>,
    pub(crate) after_each: Option<AfterEach>,
    pub(crate) on_triggered: Told<(Arc<EventMessage>, R)>,
    /// Bounds the `on_triggered` hooks that run at once.
    pub(crate) notifications: Arc<Semaphore>,
    pub(crate) on_history_evicted: Asked<EvictedHistory, ()>,
    pub(crate) load_history: Asked<HistoryQuery, Vec<EventMessage>>,
    /// Guards the inspector; without it there is none.
    #[cfg(feature = "inspector")]
    pub(crate) inspector: Asked<Handshake, ()>,
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
