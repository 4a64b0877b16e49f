//! The builder's hooks about connections, history, and every room. [`super::room_hooks`] has the hooks of
//! one room type.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::builder::Builder;
use crate::connection::{Handshake, Identity};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::hook::{HookError, HookOutcome};
use crate::id::EventName;
#[cfg(doc)]
use crate::limits::Limits;
use crate::log::{ErasedHistory, EvictedHistory, HistoryQuery};
use crate::runtime::core::{Client, RoomHandle};
use crate::runtime::hooks::arguments::{Arrival, ConnectionEnd, Left, WebOrigin};
use crate::runtime::hooks::definition::Hook;

/// Boxes a deciding hook of one argument.
fn deciding<A, O, F, Fut>(hook: F) -> Hook<A, O>
where
    A: 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, HookError>> + Send + 'static,
{
    Arc::new(move |argument| Box::pin(hook(argument)))
}

/// Boxes a notification hook of one argument.
fn notification<A, F, Fut>(hook: F) -> Hook<A, ()>
where
    A: 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HookOutcome> + Send + 'static,
{
    Arc::new(move |argument| notified(hook(argument)))
}

/// Boxes the call of a notification hook. It has nothing to refuse, so every error is a failure.
pub(super) fn notified<Fut>(call: Fut) -> BoxFuture<'static, Result<(), HookError>>
where
    Fut: Future<Output: HookOutcome> + Send + 'static,
{
    Box::pin(async move {
        let result = call.await.into_result();
        result.map_err(|error| HookError::Failed(error.into_failure()))
    })
}

