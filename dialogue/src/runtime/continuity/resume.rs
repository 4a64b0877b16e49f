//! The `resume` secrets: a client that reconnects with one takes over from its earlier connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::connection::ClientState;
use crate::id::{RoomId, UserId};
use crate::random::random_name;
use crate::runtime::lifecycle::Lifecycle;
use crate::serial::SerialQueue;

/// How long a connection can be resumed after it has ended: longer than any backoff of a client that still tries.
const WINDOW: Duration = Duration::from_secs(120);

/// How many connections are remembered after they have ended. Beyond that, the oldest are forgotten.
/// Their clients can still connect. An anonymous one is then another user, and a user that signs in is a new arrival.
const MAX_ENDED: usize = 100_000;

/// How many rooms are remembered of all connections that have ended.
const MAX_ROOMS: usize = 1_000_000;

/// The secrets that clients have received, each with the connection that it resumes.
#[derive(Default)]
pub(crate) struct ResumeSecrets {
    state: Arc<Mutex<SecretTable>>,
    /// Forgets secrets that have expired.
    worker: SerialQueue,
    /// The worker's task. The graceful shutdown does not wait for it.
    tasks: TaskTracker,
}

#[derive(Default)]
struct SecretTable {
    by_secret: HashMap<String, ResumableConnection>,
    /// The secrets of connections that have ended, with the time of the end, oldest first.
    ended: VecDeque<(Instant, String)>,
    /// How many rooms all of these connections were in.
    rooms: usize,
}

/// A connection that a new one may take over from.
pub(crate) struct ResumableConnection {
    pub(crate) client: Weak<ClientState>,
    pub(crate) user_id: UserId,
    /// The rooms that the client was in when its connection ended; empty before.
    pub(crate) rooms: Vec<RoomId>,
    anonymous: bool,
}

impl ResumeSecrets {
    /// Replaces a client's secret with a new one. A client that is already disconnecting gets none, because nothing
    /// would ever forget it.
    pub(crate) fn renew(&self, client: &Arc<ClientState>) {
        let secret = random_name(16);
        let resume = ResumableConnection {
            client: Arc::downgrade(client),
            user_id: client.user_id.clone(),
            rooms: Vec::new(),
            anonymous: client.anonymous,
        };
        let mut state = self.state.lock();
        if client.membership.lock().is_gone() {
            return;
        }
        let before = std::mem::replace(&mut *client.resume.lock(), secret.clone());
        state.by_secret.remove(&before);
        state.by_secret.insert(secret, resume);
    }

    /// Notes that a connection has ended and its client has left these rooms. For a while, the client can come back: an
    /// anonymous user keeps its id, and each of the rooms knows that it is a comeback.
    pub(crate) fn ended(&self, client: &ClientState, rooms: Vec<RoomId>) {
        let mut state = self.state.lock();
        let secret = client.resume.lock().clone();
        if let Some(resume) = state.by_secret.get_mut(&secret) {
            // A weak pointer to the client would keep its memory allocated.
            resume.client = Weak::new();
            let count = rooms.len();
            resume.rooms = rooms;
            state.rooms += count;
            state.ended.push_back((Instant::now(), secret));
        }
    }

    /// Makes sure that the secrets of ended connections are forgotten when they expire. Never waits.
    pub(in crate::runtime) fn expire_in_time(&self, lifecycle: &Lifecycle) {
        let mut state = self.state.lock();
        state.expire(Instant::now());
        if state.next_due().is_none() || lifecycle.is_stopping() {
            return;
        }
        drop(state);
        // The task runs for two minutes. It keeps nothing else alive meanwhile, and nothing waits for it.
        let (state, stopping) = (Arc::downgrade(&self.state), lifecycle.stopping.clone());
        let forget = async move {
            while let Some(due) = state.upgrade().and_then(|state| state.lock().next_due()) {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep_until(due) => {}
                }
                if let Some(state) = state.upgrade() {
                    state.lock().expire(Instant::now());
                }
            }
        };
        self.worker.push(1, &self.tasks, Box::pin(forget));
    }

    /// Takes the connection that a secret resumes, if the secret belongs to this user; `None` stands for an anonymous
    /// user. A secret works once.
    pub(crate) fn take(&self, secret: &str, user: Option<&UserId>) -> Option<ResumableConnection> {
        let mut state = self.state.lock();
        let is_theirs = state.by_secret.get(secret).is_some_and(|resume| match user {
            Some(user) => !resume.anonymous && resume.user_id == *user,
            None => resume.anonymous,
        });
        is_theirs.then(|| state.remove(secret)).flatten()
    }

    /// Forgets every secret of a user.
    pub(crate) fn forget(&self, user: &str) {
        let mut state = self.state.lock();
        let forgotten = state.by_secret.extract_if(|_, resume| *resume.user_id == *user);
        let rooms: usize = forgotten.map(|(_, resume)| resume.rooms.len()).sum();
        state.rooms -= rooms;
    }
}

