//! A client's session with a server: how it reacts to frames, requests, a lost connection, and time.
//!
//! Owns the order of things and decides who is notified. It handles frames as text and knows no socket.
//! [`ClientSession::outgoing`] returns what to send.

mod answers;
mod moves;
mod pushes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{ReplySender, done};
use super::error::ClientError;
use super::events::{Departure, RoomHistory};
use super::listeners::ListenerSet;
use super::notice::ClientNotice;
use super::pacer::Pacer;
use super::pending::Pending;
use super::request_kind::RequestKind;
use super::room_shared::RoomShared;
use super::rooms::JoinedRooms;
use crate::id::{ClientId, RoomId, UserId};
use crate::protocol::{Command, ConnectCommand, Incoming, JoinedRoom, PROTOCOL, TriggerCommand, Welcome};

/// The assumed message limit until the server announces its own.
const USUAL_MESSAGE: usize = 65_536;

/// The limits on the ping interval that a server may ask for: neither constantly nor never.
const PING_INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(120);

/// The shortest time between two renewals of a session, whatever the server says.
const SHORTEST_RENEWAL: Duration = Duration::from_millis(100);

/// A request from a handle, and the receiver of its answer.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) demand: Demand,
    pub(super) reply: ReplySender,
}

/// What a handle asks for.
#[derive(Debug)]
pub(super) enum Demand {
    Request(Command),
    /// A trigger that a newer one of its event may replace.
    Volatile(TriggerCommand),
    /// The handle of a room gives up its hold.
    Leave(Arc<RoomShared>),
}

/// The client's identity on the server.
#[derive(Debug, Clone)]
pub(super) struct Identified {
    pub(super) client_id: ClientId,
    pub(super) user_id: UserId,
    pub(super) fingerprint: String,
}

/// When the session expires, and when to renew it.
#[derive(Debug, Clone, Copy)]
struct Expiry {
    at: Instant,
    renew_at: Instant,
}

pub(super) struct ClientSession {
    rooms: JoinedRooms,
    pending: Pending,
    notices: Arc<ListenerSet<ClientNotice>>,
    identified: Arc<Mutex<Option<Identified>>>,
    user: Option<UserId>,
    resume: Option<String>,
    max_bytes: usize,
    ping_interval: Duration,
    expiry: Option<Expiry>,
    /// The rooms where the server has the client, although nobody in the program holds them, and when to leave them.
    unwanted: BTreeMap<RoomId, Instant>,
}

impl ClientSession {
    pub(super) fn new(
        rooms: JoinedRooms,
        pending: Pending,
        notices: Arc<ListenerSet<ClientNotice>>,
        identified: Arc<Mutex<Option<Identified>>>,
    ) -> Self {
        Self {
            rooms,
            pending,
            notices,
            identified,
            user: None,
            resume: None,
            max_bytes: USUAL_MESSAGE,
            ping_interval: *PING_INTERVALS.end(),
            expiry: None,
            unwanted: BTreeMap::new(),
        }
    }

    /// The first frame of a connection.
    pub(super) fn greeting(resume: Option<String>, auth: Value) -> Command {
        Command::Connect(ConnectCommand {
            protocol: PROTOCOL,
            auth,
            resume,
        })
    }

    /// The secret that proves that the next connection succeeds this one.
    pub(super) fn resume(&self) -> Option<String> {
        self.resume.clone()
    }

    pub(super) fn notify(&self, notice: ClientNotice) {
        let is_kept = matches!(notice, ClientNotice::Error(_));
        self.notices.offer(&notice, is_kept);
    }

    /// Whether there is space for another request.
    pub(super) fn has_capacity(&mut self) -> bool {
        self.pending.has_capacity()
    }

    /// Accepts a request from a handle.
    pub(super) fn request(&mut self, op: Op, now: Instant) {
        let Op { demand, reply } = op;
        match demand {
            Demand::Request(Command::Join(join)) => self.join(join, reply, now),
            Demand::Request(command) => {
                let kind = RequestKind::of(&command);
                self.pending.add(command, kind, Some(reply), now);
            }
            Demand::Volatile(trigger) => {
                let kind = RequestKind::volatile(&trigger);
                self.pending.add(Command::Trigger(trigger), kind, Some(reply), now);
            }
            Demand::Leave(handle) => self.leave(&handle, reply, now),
        }
    }

    /// A connection is open and signed in.
    pub(super) fn connected(&mut self, welcome: Welcome, now: Instant) {
        // Both came with the same version of the server.
        let knows_repeats = welcome.rate.is_some();
        let pacer = Pacer::new(welcome.rate, now);
        self.pending.open(Some(welcome.client_id.clone()), pacer, knows_repeats);
        self.welcomed(welcome, now);
        self.notify(ClientNotice::Connected);
    }

    /// The connection is lost.
    pub(super) fn link_lost(&mut self) {
        for (room, replies) in self.pending.link_lost() {
            self.rooms.left(&room, Departure::Left);
            done(replies);
        }
        self.unwanted.clear();
        self.forget_unheld();
        self.rooms.link_lost();
        self.expiry = None;
    }

    /// The connection is closed for good.
    pub(super) fn end(&mut self, error: &ClientError) {
        self.pending.fail_all(error);
        self.rooms.leave_all();
        self.notices.end();
    }

