//! The `resume` secrets: a client that reconnects with one takes over from its earlier connection.
//!
//! The table decides about the connections of this run. With a store, [`Runs`] decides about those of earlier runs and of other
//! nodes.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Runs;
use super::ended::{MAX_ENDED, most_ended};
use super::lineage::Lineage;
use crate::connection::{ClientState, Holder};
use crate::id::{RoomId, UserId};
use crate::limits::Limits;
use crate::log::durable::StoreRun;
use crate::random::random_name;
use crate::runtime::lifecycle::Lifecycle;
use crate::serial::SerialQueue;

/// How long a connection can be resumed after it has ended: longer than any backoff of a client that still tries.
const WINDOW: Duration = Duration::from_secs(120);

/// How many rooms are remembered of all connections that have ended.
const MAX_ROOMS: usize = 1_000_000;

/// The secrets that clients have received, each with the connection that it resumes.
#[derive(Default)]
pub(crate) struct ResumeSecrets {
    state: Arc<Mutex<SecretTable>>,
    /// Forgets secrets that have expired.
    worker: SerialQueue,
    /// With a store, from the beginning on.
    runs: OnceLock<Runs>,
}

#[derive(Default)]
struct SecretTable {
    by_secret: HashMap<String, ResumableConnection>,
    /// The secret that a renewal has replaced, and its successor. It stays valid until the next renewal, because the client
    /// may lose its connection before it receives the new one.
    replaced: HashMap<String, String>,
    /// The secrets of connections that have ended, with the time of the end, oldest first.
    ended: VecDeque<(Instant, String)>,
    /// How many of these connections can still be resumed.
    remembered: usize,
    /// How many of them belong to each holder.
    by_holder: HashMap<Holder, usize>,
    /// How many rooms they were in.
    rooms: usize,
}

/// A connection that a new one may take over from.
pub(crate) struct ResumableConnection {
    pub(crate) user_id: UserId,
    pub(crate) earlier: EarlierConnection,
    anonymous: bool,
    peer: Option<IpAddr>,
    /// The secret before the present one.
    previous: Option<String>,
    /// With a store: this connection, and those that it continued.
    lineage: Option<Arc<Lineage>>,
}

/// The state of the connection that a new one may take over from.
pub(crate) enum EarlierConnection {
    /// It has not ended, as far as the server knows.
    Live(Weak<ClientState>),
    /// It has ended. The client was in these rooms.
    Ended(Vec<RoomId>),
}

impl ResumableConnection {
    fn holder(&self) -> Holder {
        Holder::of(&self.user_id, self.anonymous, self.peer)
    }

    /// With a store: the connections that the next one continues.
    pub(crate) fn lineage(&self) -> Option<Arc<Lineage>> {
        self.lineage.clone()
    }
}

impl ResumeSecrets {
    /// Without this, no secret outlives this run. `is_shared` says whether several nodes share the store.
    pub(in crate::runtime) fn begin(&self, limits: &Limits, run: StoreRun, is_shared: bool) {
        if let Some(runs) = Runs::new(run, limits.message_bytes, is_shared) {
            let _is_first = self.runs.set(runs);
        }
    }

    /// Gives a client its first secret. `continued` are the connections that its connection continues.
    pub(crate) fn issue(&self, client: &Arc<ClientState>, continued: Option<&Lineage>) {
        let runs = self.runs.get();
        let lineage = runs.map(|runs| {
            let none = Lineage::default();
            Arc::new(continued.unwrap_or(&none).after(runs.connection(client)))
        });
        self.replace(client, lineage);
    }

    /// Replaces a client's secret with a new one. The present one stays valid until the next renewal. A client that is
    /// already disconnecting gets none, because nothing would ever forget it.
    pub(crate) fn renew(&self, client: &Arc<ClientState>) {
        self.replace(client, None);
    }

