//! The seam between the runtime and a log that several nodes share: what the runtime asks, and what the feed tells it.
//!
//! A [`Cluster`] is a [`DurableLog`] with a feed. One process without a cluster has neither: `core.cluster` is `None` there, and
//! nothing here costs it anything. Owns no connection and no room. [`redis`] is the engine: a log and a feed on Redis.
//!
//! # Epochs
//!
//! The epoch of a room has two parts, `<own>.<gen>`. The own part is the incarnation: it changes only when the room is deleted or
//! created, and identifies a room in [`RoomKey`], in handles, and for keys. The second part changes when the log may have lost
//! events: a *renewal*. Numbers go on, but may be lower than those that a node has seen. The authority renews by itself; nodes
//! find out by the feed, by the epoch of an answer, or by [`Cluster::position`].
//!
//! Epochs have no order, so a node cannot tell an old message from a new one by its epoch. It therefore never takes over an epoch
//! from a message: it asks [`Cluster::position`]. Only the worker of a room asks for that purpose, one question at a time,
//! so that the answers are in the order of the log.
//!
//! # What may happen to messages of the feed
//!
//! Messages may be lost, delayed and reordered, and a message may come twice. Of what a message says, only its numbers and its
//! epoch count; everything else is found out by reading the log. A lost volatile event stays lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::id::{EventName, RoomId, UserId};
use crate::log::StoredEvent;
use crate::log::durable::{Answer, Done, DurableLog, IndexedRoom, RoomKey, StoreRun, Ticket};
use crate::protocol::EventFrame;
use crate::store_failure::StoreFailure;

/// A log that several nodes share, with a feed of its changes.
///
/// What differs from a store of one process:
///
/// - `done` of an append may be called before or after the feed has brought what other nodes have appended before. The
///   runtime puts both in order by their numbers.
/// - [`Appended::Stored`](crate::log::durable::Appended::Stored) has the epoch in which the number counts.
/// - In [`DurableLog::since`] and [`DurableLog::newest`], the key has the epoch that the caller knows, not only its own part. If
///   the log has another one by now, they answer as for a room that does not exist: `Lost`, and nothing. Everywhere else,
///   only the own part counts.
/// - Before [`begin`](Self::begin) has answered, the runtime calls nothing but `begin`, `listen`, `contact`, `health`, `watch` and
///   `close`.
pub(crate) trait Cluster: DurableLog {
    /// Connects, and answers at the first contact. Tries until then, however long that takes. Fails only with what an operator
    /// must repair first, such as an eviction policy that may drop events. Called once.
    fn begin(&self) -> BoxFuture<'static, Result<Beginning, Unfit>>;

    /// Tells this feed everything from now on. It keeps no server. Called once, when the server is built. Waits for nothing.
    fn listen(&self, feed: Arc<dyn Feed>);

    /// Begins to follow a room: the answer comes when its feed is subscribed *and confirmed*, with the position read after
    /// that. What is appended later comes with the feed. A subscription that is lost is made again until `unfollow`,
    /// and then the feed tells [`Feed::check`]. Calls count: a room is followed until `unfollow` was called as often.
    fn follow(&self, room: RoomId) -> Answer<Position>;

    /// Ends to follow a room, also if the answer to `follow` has not come yet. Waits for nothing.
    fn unfollow(&self, room: &RoomId);

    /// Deletes exactly this incarnation of a room, in order with the appends of this node in the room, unless another node
    /// [follows](Self::follow) it. `done` as for [`DurableLog::delete_room`]. A node that has lost its subscription at that
    /// moment does not count.
    fn delete_unused_room(&self, room: RoomKey, done: Done<Result<UnusedDeletion, StoreFailure>>);

    /// The present position of a room. Renews the epoch if that is due. Questions of several rooms are put together.
    fn position(&self, room: RoomId) -> Answer<Position>;

    /// Hands over an event without history, in order with the appends of this node in the room. Every node applies it when
    /// the feed brings it, this one too: in [`Feed::entries`].
    ///
    /// `done` is called exactly once. With [`Published::Sent`], it is called after this node's feed has brought the event, or
    /// soon after the log's answer if the feed is late (100 ms): the sender's next event is handed over then. The feed
    /// brings an event without history at most once.
    fn publish(&self, event: Volatile);

    /// Whether the log can be reached.
    fn contact(&self) -> watch::Receiver<Contact>;
}

/// What the feed tells the runtime. Called by the task that reads the feed: it must not wait, takes no room's lock, and only
/// pushes into the room's queue. Unknown rooms are ignored: they are not followed any more.
///
/// It may call before the runtime has taken what [`Cluster::begin`] has answered. Entries and checks are of unknown rooms
/// then. What it tells of created and deleted rooms must take effect after the index of the [`Beginning`].
pub(crate) trait Feed: Send + Sync {
    /// Events were appended, or published. Those of this node that have history are not among them, since `done` tells
    /// them, unless their outcome was told as unknown before.
    fn entries(&self, room: &RoomId, batch: FeedBatch);

