//! The clients that are connected to this server.
//!
//! Owns the maps by id and by user, the quotas of connections per user and per address, and the tasks that send queued frames. Knows no
//! room: [`super::membership`] puts clients into rooms.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::observe::emit::Observe;
use crate::connection::{
    AddressQuota, ClientKey, ClientState, FlushQueue, Flushers, Frame, ReplyShare, ReplyShares, Reservation,
};
use crate::id::{ClientId, UserId};
use crate::limits::Limits;

/// Every connected client.
pub(crate) struct Clients {
    connected: RwLock<Connected>,
    next_key: AtomicU64,
    /// How many connections a user may have, if that is bounded.
    per_user: Option<usize>,
    /// The connections of each network address.
    pub(crate) addresses: Arc<AddressQuota>,
    /// Notified whenever the last client has gone.
    gone: Notify,
    /// The tasks that send what is queued for clients.
    flushers: Flushers,
    /// The bytes of long replies that wait for each holder's clients.
    reply_shares: Arc<ReplyShares>,
}

#[derive(Debug, Default)]
struct Connected {
    by_id: HashMap<ClientId, Arc<ClientState>>,
    /// A later client has a higher key.
    by_user: HashMap<UserId, BTreeMap<ClientKey, Arc<ClientState>>>,
}

impl Connected {
    /// A user's clients, the earliest first.
    fn of_user(&self, user: &str) -> impl Iterator<Item = &Arc<ClientState>> {
        self.by_user.get(user).into_iter().flat_map(BTreeMap::values)
    }
}

/// Space for one long reply to a client.
#[must_use = "the space is given up when this is dropped"]
pub(crate) struct ReplySpace<'a> {
    client: &'a ClientState,
    reservation: Reservation<'a>,
    /// `None` if the connection is closing.
    share: Option<ReplyShare>,
}

impl ReplySpace<'_> {
    /// Queues the reply.
    pub(crate) fn fill(self, reply: Bytes) {
        let Self {
            client,
            reservation,
            share,
        } = self;
        if let Some(share) = share {
            client.outbox.push(Frame::Text(share.attach(reply)));
        }
        drop(reservation);
    }

    /// Gives up the space in the queue while the reply is being prepared.
    pub(crate) fn until_prepared(self) -> Option<ReplyShare> {
        self.share
    }
}

/// A user has as many connections as `Limits::connections_per_user` allows.
#[derive(Debug)]
pub(crate) struct TooManyConnections;

/// How long to wait until the connections of a user have answered, or have ended because they do not answer. They have 5 s
/// to answer.
const GHOST_WAIT: Duration = Duration::from_secs(6);

/// Asks each of these clients whether it is still there. Returns the first one whose connection ends; `None` if all answer.
pub(in crate::runtime) async fn ghost_among(clients: &[Arc<ClientState>]) -> Option<&Arc<ClientState>> {
    let mut answers: FuturesUnordered<_> = clients
        .iter()
        .map(|client| client.outbox.probe().map(move |answer| answer.err().map(|_| client)))
        .collect();
    let first_ghost = async {
        while let Some(answer) = answers.next().await {
            if answer.is_some() {
                return answer;
            }
        }
        None
    };
    timeout(GHOST_WAIT, first_ghost).await.ok().flatten()
}

