//! Requests that wait: to be sent, or for their answers. Pure: time is an argument, and what to send is returned.
//!
//! Owns their order, their bounds, and the rule for what is sent again after a lost connection: a trigger with a key,
//! where the server can still tell that it has had it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::error::ClientError;
use super::purpose::Purpose;
use super::rooms::RoomShared;
use crate::event::EventMessage;
use crate::id::{RoomId, UserId};
use crate::protocol::{Command, ListedRoom, Request};

/// How much may be on its way to the server unanswered, in bytes: what a fast line holds, and no more than a server reads
/// at once.
const WINDOW: usize = 256 * 1024;

/// How long after a trigger was first sent it may be sent again: within the two minutes for which a server remembers a
/// key at least, with some for the way.
const RESEND_WITHIN: Duration = Duration::from_secs(90);

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Answer {
    Joined(Arc<RoomShared>),
    Done { seq: Option<u64> },
    History { events: Vec<EventMessage>, more: bool },
    Rooms { rooms: Vec<ListedRoom>, more: bool },
    Room(ListedRoom),
}

/// Who waits for it.
pub(super) type Reply = oneshot::Sender<Result<Answer, ClientError>>;

/// Whether a room's requests can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The client is in it, in this incarnation.
    Here { epoch: String },
    /// It is on its way back.
    Away,
    /// It is not in it.
    Gone,
}

/// What [`Pending::take_sendable`] has found.
#[derive(Debug, Default)]
pub(super) struct Sendable {
    /// Frames, in order.
    pub(super) texts: Vec<String>,
    /// Rooms to which no way leads back.
    pub(super) barred: Vec<(RoomId, ClientError)>,
}

/// Under which conditions a trigger was first sent.
#[derive(Debug)]
struct FirstSent {
    at: Instant,
    user: Option<UserId>,
    epoch: Option<String>,
}

#[derive(Debug)]
struct Entry {
    text: String,
    purpose: Purpose,
    reply: Option<Reply>,
    deadline: Instant,
    /// On this connection.
    sent: bool,
    /// On any.
    first: Option<FirstSent>,
}

/// All that waits, in the order in which it was asked for.
#[derive(Debug)]
pub(super) struct Pending {
    entries: BTreeMap<i64, Entry>,
    next_id: i64,
    limit: usize,
    patience: Duration,
    unanswered: usize,
}

