//! The client's handle.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::buffer::Bounds;
use super::builder::{ClientBuilder, Config};
use super::engine::{Engine, First};
use super::error::ClientError;
use super::events::RoomHistory;
use super::hearing::{ClientSubscription, Hearing, Since};
use super::joined::{AnyRoom, Joined};
use super::notice::{Disconnection, Notice};
use super::pending::{Answer, Pending};
use super::replies::{RoomInfo, RoomList};
use super::request::{Asking, Join, RoomRequest, unexpected};
use super::rooms::{RoomIndex, Rooms};
use super::session::{Identified, Op, Session};
use super::state::{CloseReason, ConnectionState, ConnectionStates};
use crate::containment::HookOutcome;
use crate::event::DialogueEvent;
use crate::id::{ClientId, RoomId, UserId};
use crate::protocol::Command;
use crate::random::random_name;
use crate::room::RoomRef;

/// How many rooms are listed before whoever asks decides whether to go on: some megabytes.
const MAX_LISTED: usize = 10_000;

/// A client of a Dialogue server. A cheap clone of one connection.
///
/// See the [module](crate::client) for how it behaves. The connection stays until [`disconnect`](Self::disconnect), until the
/// server ends it for good, or until the last handle is dropped: of the client, a [`Joined`] room, a stream or a request. A
/// handler that holds one keeps it too.
#[derive(Clone)]
pub struct DialogueClient {
    shared: Arc<Shared>,
}

/// What all handles of a client share. The engine holds none of it.
pub(super) struct Shared {
    ops: mpsc::Sender<Op>,
    states: watch::Receiver<ConnectionState>,
    closing: CancellationToken,
    notices: Arc<Hearing<Notice>>,
    identified: Arc<Mutex<Option<Identified>>>,
    rooms: RoomIndex,
    pub(super) runtime: Handle,
    key_prefix: String,
    next_key: AtomicU64,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl DialogueClient {
    /// Begins to set up a client of the server at this URL: `ws://host:port`, or `wss://…`, with the path if it is not
    /// `/dialogue/ws`. Await the result to connect.
    pub fn connect(url: impl AsRef<str>) -> ClientBuilder {
        ClientBuilder::new(url.as_ref())
    }

    pub(super) fn start(config: Config, runtime: Handle, first: First) -> Self {
        let bounds = Bounds {
            items: config.buffer_events,
            bytes: config.buffer_bytes,
        };
        let (ops, op_receiver) = mpsc::channel(1);
        let (state_sender, states) = watch::channel(ConnectionState::Connecting);
        let closing = CancellationToken::new();
        let notices = Arc::new(Hearing::new(bounds, None));
        let identified = Arc::new(Mutex::new(None));
        let rooms: RoomIndex = Arc::new(Mutex::new(HashMap::new()));
        let engine = Engine {
            session: Session::new(
                Rooms::new(Arc::clone(&rooms), bounds),
                Pending::new(config.max_requests, config.request_timeout),
                Arc::clone(&notices),
                Arc::clone(&identified),
            ),
            config: Arc::new(config),
            ops: op_receiver,
            closing: closing.clone(),
            states: state_sender,
        };
        runtime.spawn(engine.run(first));
        Self {
            shared: Arc::new(Shared {
                ops,
                states,
                closing,
                notices,
                identified,
                rooms,
                runtime,
                key_prefix: random_name(16),
                next_key: AtomicU64::new(0),
            }),
        }
    }

    /// Ends the connection, and waits until it has ended. Requests that wait fail, handlers and streams end; the client does
    /// not come back.
    ///
    /// # Cancel safety
    ///
    /// Dropped once it is awaited, the connection ends all the same.
    pub async fn disconnect(&self) {
        self.shared.closing.cancel();
        self.closed().await;
    }

    /// Waits until the connection has ended for good, and says why.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub async fn closed(&self) -> CloseReason {
        let mut states = self.shared.states.clone();
        loop {
            if let ConnectionState::Closed(reason) = &*states.borrow_and_update() {
                return reason.clone();
            }
            if states.changed().await.is_err() {
                // The runtime is gone, and the connection with it.
                return CloseReason::ByClient;
            }
        }
    }