    /// The frames to send now, on the live connection.
    pub(super) fn outgoing(&mut self, now: Instant) -> Vec<String> {
        self.leave_unwanted(now);
        let pending = &self.pending;
        for join in self.rooms.rejoins(now, |room| pending.is_leaving(room)) {
            let kind = RequestKind::Rejoin(join.room_id.clone());
            self.pending.add(Command::Join(join), kind, None, now);
        }
        self.merge_joins();
        let rooms = &self.rooms;
        let sendable = self
            .pending
            .take_sendable(now, self.user.as_ref(), self.max_bytes, |room| rooms.readiness(room));
        for (room, error) in sendable.failed_rejoins {
            self.rejoin_failed(&room, error);
        }
        sendable.texts
    }

    /// Pings the server. An earlier ping counts no more.
    pub(super) fn ping(&mut self, now: Instant) {
        self.pending.withdraw_all(&RequestKind::Ping);
        self.pending.add(Command::Ping, RequestKind::Ping, None, now);
    }

    /// When the ping that has yet to be answered was sent. `None` if it was not sent, or if there is none.
    pub(super) fn pinged_at(&self) -> Option<Instant> {
        self.pending.sent_at(&RequestKind::Ping)
    }

    /// How long the server may be silent before the client pings it.
    pub(super) fn ping_interval(&self) -> Duration {
        self.ping_interval
    }

    /// When to renew the session; `None` if it does not expire or is being renewed.
    pub(super) fn renew_at(&self) -> Option<Instant> {
        let expiry = self.expiry.filter(|_| !self.pending.has(&RequestKind::Renewal))?;
        Some(expiry.renew_at)
    }

    /// Renews the session with these credentials.
    pub(super) fn renew(&mut self, auth: Value, now: Instant) {
        self.pending
            .add(Self::greeting(None, auth), RequestKind::Renewal, None, now);
    }

    /// The renewal failed. It is tried again when half of the remaining time has passed.
    pub(super) fn renewal_failed(&mut self, error: ClientError, now: Instant) {
        if let Some(expiry) = &mut self.expiry {
            let left = expiry.at.saturating_duration_since(now);
            expiry.renew_at = now + (left / 2).max(Duration::from_secs(1));
        }
        self.notify(ClientNotice::Error(error));
    }

    /// Fails requests that have waited too long.
    pub(super) fn tick(&mut self, now: Instant) {
        for (kind, error) in self.pending.expire(now) {
            match kind {
                RequestKind::Rejoin(room) => self.rejoin_refused(&room, error, now),
                RequestKind::Renewal => self.renewal_failed(error, now),
                // The server may have the client in the room for as long as it does not say otherwise.
                RequestKind::LeaveUnwanted(room) => self.unwanted(room, now),
                _ => {}
            }
        }
    }

    /// When [`tick`](Self::tick) or [`outgoing`](Self::outgoing) next has something to do by itself.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        self.pending
            .next_deadline()
            .into_iter()
            .chain(self.rooms.next_rejoin())
            .chain(self.unwanted.values().copied())
            .min()
    }

    /// Takes in a frame.
    ///
    /// # Errors
    ///
    /// The server violated the protocol, so nothing that it says can be relied on.
    pub(super) fn frame(&mut self, text: &str, now: Instant) -> Result<(), ClientError> {
        let frame = Incoming::parse(text).map_err(ClientError::protocol)?;
        let id = frame.id();
        if let (Incoming::Error(error), Some(id)) = (&frame, id)
            && self.is_repeated(id, error, now)
        {
            return Ok(());
        }
        match id.and_then(|id| self.pending.answered(id)) {
            Some((kind, replies)) => self.answer(kind, replies, frame, text.len(), now),
            None => self.push(frame, text.len(), now),
        }
    }

    /// Takes in a `joined` frame that answers a request, if `asked`. Returns this many new handles of the room.
    fn entered(
        &mut self,
        joined: JoinedRoom,
        bytes: usize,
        asked: bool,
        handles: usize,
        now: Instant,
    ) -> Result<Vec<Arc<RoomShared>>, ClientError> {
        let room_id = joined.room_id.clone();
        let entered = self
            .rooms
            .joined(joined, bytes, asked, handles)
            .map_err(|_| ClientError::protocol("the server added the client to too many rooms"))?;
        for command in entered.unsubscribes {
            let kind = RequestKind::of(&command);
            self.pending.add(command, kind, None, now);
        }
        if entered.recovery.is_none() && !entered.events.is_empty() {
            let messages = entered.events;
            self.notify(ClientNotice::History(RoomHistory { room_id, messages }, bytes));
        }
        Ok(entered.handles)
    }

    /// Records the number in an `ok`.
    fn acknowledged(&mut self, room: &RoomId, seq: Option<u64>) -> Option<u64> {
        if let Some(seq) = seq {
            self.rooms.acknowledged(room, seq);
        }
        seq
    }

    fn welcomed(&mut self, welcome: Welcome, now: Instant) {
        self.user = Some(welcome.user_id.clone());
        self.resume = Some(welcome.resume);
        self.max_bytes = welcome.max_message_bytes;
        self.ping_interval =
            Duration::from_millis(welcome.ping_interval).clamp(*PING_INTERVALS.start(), *PING_INTERVALS.end());
        self.expiry = welcome.expires_in.and_then(|millis| {
            let left = Duration::from_millis(millis);
            Some(Expiry {
                // A session that expires later than the clock can represent does not expire.
                at: now.checked_add(left)?,
                renew_at: now.checked_add((left / 10 * 9).max(SHORTEST_RENEWAL))?,
            })
        });
        *self.identified.lock() = Some(Identified {
            client_id: welcome.client_id,
            user_id: welcome.user_id,
            fingerprint: welcome.fingerprint,
        });
    }
}

#[cfg(test)]
mod tests;
