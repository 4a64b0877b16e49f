//! Requests that wait to be sent, or for their answers. Pure: time is an argument, and the frames to send are returned.
//!
//! Owns the order of requests, their limits, and the rule for sending again after a lost connection: the client repeats
//! a trigger with an idempotency key if the server still knows whether it had it.

mod entry;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use self::entry::{FirstSent, PendingRequest};
use super::answer::ReplySender;
use super::error::ClientError;
use super::request_kind::RequestKind;
use super::room_shared::Readiness;
use crate::id::{RoomId, UserId};
use crate::protocol::{Command, Request};

/// How many bytes may be sent without an answer: enough to fill a fast connection, and not more than a server reads at
/// once.
const WINDOW: usize = 256 * 1024;

/// The result of [`Pending::take_sendable`].
#[derive(Debug, Default)]
pub(super) struct Sendable {
    /// Frames to send, in order.
    pub(super) texts: Vec<String>,
    /// Rooms whose rejoin can never be sent.
    pub(super) failed_rejoins: Vec<(RoomId, ClientError)>,
}

/// All waiting requests, oldest first.
#[derive(Debug)]
pub(super) struct Pending {
    entries: BTreeMap<i64, PendingRequest>,
    next_id: i64,
    limit: usize,
    timeout: Duration,
    unanswered: usize,
}

