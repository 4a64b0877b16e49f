//! Requests that wait to be sent, or for their answers. Pure: time is an argument, and the frames to send are returned.
//!
//! Owns the requests, their limits, and the rules for sending again. After a lost connection, the client repeats a
//! trigger with an idempotency key if the server still knows whether it had it. [`sending`] has the order and the pace.

mod entry;
mod moves;
mod not_now;
mod sending;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use self::entry::PendingRequest;
use super::answer::{self, Answer, ReplySender};
use super::error::ClientError;
use super::pacer::Pacer;
use super::request_kind::RequestKind;
use crate::backoff::Backoff;
use crate::id::{ClientId, RoomId};
use crate::protocol::{Command, Request};

/// A connection on which requests are sent.
#[derive(Debug)]
struct Line {
    client: Option<ClientId>,
    pacer: Pacer,
    /// Whether the server decides about repetitions. An older one forgets keys without a word.
    knows_repeats: bool,
}

/// All waiting requests, oldest first.
#[derive(Debug)]
pub(super) struct Pending {
    entries: BTreeMap<i64, PendingRequest>,
    next_id: i64,
    limit: usize,
    timeout: Duration,
    unanswered: usize,
    /// `None` without a connection.
    line: Option<Line>,
    /// When a request that waits for its time can be sent.
    send_at: Option<Instant>,
    /// The waits before a trigger that the server could not take is sent again.
    backoff: Backoff,
}

impl Pending {
    /// No requests yet. At most `limit` may wait, each for at most `timeout`.
    pub(super) fn new(limit: usize, timeout: Duration, backoff: Backoff) -> Self {
        Self {
            entries: BTreeMap::new(),
            next_id: 1,
            limit,
            timeout,
            unanswered: 0,
            line: None,
            send_at: None,
            backoff,
        }
    }

    /// Requests can be sent as this client, at this pace, until the connection is lost.
    pub(super) fn open(&mut self, client: Option<ClientId>, pacer: Pacer, knows_repeats: bool) {
        self.line = Some(Line {
            client,
            pacer,
            knows_repeats,
        });
    }

    /// Whether there is space for another request. Requests that need not be sent because nobody waits for them give up
    /// their places.
    pub(super) fn has_capacity(&mut self) -> bool {
        if self.entries.len() >= self.limit {
            self.entries.retain(|_, entry| !entry.is_pointless());
        }
        self.entries.len() < self.limit
    }

    /// Adds a request. The client's own requests, which nobody waits for, do not count against the limit, because there
    /// are few.
    pub(super) fn add(&mut self, command: Command, kind: RequestKind, reply: Option<ReplySender>, now: Instant) {
        let mut id = self.next_id;
        let deadline = reply.is_some().then(|| now + self.timeout);
        let is_own = reply.is_none();
        if let RequestKind::Trigger { volatile: Some(_), .. } = &kind {
            if self.line.is_none() {
                reply.map(|reply| reply.send(Err(ClientError::Disconnected)));
                return;
            }
            // It takes the place of the one that waits, so that a steady stream of triggers does not wait forever.
            let waiting = self
                .entries
                .iter()
                .find(|(_, entry)| !entry.sent && entry.kind.replaces(&kind));
            if let Some((waiting, _)) = waiting {
                id = *waiting;
                self.supersede(id);
            }
        }
        self.next_id += i64::from(id == self.next_id);
        let request = Request { id: Some(id), command };
        let entry = PendingRequest {
            text: request.encode(),
            request,
            kind,
            replies: reply.into_iter().collect(),
            is_own,
            deadline,
            sent: false,
            first: None,
            refused: None,
            not_now: None,
        };
        self.entries.insert(id, entry);
    }

    /// A newer volatile trigger replaces this one, which was not sent.
    fn supersede(&mut self, id: i64) {
        let superseded = self.remove(id).into_iter().flat_map(|entry| entry.replies);
        for reply in superseded {
            let _ = reply.send(Ok(Answer::Superseded));
        }
    }

    /// Removes the request that an answer belongs to, if it is still waiting.
    pub(super) fn answered(&mut self, id: i64) -> Option<(RequestKind, Vec<ReplySender>)> {
        self.entries.get(&id).filter(|entry| entry.sent)?;
        self.remove(id).map(|entry| (entry.kind, entry.replies))
    }

    /// The connection is lost. Sent requests fail unless they can be sent again, and so do the client's own requests.
    /// Returns the rooms that the client was leaving: it has left them.
    pub(super) fn link_lost(&mut self) -> Vec<(RoomId, Vec<ReplySender>)> {
        (self.line, self.send_at) = (None, None);
        let leaving = self
            .entries
            .extract_if(.., |_, entry| matches!(entry.kind, RequestKind::Leave(_)));
        let left = leaving.filter_map(|(_, entry)| match entry.kind {
            // It was dropped before it was sent, so it has no effect.
            RequestKind::Leave(_) if entry.first.is_none() && entry.is_abandoned() => None,
            RequestKind::Leave(room) => Some((room, entry.replies)),
            _ => None,
        });
        let left = left.collect();
        let lost: Vec<i64> = self
            .entries
            .iter()
            .filter(|(_, entry)| match &entry.kind {
                RequestKind::Trigger { keyed: true, .. } => false,
                RequestKind::Trigger { volatile: Some(_), .. } => true,
                _ => entry.sent || entry.is_own,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            self.fail(id, Some(ClientError::Disconnected));
        }
        for entry in self.entries.values_mut() {
            entry.repeat();
            if let Some(not_now) = &mut entry.not_now {
                not_now.end();
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
            .filter(|(_, entry)| entry.deadline.is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| *id)
            .collect();
        let mut own = Vec::new();
        for id in late {
            let Some(entry) = self.entries.get(&id) else { continue };
            let error = entry.lateness(self.timeout);
            if entry.is_own {
                own.push((entry.kind.clone(), error.clone()));
            }
            self.fail(id, Some(error));
        }
        own
    }

    /// When [`expire`](Self::expire) or [`take_sendable`](Self::take_sendable) next has something to do by itself.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.entries.values().filter_map(|entry| entry.deadline);
        deadlines.chain(self.send_at).min()
    }

    /// Fails all requests.
    pub(super) fn fail_all(&mut self, error: &ClientError) {
        for entry in std::mem::take(&mut self.entries).into_values() {
            let error = entry.failure(Some(error.clone()));
            answer::fail(entry.replies, &error);
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

    /// Fails a request. Without an error, the reason is that the client is not in the request's room.
    fn fail(&mut self, id: i64, error: Option<ClientError>) {
        let Some(entry) = self.remove(id) else { return };
        let error = entry.failure(error);
        answer::fail(entry.replies, &error);
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