impl Clients {
    /// No client yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            connected: RwLock::default(),
            next_key: AtomicU64::new(0),
            per_user: limits.connections_per_user,
            addresses: Arc::new(AddressQuota::new(limits.connections_per_address)),
            gone: Notify::new(),
            flushers: Flushers::default(),
            reply_shares: Arc::new(ReplyShares::new(limits.reply_bytes_per_user)),
        }
    }

    /// A key for one more client, higher than all before.
    pub(crate) fn next_key(&self) -> ClientKey {
        ClientKey(self.next_key.fetch_add(1, Ordering::Relaxed))
    }

    /// The flusher for one more connection.
    pub(crate) fn assign_flusher(&self) -> Arc<FlushQueue> {
        self.flushers.assign()
    }

    /// Waits until a client's queue has space for a reply of up to `bytes`, and the client's holder is within its limit, or
    /// until the connection is closing.
    pub(crate) async fn reply_space<'a>(&self, client: &'a ClientState, bytes: usize) -> ReplySpace<'a> {
        let outbox = &client.outbox;
        let mut reservation = outbox.reserve(bytes).await;
        let acquire = self.reply_shares.acquire(client.holder(), bytes);
        let mut acquire = pin!(acquire);
        let share = match acquire.as_mut().now_or_never() {
            Some(share) => Some(share),
            None => {
                // Whoever has a share may wait for this space.
                drop(reservation);
                let share = tokio::select! {
                    biased;
                    share = acquire => Some(share),
                    () = outbox.closing() => None,
                };
                reservation = outbox.reserve(bytes).await;
                share
            }
        };
        ReplySpace {
            client,
            reservation,
            share,
        }
    }

    /// Adds a client within its user's quota, queues its first frame before anybody else can send to it, and reports it
    /// before anything can happen to it.
    pub(crate) fn add(
        &self,
        client: &Arc<ClientState>,
        greeting: Bytes,
        observe: &Observe,
    ) -> Result<(), TooManyConnections> {
        let mut connected = self.connected.write();
        let of_user = connected.by_user.entry(client.user_id.clone()).or_default();
        // A connection that is closing takes no place.
        let open = || of_user.values().filter(|client| !client.outbox.is_closed()).count();
        if self
            .per_user
            .is_some_and(|quota| of_user.len() >= quota && open() >= quota)
        {
            if of_user.is_empty() {
                connected.by_user.remove(&client.user_id);
            }
            return Err(TooManyConnections);
        }
        of_user.insert(client.key, Arc::clone(client));
        connected.by_id.insert(client.id.clone(), Arc::clone(client));
        client.outbox.push(Frame::Text(greeting));
        observe.connected(&client.id, &client.user_id);
        Ok(())
    }

    /// Finds out whether a connection of a user is lost, although the server has not noticed yet. Returns true as soon as
    /// one of them has ended, and false if all answer.
    pub(crate) async fn has_ghost(&self, user: &str) -> bool {
        ghost_among(&self.of_user(user)).await.is_some()
    }

    /// Removes a client whose connection has ended.
    pub(crate) fn remove(&self, client: &ClientState) {
        let mut connected = self.connected.write();
        connected.by_id.remove(&client.id);
        if let Some(of_user) = connected.by_user.get_mut(&client.user_id) {
            of_user.remove(&client.key);
            if of_user.is_empty() {
                connected.by_user.remove(&client.user_id);
            }
        }
        if connected.by_id.is_empty() {
            self.gone.notify_waiters();
        }
    }

    /// How many clients are connected.
    pub(crate) fn len(&self) -> usize {
        self.connected.read().by_id.len()
    }

    /// How many clients are connected, and of how many users.
    pub(super) fn count(&self) -> (usize, usize) {
        let connected = self.connected.read();
        (connected.by_id.len(), connected.by_user.len())
    }

    /// Every client, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<ClientState>> {
        self.connected.read().by_id.values().cloned().collect()
    }

    /// The client with this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<ClientState>> {
        self.connected.read().by_id.get(id).cloned()
    }

    /// A user's clients, the earliest first.
    pub(crate) fn of_user(&self, user: &str) -> Vec<Arc<ClientState>> {
        self.connected.read().of_user(user).cloned().collect()
    }

    /// Whether `is_wanted` holds for one of a user's clients.
    pub(super) fn user_has(&self, user: &str, is_wanted: impl FnMut(&Arc<ClientState>) -> bool) -> bool {
        self.connected.read().of_user(user).any(is_wanted)
    }

    /// Queues one frame for every client. `except` names a client that receives another frame. Returns how many
    /// clients the frame was queued for.
    pub(crate) fn broadcast(&self, frame: &Bytes, except: Option<(&Arc<ClientState>, Bytes)>) -> usize {
        let clients = self.all();
        clients
            .iter()
            .filter(|client| {
                let frame = match &except {
                    Some((other, reply)) if other.key == client.key => reply.clone(),
                    _ => frame.clone(),
                };
                client.outbox.push(Frame::Text(frame))
            })
            .count()
    }

    /// Waits until no client is connected and the hooks of each have ended.
    pub(crate) async fn all_gone(&self) {
        loop {
            let mut gone = pin!(self.gone.notified());
            gone.as_mut().enable();
            if self.connected.read().by_id.is_empty() {
                return;
            }
            gone.await;
        }
    }
}