    /// `lineage` is `None` for a client that has had a secret.
    fn replace(&self, client: &Arc<ClientState>, lineage: Option<Arc<Lineage>>) {
        let mut state = self.state.lock();
        if client.membership.lock().is_gone() {
            return;
        }
        let before = client.resume.lock().clone();
        let replaced = state.remove(&before);
        let lineage = lineage.or_else(|| replaced.as_ref().and_then(ResumableConnection::lineage));
        let sealed = self.runs.get().and_then(|runs| runs.seal(client, lineage.as_deref()));
        let secret = sealed.unwrap_or_else(|| random_name(16));
        client.resume.lock().clone_from(&secret);
        let previous = replaced.map(|_| before);
        if let Some(previous) = &previous {
            state.replaced.insert(previous.clone(), secret.clone());
        }
        let resume = ResumableConnection {
            user_id: client.user_id.clone(),
            earlier: EarlierConnection::Live(Arc::downgrade(client)),
            anonymous: client.anonymous,
            peer: client.peer.map(|peer| peer.ip()),
            previous,
            lineage,
        };
        state.by_secret.insert(secret, resume);
    }

    /// Notes that a connection has ended and its client has left its rooms. For a while, the client can come back: an
    /// anonymous user keeps its id, and each of the rooms knows that it is a comeback. A connection that is being replaced
    /// is not noted, because its successor has taken the secret.
    pub(crate) fn ended(&self, client: &ClientState) {
        let mut state = self.state.lock();
        let secret = client.resume.lock().clone();
        let Some(mut resume) = state.by_secret.remove(&secret) else {
            return;
        };
        let holder = client.holder();
        let most = most_ended(&holder);
        let of_holder = state.by_holder.entry(holder).or_default();
        if *of_holder >= most {
            state.forget_previous(&resume);
            return;
        }
        *of_holder += 1;
        let rooms = client.membership.lock().take_former();
        state.remembered += 1;
        state.rooms += rooms.len();
        resume.earlier = EarlierConnection::Ended(rooms);
        state.by_secret.insert(secret.clone(), resume);
        state.ended.push_back((Instant::now(), secret));
    }

    /// Whether this run of the server is the one with this number.
    pub(crate) fn is_this_run(&self, run: u64) -> bool {
        self.runs.get().is_some_and(|runs| runs.is(run))
    }

    /// Whether clients of earlier runs may come back now.
    pub(crate) fn expects_earlier_clients(&self) -> bool {
        self.runs.get().is_some_and(|runs| runs.expects_earlier_clients())
    }

    /// Forgets the secret of a connection that was never admitted.
    pub(crate) fn discard(&self, client: &ClientState) {
        self.state.lock().by_secret.remove(&*client.resume.lock());
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
        let forget = move || {
            let (state, stopping) = (Weak::clone(&state), stopping.clone());
            async move {
                while let Some(due) = state.upgrade().and_then(|state| state.lock().next_due()) {
                    tokio::select! {
                        () = stopping.cancelled() => return,
                        () = tokio::time::sleep_until(due) => {}
                    }
                    if let Some(state) = state.upgrade() {
                        state.lock().expire(Instant::now());
                    }
                }
            }
            .boxed()
        };
        self.worker.push_again(&lifecycle.background, forget);
    }

    /// Takes the connection that a secret resumes, if the secret belongs to this user; `None` stands for an anonymous
    /// user. A secret works once.
    pub(crate) fn take(&self, secret: &str, user: Option<&UserId>) -> Option<ResumableConnection> {
        let of_this_run = self.take_of_this_run(secret, user).inspect(|resume| {
            if let (Some(runs), Some(lineage)) = (self.runs.get(), &resume.lineage) {
                runs.note_taken(lineage);
            }
        });
        of_this_run.or_else(|| {
            let earlier = self.runs.get()?.take(secret, user, Instant::now())?;
            Some(ResumableConnection {
                user_id: earlier.user_id,
                // On this node, the client was in no room yet, or that is forgotten.
                earlier: EarlierConnection::Ended(Vec::new()),
                anonymous: earlier.anonymous,
                peer: None,
                previous: None,
                lineage: Some(Arc::new(earlier.lineage)),
            })
        })
    }