impl Pending {
    /// No requests yet. At most `limit` may wait, each for at most `timeout`.
    pub(super) fn new(limit: usize, timeout: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            next_id: 1,
            limit,
            timeout,
            unanswered: 0,
        }
    }

    /// Whether there is space for another request. Requests that were never sent and that nobody waits for give up
    /// their places.
    pub(super) fn has_capacity(&mut self) -> bool {
        if self.entries.len() >= self.limit {
            self.entries
                .retain(|_, entry| entry.first.is_some() || !entry.is_abandoned());
        }
        self.entries.len() < self.limit
    }

    /// Adds a request. The client's own requests, which nobody waits for, do not count against the limit, because there
    /// are few.
    pub(super) fn add(&mut self, command: Command, kind: RequestKind, reply: Option<ReplySender>, now: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        let text = Request { id: Some(id), command }.encode();
        let entry = PendingRequest {
            text,
            kind,
            reply,
            deadline: now + self.timeout,
            sent: false,
            first: None,
        };
        self.entries.insert(id, entry);
    }

    /// Returns what can be sent now. Requests that can never be sent fail; rejoins that can never be sent are returned
    /// as well.
    pub(super) fn take_sendable(
        &mut self,
        now: Instant,
        user: Option<&UserId>,
        max_bytes: usize,
        readiness: impl Fn(&RoomId) -> Readiness,
    ) -> Sendable {
        let (mut texts, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.sent) {
            if let RequestKind::Join { room, .. } = &entry.kind
                && matches!(readiness(room), Readiness::Away | Readiness::Returning)
            {
                // The rejoin restores the earlier subscriptions, so it must come before a join that replaces them.
                continue;
            }
            let mut epoch = None;
            match entry.kind.room().map(&readiness) {
                None => {}
                Some(Readiness::Here { epoch: here }) => epoch = Some(here),
                // A leave follows the join that is under way. Everything else waits for its answer.
                Some(Readiness::Returning) if matches!(entry.kind, RequestKind::Leave(_)) => {}
                Some(Readiness::Away | Readiness::Returning) => continue,
                Some(Readiness::Gone) => {
                    failed.push((*id, None));
                    continue;
                }
            }
            if let Some(error) = entry.obstacle(now, user, epoch.as_deref(), max_bytes) {
                failed.push((*id, Some(error)));
                continue;
            }
            let bytes = entry.text.len();
            if self.unanswered > 0 && self.unanswered + bytes > WINDOW {
                break;
            }
            self.unanswered += bytes;
            entry.sent = true;
            entry.first.get_or_insert_with(|| FirstSent {
                at: now,
                user: user.cloned(),
                epoch,
            });
            texts.push(entry.text.clone());
        }
        let mut failed_rejoins = Vec::new();
        for (id, error) in failed {
            if let (Some(error), Some(room)) = (&error, self.rejoined_room(id)) {
                failed_rejoins.push((room, error.clone()));
            }
            self.fail(id, error);
        }
        Sendable { texts, failed_rejoins }
    }

    /// Removes the request that an answer belongs to, if it is still waiting.
    pub(super) fn answered(&mut self, id: i64) -> Option<(RequestKind, Option<ReplySender>)> {
        self.entries.get(&id).filter(|entry| entry.sent)?;
        self.remove(id).map(|entry| (entry.kind, entry.reply))
    }

    /// The connection is lost. Sent requests fail unless they can be sent again, and so do the client's own requests.
    /// Returns the rooms that the client was leaving: it has left them.
    pub(super) fn link_lost(&mut self) -> Vec<(RoomId, Option<ReplySender>)> {
        let leaving = self
            .entries
            .extract_if(.., |_, entry| matches!(entry.kind, RequestKind::Leave(_)));
        let left = leaving.filter_map(|(_, entry)| match entry.kind {
            // It was dropped before it was sent, so it has no effect.
            RequestKind::Leave(_) if entry.first.is_none() && entry.is_abandoned() => None,
            RequestKind::Leave(room) => Some((room, entry.reply)),
            _ => None,
        });
        let left = left.collect();
        let lost: Vec<i64> = self
            .entries
            .iter()
            .filter(|(_, entry)| match entry.kind {
                RequestKind::Rejoin(_) | RequestKind::Renewal | RequestKind::Ping => true,
                RequestKind::Trigger { keyed: true, .. } => false,
                _ => entry.sent,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            self.fail(id, Some(ClientError::Disconnected));
        }
        for entry in self.entries.values_mut() {
            entry.sent = false;
            if let RequestKind::Trigger { repeats, .. } = &mut entry.kind {
                *repeats = entry.first.is_some();
            }
        }
        self.unanswered = 0;
        left
    }

    /// Fails requests that have waited too long. Returns the client's own requests among them.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(RequestKind, ClientError)> {
        let late: Vec<i64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.deadline <= now)
            .map(|(id, _)| *id)
            .collect();
        let error = ClientError::TimedOut(self.timeout);
        let mut own = Vec::new();
        for id in late {
            let entry = self.entries.get(&id).filter(|entry| entry.reply.is_none());
            own.extend(entry.map(|entry| (entry.kind.clone(), error.clone())));
            self.fail(id, Some(error.clone()));
        }
        own
    }

    /// When [`expire`](Self::expire) next has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.deadline).min()
    }

    /// Fails all requests.
    pub(super) fn fail_all(&mut self, error: &ClientError) {
        for (_, entry) in std::mem::take(&mut self.entries) {
            entry.reply.map(|reply| reply.send(Err(error.clone())));
        }
        self.unanswered = 0;
    }

    /// Whether a request of this kind waits.
    pub(super) fn has(&self, kind: &RequestKind) -> bool {
        self.entries.values().any(|entry| entry.kind == *kind)
    }

    /// When a request of this kind was first sent. `None` if none waits for an answer.
    pub(super) fn sent_at(&self, kind: &RequestKind) -> Option<Instant> {
        let mut sent = self.entries.values().filter(|entry| entry.kind == *kind);
        sent.find_map(|entry| entry.first.as_ref().map(|first| first.at))
    }

    /// Whether the client is leaving a room.
    pub(super) fn is_leaving(&self, room: &RoomId) -> bool {
        let mut leaving = self.entries.values().filter(|entry| !entry.is_abandoned());
        leaving.any(|entry| matches!(&entry.kind, RequestKind::Leave(left) if left == room))
    }

    /// Fails a request. Without an error, the reason is that the client is not in the request's room; but a trigger
    /// that was sent before may have been carried out.
    fn fail(&mut self, id: i64, error: Option<ClientError>) {
        let Some(entry) = self.remove(id) else { return };
        let error = error.unwrap_or_else(|| match (entry.first, entry.kind.room()) {
            (None, Some(room)) => ClientError::NotJoined { room: room.clone() },
            _ => ClientError::Disconnected,
        });
        entry.reply.map(|reply| reply.send(Err(error)));
    }

    /// The room that a request rejoins.
    fn rejoined_room(&self, id: i64) -> Option<RoomId> {
        match &self.entries.get(&id)?.kind {
            RequestKind::Rejoin(room) => Some(room.clone()),
            _ => None,
        }
    }

    fn remove(&mut self, id: i64) -> Option<PendingRequest> {
        let entry = self.entries.remove(&id)?;
        if entry.sent {
            self.unanswered = self.unanswered.saturating_sub(entry.text.len());
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
