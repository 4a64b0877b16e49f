//! Which of the waiting requests can be sent now, in which order and at which pace.
//!
//! On the same connection, the client repeats a request that the server did not run because it came too early, and a
//! trigger that the server could not take.

use std::collections::HashSet;

use tokio::time::Instant;

use super::entry::{FirstSent, PendingRequest};
use super::not_now::NotNow;
use super::{Line, Pending};
use crate::client::error::{ClientError, Refused};
use crate::client::request_kind::RequestKind;
use crate::client::room_shared::Readiness;
use crate::id::{RoomId, UserId};

/// How many bytes may be sent without an answer: enough to fill a fast connection, and not more than a server reads at
/// once.
pub(super) const WINDOW: usize = 256 * 1024;

/// The result of [`Pending::take_sendable`].
#[derive(Debug, Default)]
pub(in crate::client) struct Sendable {
    /// Frames to send, in order.
    pub(in crate::client) texts: Vec<String>,
    /// Rooms whose rejoin can never be sent.
    pub(in crate::client) failed_rejoins: Vec<(RoomId, ClientError)>,
}

impl Pending {
    /// Returns what can be sent now, at the pace of the connection. Requests that can never be sent fail; rejoins that
    /// can never be sent are returned as well.
    pub(in crate::client) fn take_sendable(
        &mut self,
        now: Instant,
        user: Option<&UserId>,
        max_bytes: usize,
        readiness: impl Fn(&RoomId) -> Readiness,
    ) -> Sendable {
        let (mut texts, mut failed) = (Vec::new(), Vec::new());
        self.send_at = None;
        let Some(Line {
            client,
            pacer,
            knows_repeats,
        }) = &mut self.line
        else {
            return Sendable::default();
        };
        let mut joining: HashSet<RoomId> = HashSet::new();
        // A ping shows whether the connection is alive, so it waits for nothing but its time.
        let mut order: Vec<i64> = Vec::new();
        for pings in [true, false] {
            let unsent = self.entries.iter().filter(|(_, entry)| !entry.sent);
            let of_kind = unsent.filter(|(_, entry)| (entry.kind == RequestKind::Ping) == pings);
            order.extend(of_kind.map(|(id, _)| *id));
        }
        if order.is_empty() {
            return Sendable::default();
        }
        let mut unanswered = 0;
        for entry in self.entries.values().filter(|entry| entry.sent) {
            unanswered += 1;
            joining.extend(entry.kind.joined_room().cloned());
        }
        let is_volatile = |id: &i64| self.entries.get(id).is_some_and(|entry| entry.volatile_key().is_some());
        let volatile_waits = order.iter().any(is_volatile);
        // Requests keep their order. Volatile triggers have a share of the rate of their own, so they may overtake.
        let mut held = false;
        let mut not_now: HashSet<RoomId> = HashSet::new();
        // What waits in a room is sent before the leave.
        let unsent = self.entries.values().filter(|entry| !entry.sent);
        let leaves = unsent.filter(|entry| matches!(entry.kind, RequestKind::Leave(_)) && !entry.is_abandoned());
        let leaving: HashSet<RoomId> = leaves.filter_map(|entry| entry.kind.room().cloned()).collect();
        for id in order {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if held && entry.volatile_key().is_none() {
                continue;
            }
            if let Some(room) = entry.kind.joined_room()
                && !entry.is_abandoned()
            {
                // The rejoin restores the earlier subscriptions, so it must come before a join that changes them. So
                // must an earlier join.
                let returns = matches!(readiness(room), Readiness::Away | Readiness::Returning);
                if !joining.insert(room.clone()) || returns {
                    continue;
                }
            }
            let mut epoch = None;
            match entry.kind.room().map(&readiness) {
                None => {}
                Some(Readiness::Here { epoch: here }) => epoch = Some(here),
                // A leave follows the join that is under way. Everything else waits for its answer.
                Some(Readiness::Returning) if matches!(entry.kind, RequestKind::Leave(_)) => {}
                Some(Readiness::Away | Readiness::Returning) => {
                    if entry.volatile_key().is_some() {
                        failed.push((id, Some(ClientError::Disconnected)));
                    }
                    continue;
                }
                Some(Readiness::Gone) => {
                    failed.push((id, None));
                    continue;
                }
            }
            if let Some(error) = entry.obstacle(now, user, epoch.as_deref(), max_bytes, *knows_repeats) {
                failed.push((id, Some(error)));
                continue;
            }
            // Triggers of a room keep their order, also if the server could not take one of them.
            if let Some(room) = entry.kind.ordered_room().filter(|room| !leaving.contains(*room)) {
                if not_now.contains(room) {
                    continue;
                }
                if let Some(until) = entry.held_until(now) {
                    self.send_at = Some(self.send_at.map_or(until, |at| at.min(until)));
                    not_now.insert(room.clone());
                    continue;
                }
            }
            let volatile = entry.volatile_key();
            let blocked = match &volatile {
                Some(key) => pacer.volatile_blocked_until(key, held, now),
                None if entry.kind == RequestKind::Ping => pacer.blocked_until(now),
                None => pacer.request_blocked_until(volatile_waits, now),
            };
            if let Some(until) = blocked {
                self.send_at = Some(self.send_at.map_or(until, |at| at.min(until)));
                // The requests behind a volatile trigger may be due already.
                held |= volatile.is_none();
                continue;
            }
            let bytes = entry.text.len();
            let is_stalled =
                unanswered >= pacer.most_unanswered() || (self.unanswered > 0 && self.unanswered + bytes > WINDOW);
            if is_stalled && entry.kind != RequestKind::Ping {
                break;
            }
            unanswered += 1;
            match volatile {
                Some(key) => pacer.sent_volatile(key, now),
                None => pacer.sent(now),
            }
            self.unanswered += bytes;
            entry.sent = true;
            entry.refused = None;
            // The engine decides how long it waits for a pong.
            if entry.kind != RequestKind::Ping {
                entry.deadline.get_or_insert(now + self.timeout);
            }
            entry.first.get_or_insert_with(|| FirstSent {
                at: now,
                user: user.cloned(),
                client: client.clone(),
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

    /// The server did not run a request because it came too early. Nothing is sent for as long as it says. Then the
    /// request is sent again, in its place before the later ones. Returns false if it is not repeated here.
    pub(in crate::client) fn came_too_early(&mut self, id: i64, refused: Refused, now: Instant) -> bool {
        if let Some(line) = &mut self.line {
            line.pacer.pause(refused.retry_after, now);
        }
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.sent) else {
            return true;
        };
        if !entry.kind.is_repeated_if_too_early() {
            return false;
        }
        self.unanswered = self.unanswered.saturating_sub(entry.text.len());
        entry.sent = false;
        entry.refused = Some(refused);
        if !entry.is_repetition() {
            entry.first = None;
        }
        if entry.is_own {
            entry.deadline = None;
        }
        let kind = entry.kind.clone();
        let is_newer =
            |(other, entry): (&i64, &PendingRequest)| *other != id && !entry.sent && entry.kind.replaces(&kind);
        if self.entries.iter().any(is_newer) {
            self.supersede(id);
        }
        true
    }

    /// The server could not take a request now. A trigger with a key is sent again, marked as a repetition, and the
    /// later triggers of its room wait until then. Returns false if it is not repeated here.
    pub(in crate::client) fn not_now(&mut self, id: i64, refused: Refused, now: Instant, random: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.sent) else {
            return false;
        };
        let RequestKind::Trigger { keyed: true, .. } = &entry.kind else {
            return false;
        };
        if entry.is_abandoned() {
            return false;
        }
        let knows_repeats = self.line.as_ref().is_some_and(|line| line.knows_repeats);
        let not_now = entry.not_now.get_or_insert_with(|| NotNow::new(self.backoff.clone()));
        let at = not_now.refused(refused.retry_after, now, random);
        let is_remembered = entry.first.as_ref().is_some_and(|first| first.is_remembered(at));
        if !knows_repeats && !is_remembered {
            return false;
        }
        self.unanswered = self.unanswered.saturating_sub(entry.text.len());
        entry.repeat();
        entry.refused = Some(refused);
        true
    }

    /// The room that a request rejoins.
    fn rejoined_room(&self, id: i64) -> Option<RoomId> {
        match &self.entries.get(&id)?.kind {
            RequestKind::Rejoin(room) => Some(room.clone()),
            _ => None,
        }
    }
}