impl Pending {
    /// Nothing yet; at most `limit` requests, each of which waits for `patience`.
    pub(super) fn new(limit: usize, patience: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            next_id: 1,
            limit,
            patience,
            unanswered: 0,
        }
    }

    /// Whether another request may come. What nobody waits for any more, and was never sent, makes room for it.
    pub(super) fn has_room(&mut self) -> bool {
        if self.entries.len() >= self.limit {
            self.entries
                .retain(|_, entry| entry.first.is_some() || !entry.is_abandoned());
        }
        self.entries.len() < self.limit
    }

    /// Takes a request in. The client's own, which nobody waits for, are not held to the limit: there are few.
    pub(super) fn add(&mut self, command: Command, purpose: Purpose, reply: Option<Reply>, now: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        let text = Request { id: Some(id), command }.encode();
        let entry = Entry {
            text,
            purpose,
            reply,
            deadline: now + self.patience,
            sent: false,
            first: None,
        };
        self.entries.insert(id, entry);
    }

    /// Takes out what can be sent now. What can never be sent any more is told so; a way back of which that is true is
    /// returned beside.
    pub(super) fn take_sendable(
        &mut self,
        now: Instant,
        user: Option<&UserId>,
        max_bytes: usize,
        readiness: impl Fn(&RoomId) -> Readiness,
    ) -> Sendable {
        let (mut texts, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.sent) {
            if let Purpose::Join { room, .. } = &entry.purpose
                && readiness(room) == Readiness::Away
            {
                // The way back has the subscriptions of before: first, it would be undone by it.
                continue;
            }
            let mut epoch = None;
            match entry.purpose.room().map(&readiness) {
                None => {}
                Some(Readiness::Here { epoch: here }) => epoch = Some(here),
                Some(Readiness::Away) => continue,
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
        let mut barred = Vec::new();
        for (id, error) in failed {
            if let (Some(error), Some(room)) = (&error, self.rejoined_room(id)) {
                barred.push((room, error.clone()));
            }
            self.fail(id, error);
        }
        Sendable { texts, barred }
    }

    /// Takes out the request that an answer is for, if it is still waited for.
    pub(super) fn answered(&mut self, id: i64) -> Option<(Purpose, Option<Reply>)> {
        self.entries.get(&id).filter(|entry| entry.sent)?;
        self.remove(id).map(|entry| (entry.purpose, entry.reply))
    }

    /// The connection is lost: what was sent is, unless it can be sent again, and so are the client's own requests.
    /// Returns who wants to leave a room: that is done.
    pub(super) fn link_lost(&mut self) -> Vec<(RoomId, Option<Reply>)> {
        let leaving = self
            .entries
            .extract_if(.., |_, entry| matches!(entry.purpose, Purpose::Leave(_)));
        let left = leaving.filter_map(|(_, entry)| match entry.purpose {
            // Dropped before it was sent, it is none.
            Purpose::Leave(_) if entry.first.is_none() && entry.is_abandoned() => None,
            Purpose::Leave(room) => Some((room, entry.reply)),
            _ => None,
        });
        let left = left.collect();
        let lost: Vec<i64> = self
            .entries
            .iter()
            .filter(|(_, entry)| match entry.purpose {
                Purpose::Rejoin(_) | Purpose::Renewal | Purpose::Ping => true,
                Purpose::Trigger { keyed: true, .. } => false,
                _ => entry.sent,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            self.fail(id, Some(ClientError::Disconnected));
        }
        for entry in self.entries.values_mut() {
            entry.sent = false;
            if let Purpose::Trigger { repeats, .. } = &mut entry.purpose {
                *repeats = entry.first.is_some();
            }
        }
        self.unanswered = 0;
        left
    }

    /// Fails what has waited for too long. Returns what of it was the client's own.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Purpose, ClientError)> {
        let late: Vec<i64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.deadline <= now)
            .map(|(id, _)| *id)
            .collect();
        let error = ClientError::TimedOut(self.patience);
        let mut own = Vec::new();
        for id in late {
            let entry = self.entries.get(&id).filter(|entry| entry.reply.is_none());
            own.extend(entry.map(|entry| (entry.purpose.clone(), error.clone())));
            self.fail(id, Some(error.clone()));
        }
        own
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.deadline).min()
    }

    /// Fails everything.
    pub(super) fn fail_all(&mut self, error: &ClientError) {
        for (_, entry) in std::mem::take(&mut self.entries) {
            entry.reply.map(|reply| reply.send(Err(error.clone())));
        }
        self.unanswered = 0;
    }

    /// Whether a request of this kind waits.
    pub(super) fn has(&self, purpose: &Purpose) -> bool {
        self.entries.values().any(|entry| entry.purpose == *purpose)
    }

    /// Fails one; without an error, because the client is not in its room: a trigger that was sent before may have been
    /// carried out.
    fn fail(&mut self, id: i64, error: Option<ClientError>) {
        let Some(entry) = self.remove(id) else { return };
        let error = error.unwrap_or_else(|| match (entry.first, entry.purpose.room()) {
            (None, Some(room)) => ClientError::NotJoined { room: room.clone() },
            _ => ClientError::Disconnected,
        });
        entry.reply.map(|reply| reply.send(Err(error)));
    }

    /// The room to which a request leads back.
    fn rejoined_room(&self, id: i64) -> Option<RoomId> {
        match &self.entries.get(&id)?.purpose {
            Purpose::Rejoin(room) => Some(room.clone()),
            _ => None,
        }
    }

    fn remove(&mut self, id: i64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if entry.sent {
            self.unanswered = self.unanswered.saturating_sub(entry.text.len());
        }
        Some(entry)
    }
}