    fn take_of_this_run(&self, secret: &str, user: Option<&UserId>) -> Option<ResumableConnection> {
        let mut state = self.state.lock();
        let successor = state.replaced.get(secret).cloned();
        let secret = successor.as_deref().unwrap_or(secret);
        let is_theirs = state.by_secret.get(secret).is_some_and(|resume| match user {
            Some(user) => !resume.anonymous && resume.user_id == *user,
            None => resume.anonymous,
        });
        is_theirs.then(|| state.remove(secret)).flatten()
    }

    /// Forgets every secret of a user. With a store, returns what the store has to note: the number of this revocation.
    pub(crate) fn forget(&self, user: &str) -> Option<u64> {
        let mut state = self.state.lock();
        let forgotten = state.by_secret.extract_if(|_, resume| *resume.user_id == *user);
        let forgotten: Vec<_> = forgotten.map(|(_, resume)| resume).collect();
        for resume in &forgotten {
            state.discount(resume);
        }
        // Under the lock, so that the secrets before and after it have numbers before and after its own.
        self.runs.get().map(|runs| runs.revoke(&user.into()))
    }
}

impl SecretTable {
    fn remove(&mut self, secret: &str) -> Option<ResumableConnection> {
        let removed = self.by_secret.remove(secret)?;
        self.discount(&removed);
        Some(removed)
    }

    fn forget_previous(&mut self, removed: &ResumableConnection) {
        if let Some(previous) = &removed.previous {
            self.replaced.remove(previous);
        }
    }

    /// Takes a connection that is no longer remembered out of the counts, if it has ended, and forgets its other secret.
    fn discount(&mut self, removed: &ResumableConnection) {
        self.forget_previous(removed);
        let EarlierConnection::Ended(rooms) = &removed.earlier else {
            return;
        };
        self.remembered -= 1;
        self.rooms -= rooms.len();
        if let Entry::Occupied(mut of_holder) = self.by_holder.entry(removed.holder()) {
            *of_holder.get_mut() -= 1;
            if *of_holder.get() == 0 {
                of_holder.remove();
            }
        }
    }

    /// The time when the next secret of an ended connection expires.
    fn next_due(&self) -> Option<Instant> {
        self.ended.front().map(|(at, _)| *at + WINDOW)
    }