    /// Something may have been missed: the room has another epoch, messages were dropped because too many waited, or the
    /// subscription was made again. The runtime asks for the position.
    fn check(&self, room: &RoomId);

    /// The log says that it has renewed a room's epoch: `seq` was the last number when this epoch began. The runtime asks for the
    /// position, and believes what this says only if the room still has this epoch.
    fn renewed(&self, room: &RoomId, epoch: &Arc<str>, seq: u64) {
        let _ = (epoch, seq);
        self.check(room);
    }

    /// This incarnation of a room was created, by this node or another one. It may be deleted again by now.
    fn created(&self, room: &RoomId, incarnation: &str);

    /// This incarnation of a room was deleted, by this node or another one. Also told of rooms that are not followed.
    fn deleted(&self, room: &RoomId, incarnation: &str);

    /// The data of events with these numbers was erased, by this node or another one. A lost message is noticed by the
    /// [count of erasures](Erasures) in the next position.
    fn erased(&self, room: &RoomId, erased: Erased);

    /// Rooms may have been created or deleted without a word: these are all rooms of some partitions that the log knows by
    /// id. `is_covered` says whether a room is in one of these partitions.
    fn rooms(&self, index: Vec<IndexedRoom>, is_covered: &dyn Fn(&str) -> bool);
}

/// Events whose data was erased.
#[derive(Debug, Clone)]
pub(crate) struct Erased {
    /// The epoch in which the numbers count.
    pub(crate) epoch: Arc<str>,
    /// In the order of the erasures.
    pub(crate) numbers: Vec<u64>,
    /// How many events of the incarnation were erased when the last of these was, as in [`Erasures::count`].
    pub(crate) count: u64,
}

/// The erasures of an incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Erasures {
    /// How many events were erased.
    pub(crate) count: u64,
    /// The numbers of the last ones, in the order of the erasures. There may have been more.
    pub(crate) latest: Vec<u64>,
}

/// What has become of a deletion that must not take a room from another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnusedDeletion {
    Deleted,
    /// The incarnation did not exist any more.
    NoSuchRoom,
    /// Another node follows the room. Nothing was deleted.
    Used,
}

/// Why a log cannot be used until somebody repairs it.
pub(crate) type Unfit = Arc<dyn std::error::Error + Send + Sync>;

/// What a node learns at the first contact.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// This run of this node. Its secret is the same on all nodes.
    pub(crate) run: StoreRun,
    /// The rooms that the log knows by id, as in [`DurableLog::index`].
    pub(crate) index: Vec<IndexedRoom>,
}

/// Where a room's log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// The incarnation: the own part of `epoch`.
    pub(crate) incarnation: Arc<str>,
    /// As clients know it.
    pub(crate) epoch: Arc<str>,
    /// The last number. 0 before the first event.
    pub(crate) seq: u64,
    pub(crate) erasures: Erasures,
}

/// The new events of one message of the feed, in the order of the log.
#[derive(Debug, Clone)]
pub(crate) struct FeedBatch {
    /// The epoch in which the numbers count.
    pub(crate) epoch: Arc<str>,
    /// The room's last number after the batch.
    pub(crate) seq: u64,
    pub(crate) events: Vec<FeedEvent>,
}

/// An event that the feed brings.
#[derive(Debug, Clone)]
pub(crate) struct FeedEvent {
    /// Its number is `None` for an event without history.
    pub(crate) stored: StoredEvent,
    /// With its header, made once for all members.
    pub(crate) frame: EventFrame,
}

/// An event without history that is handed over.
pub(crate) struct Volatile {
    pub(crate) room: RoomKey,
    pub(crate) event: EventName,
    pub(crate) from: UserId,
    pub(crate) frame: EventFrame,
    /// Ends the wait at the deadline, as for an append.
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) done: Done<Published>,
}

/// What has become of an event without history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Published {
    /// The log has passed it on: the feed brings it.
    Sent,
    /// It was never handed over. This node applies it, and counts it as not sent elsewhere.
    NotSent(StoreFailure),
    /// It was handed over, and there was no answer. Only the feed can bring it.
    Unknown(StoreFailure),
    /// This incarnation of the room does not exist any more. Nobody gets it.
    NoSuchRoom,
}

/// Whether the log can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contact {
    /// It was never reached.
    NotYet,
    Connected,
    /// It was lost so long ago, by the runtime's clock.
    Lost {
        since: tokio::time::Instant,
    },
}

impl Contact {
    /// For how long the log has not been reached. `None` while it is.
    pub(crate) fn outage(&self, now: tokio::time::Instant) -> Option<Duration> {
        match self {
            Self::Connected => None,
            Self::NotYet => Some(Duration::ZERO),
            Self::Lost { since } => Some(now.saturating_duration_since(*since)),
        }
    }
}

impl fmt::Debug for Volatile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volatile")
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(test)]
pub(crate) mod tests;