impl Builder {
    /// Decides whether a page of this origin may connect. Asked only about origins that are neither the server's own nor
    /// allowed by [`allow_origin`](Self::allow_origin), such as the domains of customers in a database. Without this hook,
    /// their pages receive 403.
    ///
    /// `Ok(())` lets the page connect; [`authenticate`](Self::authenticate) still follows. If the hook refuses, the
    /// upgrade is answered with 403 and the reason. If it fails, panics or times out, the answer is 503 with
    /// `Retry-After`, and clients try again. Several of these hooks must all agree.
    ///
    /// The hook is not asked about requests without `Origin`, which do not come from pages, nor about pages without an
    /// origin of their own (`Origin: null`), which always receive 403. The inspector has its own rule. Each hook has
    /// [`Limits::hook_deadline`], within the rest of [`Limits::connect_deadline`].
    ///
    /// ```
    /// # use dialogue::{Dialogue, refuse};
    /// # async fn belongs_to_a_customer(host: &str) -> std::io::Result<bool> { Ok(!host.is_empty()) }
    /// let builder = Dialogue::builder().check_origin(|origin| async move {
    ///     match origin.scheme() == "https" && belongs_to_a_customer(origin.host()).await? {
    ///         true => Ok(()),
    ///         false => refuse("this site is not registered"),
    ///     }
    /// });
    /// # let _ = builder;
    /// ```
    pub fn check_origin<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(WebOrigin) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.check_origin.add("check_origin", deciding(hook));
        self
    }

    /// Decides who a client is. Called once for each connection, with the [`Handshake`] that the client presents, and
    /// again when the client presents a fresh token. If the hook refuses, the client receives `UNAUTHENTICATED` with the
    /// reason; a refused first `connect` ends the connection for good.
    ///
    /// If the hook fails, panics or times out, nobody is admitted, but nobody is refused either: the client receives
    /// `UNAVAILABLE`, and a first `connect` ends with [`CloseCode::Unavailable`](crate::protocol::CloseCode::Unavailable),
    /// after which clients come back by themselves. So return errors of a database with `?`, and refuse only a client
    /// whose credentials are wrong.
    ///
    /// Several of these hooks must agree: each must return the same user, or [`Identity::anonymous`], which agrees with
    /// every user. The claims and the `meta` come from the first hook that returns some. The earliest expiry counts.
    ///
    /// The deadline of all these hooks is the rest of [`Limits::connect_deadline`]; for a fresh token, all of it.
    ///
    /// Without this hook, every client is anonymous, and the server generates its user id.
    pub fn authenticate<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, HookError>> + Send + 'static,
    {
        self.hooks.authenticate.add("authenticate", deciding(hook));
        self
    }

    /// Called for each client that has connected, before its first command runs. To put the client into rooms, call
    /// `client.join(…)` here.
    pub fn on_connected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_connected.add("on_connected", notification(hook));
        self
    }

    /// Called for each client whose connection has ended, with the reason, while the client is still in its rooms. The
    /// client leaves them when the hook returns or times out.
    pub fn on_disconnected<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, ConnectionEnd) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let hook = notification(move |(client, end)| hook(client, end));
        self.hooks.on_disconnected.add("on_disconnected", hook);
        self
    }

    /// Decides whether a client may join a room. If the hook refuses, the client receives `JOIN_DENIED` with the reason.
    /// If it fails, the client receives `UNAVAILABLE` and may try again. For an on-demand room, the hook runs before the
    /// room exists.
    ///
    /// When a client has renewed its session, the hook runs again in the background for every room that the client is in,
    /// one after another. If it refuses then, the client leaves that room. If it fails, the client stays, and the check is
    /// repeated until it is decided: after 1 s, then after pauses that double up to a minute.
    pub fn before_join<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        let hook = deciding(move |(client, room)| hook(client, room));
        self.hooks.before_join.add("before_join", hook);
        self
    }

    /// Decides whether a client may trigger an event. Called for each event that a client triggers, if the room lets
    /// clients trigger such an event at all. If the hook refuses, the client receives `PERMISSION_DENIED` with the
    /// reason. If it fails, the event is not sent, and the client receives `UNAVAILABLE`.
    ///
    /// The data is what the client sent. The server validates it after this hook, so it may have any shape.
    pub fn authorize<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle, EventName, Arc<Value>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        let hook = deciding(move |(client, room, event, data)| hook(client, room, event, data));
        self.hooks.authorize.add("authorize", hook);
        self
    }

    /// Called for each client that has joined a room. The client's next command runs after the hook. The [`Arrival`]
    /// tells the user's first connection in the room from an additional one and from a comeback.
    pub fn on_joined<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle, Arrival) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let hook = notification(move |(client, room, arrival)| hook(client, room, arrival));
        self.hooks.on_joined.add("on_joined", hook);
        self
    }

    /// Called for each client that has left a room, however it left: exactly once for each `on_joined`. [`Left`] says
    /// why, and whether the user has another connection in the room.
    pub fn on_left<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Client, RoomHandle, Left) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let hook = notification(move |(client, room, left)| hook(client, room, left));
        self.hooks.on_left.add("on_left", hook);
        self
    }

    /// Called for each room that is created after the server was built.
    pub fn on_room_created<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_created.add("on_room_created", notification(hook));
        self
    }

    /// Called for each room that has been deleted or has expired.
    pub fn on_room_deleted<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_deleted.add("on_room_deleted", notification(hook));
        self
    }

    /// Checks each event before it is sent, whether a client or the server triggers it. The hook may change the data or
    /// the metadata, or refuse the event. If it refuses, a client receives `BLOCKED` with the reason, and a trigger by
    /// the server fails with [`TriggerError::Refused`](crate::TriggerError::Refused). If the hook fails, the event is not
    /// sent; a client receives `UNAVAILABLE`, and a trigger by the server fails with
    /// [`TriggerError::HookFailed`](crate::TriggerError::HookFailed). Each hook receives what the one before it returned.
    ///
    /// Changed data is validated again. The hook cannot change the event's room, sender or time: the server restores
    /// them. An event whose name the hook changes is blocked, and the server logs an error.
    pub fn before_each<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EventMessage, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<EventMessage, HookError>> + Send + 'static,
    {
        let hook = deciding(move |(message, room)| hook(message, room));
        self.hooks.before_each.add("before_each", hook);
        self
    }

    /// Called for each event that has been queued for its recipients, with its [`Delivery`]. Runs synchronously before
    /// the trigger returns, so it must be quick. An error and a panic are logged.
    pub fn after_each<F, O>(mut self, hook: F) -> Self
    where
        F: Fn(&EventMessage, &Delivery) -> O + Send + Sync + 'static,
        O: HookOutcome,
    {
        let hook = Arc::new(move |message: &_, delivery: &_, _: &_| hook(message, delivery).into_result());
        self.hooks.after_each.add("after_each", hook);
        self
    }

    /// Called for each event that has been queued for its recipients, in the background and in no particular order. At
    /// most 1,024 calls run at once. Beyond that, the hook is not called for an event, and the server logs it.
    pub fn on_triggered<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EventMessage, RoomHandle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let hook = notification(move |(message, room)| hook(Arc::unwrap_or_clone(message), room));
        self.hooks.on_triggered.add("on_triggered", hook);
        self
    }

    /// Receives the events that memory no longer keeps, so that you can store them elsewhere. The hook receives each
    /// event at least once, and the events of one room and type in order.
    ///
    /// Each call receives one batch: up to 100 events of one room and type. One call runs at a time, and the batch that
    /// has waited longest is next. If a call fails, the server repeats it, up to five calls in total. The pauses
    /// between them start at 0.1 s and double. Then the server gives the batch up and logs an error. Several of these
    /// hooks receive each batch one after another. If one of them fails, the batch is repeated for all of them.
    ///
    /// At most 50,000 events and [`Limits::history_bytes`] bytes wait for the hook. Beyond that, the server gives up
    /// the oldest events and logs it. No such bound applies to the events that are left when the server stops.
    ///
    /// The hook also receives the events in memory when the server stops, and the history of an anonymous user's
    /// room that expires. It does not receive the history of a room that is deleted. Nor does it receive the events that
    /// [`HistoryManager::push`] and [`HistoryManager::clear_room`] evict: they return these to their caller.
    ///
    /// [`HistoryManager::push`]: crate::history::HistoryManager::push
    /// [`HistoryManager::clear_room`]: crate::history::HistoryManager::clear_room
    pub fn on_history_evicted<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(EvictedHistory) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        let hook = notification(hook);
        self.hooks.on_history_evicted.add("on_history_evicted", hook);
        self
    }

    /// Informs archives that events were erased ([`RoomHandle::erase`] and
    /// [`Dialogue::erase_user`](crate::Dialogue::erase_user)), so that you erase them where you have stored them.
    ///
    /// The hook is called after [`on_history_evicted`](Self::on_history_evicted) has stored the events that it was
    /// receiving meanwhile. If a call fails, the server repeats it, up to five calls in total. The pauses between them
    /// start at 0.1 s and double. Then the server gives up and logs an error. Several of these hooks are called one after
    /// another. If one of them fails, the call is repeated for all of them.
    pub fn on_erased<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(ErasedHistory) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_erased.add("on_erased", notification(hook));
        self
    }

    /// Loads history that memory no longer keeps. Called when a client or [`RoomHandle::history`] pages back that far.
    /// If the hook refuses, the client receives `UNAVAILABLE` with the reason. Without this hook, history ends where
    /// memory ends.
    ///
    /// Return the newest events of the room and type that the [`HistoryQuery`] describes, in any order. The server
    /// leaves out events that do not match the query, and sorts the others by `seq`, newest first. Events without a
    /// `seq` count as older and are sorted by `timestamp`. If some of them have the same `timestamp`, return these
    /// newest first: the server keeps their order. Store and read an [`EventMessage`] with serde.
    ///
    /// If there are several of these hooks, the server asks all of them, and joins what they return, each `seq` once. It
    /// then skips events itself, at most 10,000 for a page by position.
    pub fn load_history<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(HistoryQuery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<EventMessage>, HookError>> + Send + 'static,
    {
        self.hooks.load_history.add("load_history", deciding(hook));
        self
    }

    /// Turns on the inspector: a page at `{base}/inspect` (`/dialogue/inspect` by default) that shows rooms, members,
    /// rates and events as they happen. It can also trigger events as the server. Without this, the routes do not
    /// exist.
    ///
    /// **The guard protects everything.** A person that it admits sees every event and can trigger any event in any
    /// room. The server calls the guard before each request, with the request's headers, cookies, query and peer;
    /// `auth` is `null`. If the guard refuses or fails, the response is 403; a refusal's reason is in it. Several guards
    /// must all agree. To admit only browsers on your own machine, use [`local_only`](crate::inspector::local_only):
    ///
    /// ```
    /// # use dialogue::{Dialogue, Handshake, refuse};
    /// let on_this_machine = Dialogue::builder().inspector(dialogue::inspector::local_only);
    /// let for_staff = Dialogue::builder().inspector(|request: Handshake| async move {
    ///     match request.cookie("session") {
    ///         Some(session) if is_staff(session).await => Ok(()),
    ///         _ => refuse("this is for staff"),
    ///     }
    /// });
    /// # async fn is_staff(session: &str) -> bool { !session.is_empty() }
    /// # let _ = (on_this_machine, for_staff);
    /// ```
    #[cfg(feature = "inspector")]
    pub fn inspector<F, Fut>(mut self, guard: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.inspector.add("inspector", deciding(guard));
        self
    }
}