    /// Forgets the secrets of connections that ended too long ago.
    fn expire(&mut self, now: Instant) {
        while let Some((at, _)) = self.ended.front() {
            let few = self.remembered <= MAX_ENDED && self.rooms <= MAX_ROOMS && self.ended.len() <= 2 * MAX_ENDED;
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
        self.replaced.shrink_to_fit();
        self.by_holder.shrink_to_fit();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ended::{MAX_ENDED_OF_ADDRESS, MAX_ENDED_OF_USER};
    use super::*;
    use crate::connection::{AuthSession, ClientKey, Membership, MembershipEnd, Outbox};

    pub(in super::super) fn client(user: &str, anonymous: bool) -> Arc<ClientState> {
        client_with_id("client", user, anonymous)
    }

    pub(in super::super) fn client_with_id(id: &str, user: &str, anonymous: bool) -> Arc<ClientState> {
        Arc::new(ClientState {
            key: ClientKey(1),
            id: id.into(),
            user_id: user.into(),
            meta: Default::default(),
            session: Mutex::new(AuthSession {
                auth: Arc::default(),
                claims: Arc::default(),
                expires_at: None,
            }),
            resume: Mutex::default(),
            anonymous,
            peer: None,
            outbox: Arc::new(Outbox::new(&Limits::default())),
            membership: Mutex::new(Membership::default()),
            departed: Default::default(),
            hooks: SerialQueue::default(),
        })
    }

    fn chat() -> RoomId {
        "chat".into()
    }

    fn secret(client: &ClientState) -> String {
        client.resume.lock().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn an_anonymous_user_can_get_its_id_back_for_a_while() {
        let (resumes, early, late) = (ResumeSecrets::default(), client("a", true), client("b", true));
        for client in [&early, &late] {
            resumes.renew(client);
            resumes.ended(client);
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
        ada.membership.lock().record_former(chat());
        resumes.ended(&ada);
        let resume = resumes.take(&secret(&ada), Some(&"ada".into())).expect("a connection");
        assert!(matches!(&resume.earlier, EarlierConnection::Ended(rooms) if *rooms == [chat()]));
        let state = resumes.state.lock();
        assert_eq!((state.rooms, state.remembered, state.by_holder.len()), (0, 0, 0));
    }

    #[test]
    fn a_user_cannot_make_the_server_forget_the_connections_of_others() {
        let (resumes, ada) = (ResumeSecrets::default(), client("ada", false));
        resumes.renew(&ada);
        resumes.ended(&ada);
        for _ in 0..MAX_ENDED_OF_USER + 5 {
            let eve = client("eve", false);
            resumes.renew(&eve);
            resumes.ended(&eve);
        }
        assert_eq!(resumes.state.lock().remembered, MAX_ENDED_OF_USER + 1);
        assert!(resumes.take(&secret(&ada), Some(&"ada".into())).is_some());
        resumes.forget("eve");
        let state = resumes.state.lock();
        assert_eq!((state.remembered, state.by_holder.len()), (0, 0));
    }

    #[test]
    fn anonymous_users_at_one_address_cannot_make_the_server_forget_the_connections_of_others() {
        let (resumes, grace) = (ResumeSecrets::default(), client("anonymous-grace", true));
        let eve = |number: usize| {
            let mut eve = client(&format!("anonymous-{number}"), true);
            Arc::get_mut(&mut eve).expect("one owner").peer = Some(([10, 0, 0, 1], 1).into());
            eve
        };
        resumes.renew(&grace);
        resumes.ended(&grace);
        for number in 0..MAX_ENDED_OF_ADDRESS + 5 {
            let eve = eve(number);
            resumes.renew(&eve);
            resumes.ended(&eve);
        }
        assert_eq!(resumes.state.lock().remembered, MAX_ENDED_OF_ADDRESS + 1);
        assert!(resumes.take(&secret(&grace), None).is_some());
    }

    #[test]
    fn the_rooms_of_ended_connections_are_bounded() {
        let resumes = ResumeSecrets::default();
        for _ in 0..3 {
            let ada = client("ada", false);
            resumes.renew(&ada);
            for _ in 0..MAX_ROOMS / 2 {
                ada.membership.lock().record_former(chat());
            }
            resumes.ended(&ada);
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
        resumes.ended(&ada);
        let before = secret(&ada);
        // As if its session had been renewed at that moment.
        resumes.renew(&ada);
        assert_eq!(secret(&ada), before);
        assert_eq!(resumes.state.lock().by_secret.len(), 1);
    }

    #[test]
    fn the_secret_before_a_renewal_stays_valid_until_the_next_one() {
        let resumes = ResumeSecrets::default();
        let renewed = |times: usize| {
            let ada = client("ada", false);
            let secrets: Vec<_> = (0..times)
                .map(|_| {
                    resumes.renew(&ada);
                    secret(&ada)
                })
                .collect();
            (ada, secrets)
        };
        let user = UserId::from("ada");
        for (used, other) in [(1, 2), (2, 1)] {
            for ends in [false, true] {
                let (ada, secrets) = renewed(3);
                if ends {
                    resumes.ended(&ada);
                }
                assert!(resumes.take(&secrets[0], Some(&user)).is_none(), "the oldest");
                assert!(
                    resumes.take(&secrets[used], Some(&"eve".into())).is_none(),
                    "of another user"
                );
                assert!(resumes.take(&secrets[used], Some(&user)).is_some());
                assert!(
                    resumes.take(&secrets[other], Some(&user)).is_none(),
                    "one of them works, once"
                );
            }
        }
        let (_revoked, secrets) = renewed(2);
        resumes.forget("ada");
        assert!(resumes.take(&secrets[0], Some(&user)).is_none());
        let state = resumes.state.lock();
        assert_eq!(
            (state.by_secret.len(), state.replaced.len(), state.remembered),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_revoked_user_has_no_secret() {
        let (resumes, ada) = (ResumeSecrets::default(), client("ada", false));
        resumes.renew(&ada);
        resumes.forget("ada");
        assert!(resumes.take(&secret(&ada), Some(&"ada".into())).is_none());
    }
}
