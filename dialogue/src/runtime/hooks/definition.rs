//! The hooks that an application can give. Hooks of one kind form a chain.
//!
//! Generic over the handles that hooks receive, because those point to the core, and the core holds the hooks.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::arguments::{Arrival, ConnectionEnd, Left, WebOrigin};
use crate::connection::{Handshake, Identity};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::hook::{HookError, drop_contained};
use crate::id::EventName;
use crate::log::{ErasedHistory, EvictedHistory, HistoryQuery};
use crate::room::RoomDeclaration;

/// The most `on_triggered` hooks that may run at once. At 1,000 events a second, a hook that takes its whole deadline would
/// otherwise accumulate 5,000 of them.
const NOTIFICATIONS: usize = 1024;

/// An asynchronous hook. Several arguments are a tuple.
pub(crate) type Hook<A, O> = Arc<dyn Fn(A) -> BoxFuture<'static, Result<O, HookError>> + Send + Sync>;

/// A hook that is called synchronously after each delivery.
pub(crate) type AfterEach<R> = Arc<dyn Fn(&EventMessage, &Delivery, &R) -> Result<(), HookError> + Send + Sync>;

/// One hook of a chain.
pub(crate) struct HookEntry<H> {
    /// The method of the builder that set it.
    pub(crate) name: &'static str,
    /// The room or family that it is for; `None` for all rooms.
    of: Option<&'static RoomDeclaration>,
    pub(crate) run: H,
}

/// The hooks of one kind, in the order in which the application has set them. They run in this order.
pub(crate) struct HookChain<H>(Vec<HookEntry<H>>);

/// A chain of asynchronous hooks with these arguments and this answer.
pub(crate) type AsyncHooks<A, O = ()> = HookChain<Hook<A, O>>;

impl<H> HookChain<H> {
    /// Adds a hook for every room, or one that has nothing to do with rooms.
    pub(crate) fn add(&mut self, name: &'static str, run: H) {
        self.0.push(HookEntry { name, of: None, run });
    }

    /// Adds a hook for one declared room or family.
    pub(crate) fn add_of(&mut self, name: &'static str, of: &'static RoomDeclaration, run: H) {
        let of = Some(of);
        self.0.push(HookEntry { name, of, run });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the chain has a hook that is for every room.
    pub(crate) fn has_general(&self) -> bool {
        self.0.iter().any(|hook| hook.of.is_none())
    }

    /// Whether the chain has a hook that is only for this room or family.
    pub(crate) fn has_of(&self, declaration: &RoomDeclaration) -> bool {
        self.0
            .iter()
            .any(|hook| hook.of.is_some_and(|of| std::ptr::eq(of, declaration)))
    }

    /// The hooks that run for a room with this declaration. `None` stands for a room without one, and for a hook that has
    /// nothing to do with rooms.
    pub(crate) fn of(&self, declaration: Option<&'static RoomDeclaration>) -> impl Iterator<Item = &HookEntry<H>> {
        self.0.iter().filter(move |hook| match (hook.of, declaration) {
            (Some(of), Some(declaration)) => std::ptr::eq(of, declaration),
            (Some(_), None) => false,
            (None, _) => true,
        })
    }

    /// The rooms and families that have a hook of their own, each with the name of the hook.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = (&'static str, &'static RoomDeclaration)> {
        self.0.iter().filter_map(|hook| Some((hook.name, hook.of?)))
    }

    /// Whether a hook runs for a room with this declaration.
    pub(crate) fn concerns(&self, declaration: Option<&'static RoomDeclaration>) -> bool {
        self.of(declaration).next().is_some()
    }
}

/// Hooks own values of the application, whose `Drop` may panic.
impl<H> Drop for HookChain<H> {
    fn drop(&mut self) {
        self.0.drain(..).for_each(drop_contained);
    }
}

impl<H> Default for HookChain<H> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// All hooks of an application. `C` is the handle to a client, `R` the handle to a room.
pub(crate) struct Hooks<C, R> {
    pub(crate) check_origin: AsyncHooks<WebOrigin>,
    pub(crate) authenticate: AsyncHooks<Handshake, Identity>,
    pub(crate) on_connected: AsyncHooks<C>,
    pub(crate) on_disconnected: AsyncHooks<(C, ConnectionEnd)>,
    pub(crate) before_join: AsyncHooks<(C, R)>,
    pub(crate) authorize: AsyncHooks<(C, R, EventName, Arc<Value>)>,
    pub(crate) on_joined: AsyncHooks<(C, R, Arrival)>,
    pub(crate) on_left: AsyncHooks<(C, R, Left)>,
    pub(crate) on_room_created: AsyncHooks<R>,
    pub(crate) on_room_deleted: AsyncHooks<R>,
    pub(crate) before_each: AsyncHooks<(EventMessage, R), EventMessage>,
    pub(crate) after_each: HookChain<AfterEach<R>>,
    pub(crate) on_triggered: AsyncHooks<(Arc<EventMessage>, R)>,
    /// Bounds the `on_triggered` hooks that run at once.
    pub(crate) notifications: Arc<Semaphore>,
    pub(crate) on_history_evicted: AsyncHooks<EvictedHistory>,
    pub(crate) on_erased: AsyncHooks<ErasedHistory>,
    pub(crate) load_history: AsyncHooks<HistoryQuery, Vec<EventMessage>>,
    /// The guards of the inspector; without one, the server has no inspector.
    #[cfg(feature = "inspector")]
    pub(crate) inspector: AsyncHooks<Handshake>,
}

impl<C, R> Hooks<C, R> {
    /// The rooms and families that have hooks of their own, each with the name of a hook.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = (&'static str, &'static RoomDeclaration)> {
        let of_members = self.before_join.scopes().chain(self.authorize.scopes());
        let of_members = of_members.chain(self.on_joined.scopes()).chain(self.on_left.scopes());
        let of_rooms = self.on_room_created.scopes().chain(self.on_room_deleted.scopes());
        let of_events = self.before_each.scopes().chain(self.after_each.scopes());
        let of_events = of_events.chain(self.on_triggered.scopes());
        of_members.chain(of_rooms).chain(of_events)
    }
}

impl<C, R> Default for Hooks<C, R> {
    fn default() -> Self {
        Self {
            check_origin: HookChain::default(),
            authenticate: HookChain::default(),
            on_connected: HookChain::default(),
            on_disconnected: HookChain::default(),
            before_join: HookChain::default(),
            authorize: HookChain::default(),
            on_joined: HookChain::default(),
            on_left: HookChain::default(),
            on_room_created: HookChain::default(),
            on_room_deleted: HookChain::default(),
            before_each: HookChain::default(),
            after_each: HookChain::default(),
            on_triggered: HookChain::default(),
            notifications: Arc::new(Semaphore::new(NOTIFICATIONS)),
            on_history_evicted: HookChain::default(),
            on_erased: HookChain::default(),
            load_history: HookChain::default(),
            #[cfg(feature = "inspector")]
            inspector: HookChain::default(),
        }
    }
}