impl Entry {
    /// Whether whoever asked has gone.
    fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Why it is not to be sent to this room's incarnation, or to a server that takes so much, ever.
    fn obstacle(
        &self,
        now: Instant,
        user: Option<&UserId>,
        epoch: Option<&str>,
        max_bytes: usize,
    ) -> Option<ClientError> {
        let may_be_sent = match &self.first {
            // Where whoever asked has gone, nothing has happened yet, and nothing needs to.
            None => !self.is_abandoned(),
            Some(first) => first.is_repeatable(now, user, epoch),
        };
        if !may_be_sent {
            return Some(ClientError::Disconnected);
        }
        let bytes = self.text.len();
        let too_large = ClientError::TooLarge {
            bytes,
            limit: max_bytes,
        };
        // A server that takes less than the one before cannot be asked what came of it there.
        let unknown = self.first.is_some();
        (bytes > max_bytes).then_some(if unknown { ClientError::Disconnected } else { too_large })
    }
}

impl FirstSent {
    /// Whether a server still knows that it has had this: the same user's, in the same incarnation of the room, not long
    /// ago. Otherwise it might be carried out twice.
    fn is_repeatable(&self, now: Instant, user: Option<&UserId>, epoch: Option<&str>) -> bool {
        now.saturating_duration_since(self.at) < RESEND_WITHIN
            && self.user.as_ref() == user
            && self.epoch.as_deref() == epoch
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::protocol::TriggerCommand;

    const MAX: usize = 65_536;
    const PATIENCE: Duration = Duration::from_secs(300);

    type Outcome = oneshot::Receiver<Result<Answer, ClientError>>;

    struct Client {
        pending: Pending,
        now: Instant,
        user: UserId,
    }

    impl Client {
        fn new() -> Self {
            Self {
                pending: Pending::new(4, PATIENCE),
                now: Instant::now(),
                user: "ada".into(),
            }
        }

        fn ask(&mut self, command: Command) -> Outcome {
            let (reply, outcome) = oneshot::channel();
            let purpose = Purpose::of(&command);
            self.pending.add(command, purpose, Some(reply), self.now);
            outcome
        }

        fn trigger(&mut self, key: Option<&str>) -> Outcome {
            self.ask(Command::Trigger(TriggerCommand {
                room_id: "chat".into(),
                event: "message".into(),
                data: Value::Null,
                meta: None,
                key: key.map(str::to_owned),
            }))
        }

        fn send_in(&mut self, readiness: Readiness) -> usize {
            let user = self.user.clone();
            self.pending
                .take_sendable(self.now, Some(&user), MAX, |_| readiness.clone())
                .texts
                .len()
        }

        fn send(&mut self) -> usize {
            self.send_in(here("e"))
        }
    }

    fn here(epoch: &str) -> Readiness {
        Readiness::Here {
            epoch: epoch.to_owned(),
        }
    }

    fn failed(outcome: &mut Outcome) -> Option<ClientError> {
        outcome.try_recv().ok().and_then(Result::err)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_sent_once_and_answered_once() {
        let mut client = Client::new();
        let _outcome = client.trigger(None);
        assert!(client.pending.answered(1).is_none(), "nothing was sent yet");
        assert_eq!((client.send(), client.send()), (1, 0));
        assert!(client.pending.answered(1).is_some() && client.pending.answered(1).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_fails_what_was_sent_but_for_triggers_with_a_key() {
        let mut client = Client::new();
        let mut lost = client.trigger(None);
        let mut kept = client.trigger(Some("k"));
        client.send();
        let mut waiting = client.trigger(None);
        client.pending.link_lost();
        assert_eq!(failed(&mut lost), Some(ClientError::Disconnected));
        assert_eq!((failed(&mut kept), failed(&mut waiting)), (None, None));
        assert_eq!(client.send_in(Readiness::Away), 0);
        assert_eq!(client.send(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trigger_is_not_sent_again_where_the_server_may_have_forgotten_its_key() {
        type Change = fn(&mut Client) -> Readiness;
        let changes: [Change; 3] = [
            |client| {
                client.now += RESEND_WITHIN;
                here("e")
            },
            |client| {
                client.user = "bob".into();
                here("e")
            },
            |_| here("another"),
        ];
        for change in changes {
            let mut client = Client::new();
            let mut outcome = client.trigger(Some("k"));
            client.send();
            client.pending.link_lost();
            let readiness = change(&mut client);
            assert_eq!(client.send_in(readiness), 0);
            assert_eq!(failed(&mut outcome), Some(ClientError::Disconnected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_is_gone_fails_what_was_not_sent_as_not_joined_and_what_was_as_unknown() {
        let mut client = Client::new();
        let mut sent = client.trigger(Some("k"));
        client.send();
        client.pending.link_lost();
        let mut unsent = client.trigger(Some("l"));
        client.send_in(Readiness::Gone);
        assert_eq!(failed(&mut sent), Some(ClientError::Disconnected));
        let room = "chat".into();
        assert_eq!(failed(&mut unsent), Some(ClientError::NotJoined { room }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_join_waits_for_the_way_back_into_its_room_and_no_other_one() {
        let mut client = Client::new();
        let _joining = client.ask(Command::Join(crate::protocol::JoinCommand {
            room_id: "chat".into(),
            subscriptions: None,
            since: None,
        }));
        assert_eq!(client.send_in(Readiness::Away), 0);
        assert_eq!(client.send_in(Readiness::Gone), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_and_is_too_long_for_the_next_server_is_unknown() {
        let mut client = Client::new();
        let mut outcome = client.trigger(Some("k"));
        client.send();
        client.pending.link_lost();
        let user = client.user.clone();
        client.pending.take_sendable(client.now, Some(&user), 10, |_| here("e"));
        assert_eq!(failed(&mut outcome), Some(ClientError::Disconnected));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_any_more_is_never_sent_unless_it_was_before() {
        let mut client = Client::new();
        drop(client.trigger(Some("k")));
        assert_eq!(client.send(), 0);
        let outcome = client.trigger(Some("l"));
        client.send();
        drop(outcome);
        client.pending.link_lost();
        assert_eq!(client.send(), 1, "it may have gone out, so its key is used up");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_any_more_takes_no_place_from_others() {
        let mut client = Client::new();
        let mut kept = client.trigger(Some("k"));
        for _ in 0..3 {
            drop(client.trigger(Some("l")));
        }
        assert!(client.pending.has_room());
        assert_eq!((client.send(), failed(&mut kept)), (1, None));
        let mut waiting: Vec<_> = (0..3).map(|_| client.trigger(Some("m"))).collect();
        assert!(!client.pending.has_room());
        drop((kept, waiting.pop()));
        assert!(client.pending.has_room());
        assert!(client.pending.answered(1).is_some(), "it was sent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_so_long_and_no_longer() {
        let mut client = Client::new();
        let mut outcome = client.trigger(None);
        client.pending.expire(client.now + PATIENCE - Duration::from_millis(1));
        assert_eq!(failed(&mut outcome), None);
        assert_eq!(client.pending.next_deadline(), Some(client.now + PATIENCE));
        client.pending.expire(client.now + PATIENCE);
        assert_eq!(failed(&mut outcome), Some(ClientError::TimedOut(PATIENCE)));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_bound_in_number_and_one_of_what_is_on_its_way_in_bytes() {
        let mut client = Client::new();
        let mut outcomes = Vec::new();
        while client.pending.has_room() {
            let data = Value::from("x".repeat(WINDOW / 2));
            outcomes.push(client.ask(Command::Trigger(TriggerCommand {
                room_id: "chat".into(),
                event: "message".into(),
                data,
                meta: None,
                key: None,
            })));
        }
        assert_eq!(outcomes.len(), 4);
        let user = client.user.clone();
        let mut send = || {
            let texts = client
                .pending
                .take_sendable(client.now, Some(&user), usize::MAX, |_| here("e"));
            (texts.texts.len(), client.pending.answered(1).is_some())
        };
        assert_eq!(send(), (1, true), "two are over the window");
        assert_eq!(send().0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_long_for_the_server_is_not_sent() {
        let mut client = Client::new();
        let mut outcome = client.trigger(None);
        let join = crate::protocol::JoinCommand {
            room_id: "chat".into(),
            subscriptions: None,
            since: None,
        };
        let purpose = Purpose::Rejoin("chat".into());
        client.pending.add(Command::Join(join), purpose, None, client.now);
        let Sendable { texts, barred } = client.pending.take_sendable(client.now, None, 10, |_| here("e"));
        assert!(texts.is_empty());
        assert!(matches!(&barred[..], [(room, ClientError::TooLarge { .. })] if room == "chat"));
        assert!(matches!(
            failed(&mut outcome),
            Some(ClientError::TooLarge { limit: 10, .. })
        ));
    }
}
