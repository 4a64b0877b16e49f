//! The state that all handles of a client share, and how a client starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::client::answer::Answer;
use crate::client::buffer::BufferLimits;
use crate::client::config::Config;
use crate::client::engine::{Engine, FirstAttempt};
use crate::client::error::ClientError;
use crate::client::listeners::ListenerSet;
use crate::client::notice::ClientNotice;
use crate::client::pending::Pending;
use crate::client::room_shared::{RoomIndex, RoomShared};
use crate::client::rooms::JoinedRooms;
use crate::client::session::{ClientSession, Demand, Identified, Op};
use crate::client::state::{CloseReason, ConnectionState};
use crate::client::wake::Wake;
use crate::protocol::Command;
use crate::random::random_name;

/// The errors that are kept for the first handler of errors. A client that connects in the background may fail before
/// the program has registered one.
const KEPT_ERRORS: BufferLimits = BufferLimits {
    items: 16,
    bytes: 64 * 1024,
};

/// The state that all handles of a client share. The engine holds no reference to it.
pub(super) struct ClientShared {
    ops: mpsc::Sender<Op>,
    pub(super) states: watch::Receiver<ConnectionState>,
    pub(super) closing: CancellationToken,
    pub(super) notices: Arc<ListenerSet<ClientNotice>>,
    pub(super) identified: Arc<Mutex<Option<Identified>>>,
    pub(super) rooms: RoomIndex,
    pub(super) runtime: Handle,
    pub(super) wake: Arc<Notify>,
    key_prefix: String,
    next_key: AtomicU64,
}

impl Drop for ClientShared {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl ClientShared {
    /// Starts the task that runs a client.
    pub(super) fn start(config: Config, runtime: Handle, first: FirstAttempt) -> Arc<Self> {
        let bounds = BufferLimits {
            items: config.buffer_events,
            bytes: config.buffer_bytes,
        };
        let backoff = Backoff::new(config.backoff_base, config.backoff_cap);
        let (ops, op_receiver) = mpsc::channel(1);
        let (state_sender, states) = watch::channel(ConnectionState::Connecting);
        let closing = CancellationToken::new();
        let notices = Arc::new(ListenerSet::new(bounds, Some(KEPT_ERRORS)));
        let identified = Arc::new(Mutex::new(None));
        let wake = Arc::new(Notify::new());
        let rooms: RoomIndex = Arc::new(Mutex::new(HashMap::new()));
        let engine = Engine {
            session: ClientSession::new(
                JoinedRooms::new(Arc::clone(&rooms), bounds, backoff.clone()),
                Pending::new(config.max_requests, config.request_timeout, backoff),
                Arc::clone(&notices),
                Arc::clone(&identified),
            ),
            config: Arc::new(config),
            ops: op_receiver,
            closing: closing.clone(),
            states: state_sender,
        };
        runtime.spawn(engine.run(first, Wake::new(Arc::clone(&wake))));
        Arc::new(Self {
            ops,
            states,
            closing,
            notices,
            identified,
            rooms,
            runtime,
            wake,
            key_prefix: random_name(16),
            next_key: AtomicU64::new(0),
        })
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask(&self, command: Command) -> Result<Answer, ClientError> {
        self.demand(Demand::Request(command)).await
    }

    /// Sends a request of a room's handle and waits for its answer.
    pub(super) async fn ask_in(&self, handle: &RoomShared, demand: Demand) -> Result<Answer, ClientError> {
        if !handle.is_departed() {
            return self.demand(demand).await;
        }
        match &*self.states.borrow() {
            ConnectionState::Closed(reason) => Err(ClientError::Closed(reason.clone())),
            _ => Err(ClientError::NotJoined {
                room: handle.id.clone(),
            }),
        }
    }

    /// Gives up the hold of a room's handle. If it is given up already, there is nothing to do.
    pub(super) async fn leave(&self, handle: Arc<RoomShared>) -> Result<(), ClientError> {
        if handle.is_departed() {
            return Ok(());
        }
        self.demand(Demand::Leave(handle)).await.map(|_| ())
    }

    async fn demand(&self, demand: Demand) -> Result<Answer, ClientError> {
        let (reply, answer) = oneshot::channel();
        if self.ops.send(Op { demand, reply }).await.is_err() {
            return Err(self.ended());
        }
        answer.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// An idempotency key that no other trigger has.
    pub(super) fn next_key(&self) -> String {
        let number = self.next_key.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.key_prefix)
    }

    /// The error for requests to a closed client.
    pub(super) fn ended(&self) -> ClientError {
        match &*self.states.borrow() {
            ConnectionState::Closed(reason) => ClientError::Closed(reason.clone()),
            _ => ClientError::Closed(CloseReason::ByClient),
        }
    }
}