    /// Whether the client is connected.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.shared.states.borrow().clone()
    }

    /// The same as a stream, the present state first.
    pub fn states(&self) -> ConnectionStates {
        ConnectionStates::new(self.shared.states.clone())
    }

    /// Whether it is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.shared.states.borrow() == ConnectionState::Connected
    }

    /// The user that the server takes this client for; `None` before the first connection.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.user_id.clone())
    }

    /// The id of the connection, each with another one; `None` before the first.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.client_id.clone())
    }

    /// What changes whenever the server's declared rooms or events do; `None` before the first connection.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.shared
            .identified
            .lock()
            .as_ref()
            .map(|known| known.fingerprint.clone())
    }

    /// Joins a room: a room type, or [`AnyRoom`] for one that is not known when the program is compiled. Await the result.
    /// A room that the client is in already is joined once more: its subscriptions are replaced if they are given, for what comes
    /// from then on, and nothing is told again.
    pub fn join<R: RoomRef>(&self, room: R) -> Join<R> {
        Join::new(&self.shared, room)
    }

    /// Joins a room by its id: [`join`](Self::join) of [`AnyRoom`].
    pub fn join_id(&self, id: impl Into<RoomId>) -> Join<AnyRoom> {
        self.join(AnyRoom(id.into()))
    }

    /// A room that the client is in, on its way back included; also one that the server has taken it into.
    #[must_use]
    pub fn room<R: RoomRef>(&self, room: R) -> Option<Joined<R>> {
        let shared = self.shared.rooms.lock().get(&room.room_id()).cloned()?;
        Some(Joined::new(Arc::clone(&self.shared), room, shared))
    }

    /// The rooms that the client is in, on their way back included.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomId> {
        self.shared.rooms.lock().keys().cloned().collect()
    }

    /// Asks for the server's rooms, in the order of their ids: all, by as many requests as the server's pages take. After
    /// 10,000 it stops, and [`RoomList::more`] says so.
    pub fn list_rooms(&self) -> Asking<RoomList> {
        self.list(None)
    }

    /// The same from behind this room on, such as the last one of a list that has more.
    pub fn list_rooms_after(&self, room: impl Into<RoomId>) -> Asking<RoomList> {
        self.list(Some(room.into()))
    }

    fn list(&self, mut after: Option<RoomId>) -> Asking<RoomList> {
        let client = Arc::clone(&self.shared);
        Asking::new(async move {
            let mut rooms: Vec<RoomInfo> = Vec::new();
            loop {
                let (page, more) = match client.ask(Command::ListRooms { after }).await? {
                    Answer::Rooms { rooms, more } => (rooms, more),
                    other => return Err(unexpected(&other)),
                };
                // A server that has more and gives none would be asked for ever.
                let goes_on = more && !page.is_empty();
                rooms.extend(page.into_iter().map(RoomInfo::from));
                if !goes_on || rooms.len() >= MAX_LISTED {
                    return Ok(RoomList { rooms, more });
                }
                after = rooms.last().map(|room| room.id.clone());
            }
        })
    }

    /// Creates a room of a family that clients may create rooms of. It does not join it. Await the result.
    pub fn create_room(&self, room: impl RoomRef) -> RoomRequest {
        RoomRequest::new(&self.shared, room.room_id())
    }

    /// Deletes a room that this user has created.
    pub fn delete_room(&self, room: impl RoomRef) -> Asking<()> {
        let (client, room_id) = (Arc::clone(&self.shared), room.room_id());
        Asking::new(async move { client.ask(Command::DeleteRoom { room_id }).await.map(|_| ()) })
    }

    /// Runs `handler` each time the client is connected. Rooms may still be on their way back: see
    /// [`Joined::on_recovered`]. For the first connection too if the client was set up
    /// [in the background](ClientBuilder::in_background).
    pub fn on_connect<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(|notice| matches!(notice, Notice::Connected), move |_| Some(handler()))
    }

    /// Runs `handler` each time the connection is lost.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(Disconnection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::Disconnected(_)),
            move |notice| match notice {
                Notice::Disconnected(disconnection) => Some(handler(disconnection)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each error that is no request's: an attempt to connect that failed, credentials that were not
    /// renewed, a room that the client was not let back into, a server that does not keep to the protocol.
    pub fn on_error<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(ClientError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::Error(_)),
            move |notice| match notice {
                Notice::Error(error) => Some(handler(error)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that somebody else, or the server, has created.
    pub fn on_room_created<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomInfo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::RoomCreated(_)),
            move |notice| match notice {
                Notice::RoomCreated(room) => Some(handler(room)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that somebody else, or the server, has deleted.
    pub fn on_room_deleted<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomId) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::RoomDeleted(_)),
            move |notice| match notice {
                Notice::RoomDeleted(room) => Some(handler(room)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each room that the server takes the client into by itself: [`room`](Self::room) finds it.
    pub fn on_joined<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomId) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::Joined(_)),
            move |notice| match notice {
                Notice::Joined(room) => Some(handler(room)),
                _ => None,
            },
        )
    }

    /// Runs `handler` with the recent events of each room that receives the client with some, at its first join. The room's
    /// own handlers and streams are given them too.
    pub fn on_history<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(RoomHistory) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::History(..)),
            move |notice| match notice {
                Notice::History(history, _) => Some(handler(history)),
                _ => None,
            },
        )
    }

    /// Runs `handler` for each `E` that the server sends to this client, or to all, outside of any room. What is not of its
    /// type is logged.
    pub fn on_direct<E, F, Fut>(&self, handler: F) -> ClientSubscription
    where
        E: DialogueEvent,
        F: Fn(E) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::Direct(event, ..) if event == E::NAME),
            move |notice| match notice {
                Notice::Direct(event, data, _) => match <E as crate::event::Received>::decode(&event, &data) {
                    Ok(event) => Some(handler(event)),
                    Err(error) => {
                        tracing::warn!(%error, "a direct event was dropped");
                        None
                    }
                },
                _ => None,
            },
        )
    }

    /// Runs `handler` with the name and the data of every such event.
    pub fn on_any_direct<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(crate::EventName, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on(
            |notice| matches!(notice, Notice::Direct(..)),
            move |notice| match notice {
                Notice::Direct(event, data, _) => Some(handler(event, data)),
                _ => None,
            },
        )
    }

    fn on<F, Fut>(&self, wants: fn(&Notice) -> bool, handler: F) -> ClientSubscription
    where
        F: Fn(Notice) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.shared
            .notices
            .handle(&self.shared.runtime, Since::Now, wants, handler)
    }

    /// Why the client is closed.
    pub(super) fn ended(&self) -> ClientError {
        self.shared.ended()
    }
}

impl Shared {
    /// Makes a request and waits for its answer.
    pub(super) async fn ask(&self, command: Command) -> Result<Answer, ClientError> {
        let (reply, answer) = oneshot::channel();
        if self.ops.send(Op { command, reply }).await.is_err() {
            return Err(self.ended());
        }
        answer.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// A key that no other trigger has.
    pub(super) fn next_key(&self) -> String {
        let number = self.next_key.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.key_prefix)
    }

    fn ended(&self) -> ClientError {
        match &*self.states.borrow() {
            ConnectionState::Closed(reason) => ClientError::Closed(reason.clone()),
            _ => ClientError::Closed(CloseReason::ByClient),
        }
    }
}

impl fmt::Debug for DialogueClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialogueClient")
            .field("user_id", &self.user_id())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