impl SecretTable {
    fn remove(&mut self, secret: &str) -> Option<ResumableConnection> {
        let removed = self.by_secret.remove(secret)?;
        self.rooms -= removed.rooms.len();
        Some(removed)
    }

    /// The time when the next secret of an ended connection expires.
    fn next_due(&self) -> Option<Instant> {
        self.ended.front().map(|(at, _)| *at + WINDOW)
    }

    /// Forgets the secrets of connections that ended too long ago.
    fn expire(&mut self, now: Instant) {
        while let Some((at, _)) = self.ended.front() {
            let few = self.ended.len() <= MAX_ENDED && self.rooms <= MAX_ROOMS;
            if few && now.duration_since(*at) < WINDOW {
                return;
            }
            if let Some((_, secret)) = self.ended.pop_front() {
                self.remove(&secret);
            }
        }
        // Frees the memory that a wave of connections has taken.
        self.ended.shrink_to_fit();
        self.by_secret.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{AuthSession, ClientKey, Membership, MembershipEnd, Outbox};
    use crate::limits::Limits;

    fn client(user: &str, anonymous: bool) -> Arc<ClientState> {
        Arc::new(ClientState {
            key: ClientKey(1),
            id: "client".into(),
            user_id: user.into(),
            meta: Default::default(),
            session: Mutex::new(AuthSession {
                auth: Arc::default(),
                claims: Arc::default(),
                expires_at: None,
            }),
            resume: Mutex::default(),
            anonymous,
            outbox: Arc::new(Outbox::new(&Limits::default())),
            membership: Mutex::new(Membership::default()),
            departed: Default::default(),
            hooks: SerialQueue::default(),
        })
    }

    fn secret(client: &ClientState) -> String {
        client.resume.lock().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn an_anonymous_user_can_get_its_id_back_for_a_while() {
        let (resumes, early, late) = (ResumeSecrets::default(), client("a", true), client("b", true));
        for client in [&early, &late] {
            resumes.renew(client);
            resumes.ended(client, Vec::new());
        }
        assert_eq!(
            resumes.take(&secret(&early), None).map(|resume| resume.user_id),
            Some("a".into())
        );
        assert!(resumes.take(&secret(&early), None).is_none(), "a secret works once");
        tokio::time::advance(WINDOW).await;
        resumes.state.lock().expire(Instant::now());
        assert!(resumes.take(&secret(&late), None).is_none());
        assert!(resumes.state.lock().next_due().is_none());
    }

    #[test]
    fn a_secret_works_for_its_own_user_and_remembers_the_rooms() {
        let (resumes, ada) = (ResumeSecrets::default(), client("ada", false));
        resumes.renew(&ada);
        assert!(resumes.take(&secret(&ada), Some(&"grace".into())).is_none());
        assert!(resumes.take(&secret(&ada), None).is_none());
        assert!(resumes.take(&secret(&ada), Some(&"ada".into())).is_some());
        resumes.renew(&ada);
        resumes.ended(&ada, vec!["chat".into()]);
        let earlier = resumes.take(&secret(&ada), Some(&"ada".into())).expect("a connection");
        assert_eq!(earlier.rooms, ["chat"]);
        assert_eq!(resumes.state.lock().rooms, 0);
    }

    #[test]
    fn the_rooms_of_ended_connections_are_bounded() {
        let resumes = ResumeSecrets::default();
        for _ in 0..3 {
            let ada = client("ada", false);
            resumes.renew(&ada);
            resumes.ended(&ada, vec!["chat".into(); MAX_ROOMS / 2]);
        }
        let mut state = resumes.state.lock();
        state.expire(Instant::now());
        assert_eq!((state.rooms, state.by_secret.len()), (MAX_ROOMS, 2));
    }

    #[test]
    fn a_client_that_has_disconnected_gets_no_new_secret() {
        let (resumes, ada) = (ResumeSecrets::default(), client("ada", false));
        resumes.renew(&ada);
        assert!(ada.membership.lock().end(MembershipEnd::Disconnected));
        resumes.ended(&ada, Vec::new());
        let before = secret(&ada);
        // As if its session had been renewed at that moment.
        resumes.renew(&ada);
        assert_eq!(secret(&ada), before);
        assert_eq!(resumes.state.lock().by_secret.len(), 1);
    }

    #[test]
    fn a_revoked_user_has_no_secret() {
        let (resumes, ada) = (ResumeSecrets::default(), client("ada", false));
        resumes.renew(&ada);
        resumes.forget("ada");
        assert!(resumes.take(&secret(&ada), Some(&"ada".into())).is_none());
    }
}
