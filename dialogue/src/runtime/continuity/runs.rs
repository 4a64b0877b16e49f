//! The `resume` secrets of a server with a store. They are sealed tokens, so that the next run of the server accepts them, and
//! the other nodes if several share the store.
//!
//! This run's secrets are in the table of [`super::resume`]. Of earlier runs, only the tokens themselves are left, and who was
//! revoked after they were given out. [`super::nodes`] decides about the tokens of a cluster.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::lineage::{Lineage, Predecessor};
use super::nodes::AcceptedTokens;
use super::sealed::ResumeToken;
use crate::connection::ClientState;
use crate::id::{ClientId, UserId};
use crate::log::durable::StoreRun;
use crate::runtime::clock::wall_clock;

/// How long tokens of earlier runs are accepted, from the first sign-in of this run: longer than any backoff of a client
/// that still tries.
const WINDOW: Duration = Duration::from_secs(120);

/// Which part of the longest message a token may take.
const SHARE_OF_MESSAGE: usize = 4;

/// The most tokens of earlier runs that are accepted.
const MAX_TAKEN: usize = 1_000_000;

/// This run of a server, and the earlier ones, or the other nodes, whose clients may come back.
pub(super) struct Runs {
    run: StoreRun,
    /// The longest token that is given out.
    longest: usize,
    /// Numbers the tokens and the revocations of this run in their order.
    next: AtomicU64,
    /// The time of the first sign-in.
    first_use: OnceLock<Instant>,
    earlier: Mutex<EarlierTokens>,
    /// If several nodes share the store. `earlier` is empty then.
    nodes: Option<Mutex<AcceptedTokens>>,
}

#[derive(Default)]
struct EarlierTokens {
    /// The run and the number of each user's last revocation. No earlier token of that user is valid.
    revoked: HashMap<UserId, (u64, u64)>,
    /// The connections whose tokens have been taken. Each works once.
    taken: HashSet<ClientId>,
}

/// What is left of a connection of an earlier run, or of another node.
pub(super) struct EarlierClient {
    pub(super) user_id: UserId,
    pub(super) anonymous: bool,
    /// The connection, and those that it continued.
    pub(super) lineage: Lineage,
}

impl Runs {
    /// `message_bytes` is the longest message that a client may send. A `connect` must have space for a token. `is_shared`
    /// says whether several nodes share the store.
    pub(super) fn new(mut run: StoreRun, message_bytes: usize, is_shared: bool) -> Option<Self> {
        let revoked = std::mem::take(&mut run.revoked);
        let revoked = revoked.into_iter().map(|last| (last.user, (last.run, last.at)));
        Some(Self {
            longest: message_bytes / SHARE_OF_MESSAGE,
            next: AtomicU64::new(0),
            first_use: OnceLock::new(),
            earlier: Mutex::new(EarlierTokens {
                revoked: revoked.collect(),
                taken: HashSet::new(),
            }),
            nodes: is_shared.then(Mutex::default),
            run,
        })
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether this run has this number.
    pub(super) fn is(&self, run: u64) -> bool {
        self.run.run == run
    }

    /// Whether clients of earlier runs may come back now. Those of other nodes may at any time, so only what they mark as a
    /// repetition is looked up for them.
    pub(super) fn expects_earlier_clients(&self) -> bool {
        self.nodes.is_none() && self.run.oldest < self.run.run && !self.is_over(Instant::now())
    }

    /// Whether it is too late for clients of earlier runs.
    fn is_over(&self, now: Instant) -> bool {
        let first_use = self.first_use.get();
        first_use.is_some_and(|began| now.saturating_duration_since(*began) >= WINDOW)
    }

    /// This client's connection, as its successor's lineage names it.
    pub(super) fn connection(&self, client: &ClientState) -> Predecessor {
        Predecessor {
            client_id: client.id.clone(),
            run: self.run.run,
        }
    }

    /// Another token for a client. `lineage` is its connection, and those that it continued. The oldest of these are left
    /// out if there is no space for them. `None` if messages are too short for any token.
    pub(super) fn seal(&self, client: &ClientState, lineage: Option<&Lineage>) -> Option<String> {
        self.first_use.get_or_init(Instant::now);
        let mut token = ResumeToken {
            run: self.run.run,
            number: self.next(),
            sealed_at: self.nodes.as_ref().map(|_| wall_clock()),
            generation: self.run.generation.to_string(),
            client_id: client.id.clone(),
            user_id: client.user_id.clone(),
            anonymous: client.anonymous,
            lineage: lineage.cloned().unwrap_or_default(),
        };
        loop {
            let sealed = token.seal(&self.run.secret);
            if sealed.len() <= self.longest {
                return Some(sealed);
            }
            token.lineage = token.lineage.without_oldest()?;
        }
    }

    /// Takes the connection that a token resumes and that is not in the table of this run, if the token belongs to this user;
    /// `None` stands for an anonymous user.
    pub(super) fn take(&self, token: &str, user: Option<&UserId>, now: Instant) -> Option<EarlierClient> {
        if let Some(nodes) = &self.nodes {
            let token = ResumeToken::open(&self.run.secret, token).filter(|token| is_theirs(token, user))?;
            let is_taken = nodes.lock().take(&token, self.run.run, wall_clock());
            return is_taken.then(|| token.into());
        }
        self.first_use.get_or_init(|| now);
        if self.is_over(now) {
            *self.earlier.lock() = EarlierTokens::default();
            return None;
        }
        let token = ResumeToken::open(&self.run.secret, token)?;
        let is_of_earlier_run = (self.run.oldest..self.run.run).contains(&token.run);
        if !is_of_earlier_run || token.generation != *self.run.generation || !is_theirs(&token, user) {
            return None;
        }
        let mut earlier = self.earlier.lock();
        let revoked = earlier.revoked.get(&token.user_id);
        if revoked.is_some_and(|revoked| (token.run, token.number) < *revoked)
            || earlier.taken.len() >= MAX_TAKEN
            || !earlier.taken.insert(token.client_id.clone())
        {
            return None;
        }
        // A client that presents the secret of its latest connection does not need the secrets of the earlier ones.
        earlier
            .taken
            .extend(token.lineage.iter().map(|connection| connection.client_id.clone()));
        Some(token.into())
    }

    /// Notes that the table of this run has given this connection to its successor, with those that it continued: no other
    /// token of it is accepted.
    pub(super) fn note_taken(&self, lineage: &Lineage) {
        if let Some(nodes) = &self.nodes {
            let connections = lineage.iter().map(|connection| &connection.client_id);
            nodes.lock().note_taken(connections, wall_clock());
        }
    }

    /// Makes every token of a user invalid that was given out before. Returns the number of this revocation.
    pub(super) fn revoke(&self, user: &UserId) -> u64 {
        let number = self.next();
        if let Some(nodes) = &self.nodes {
            nodes.lock().revoke(user, number, wall_clock());
            return number;
        }
        let mut earlier = self.earlier.lock();
        // Later, no earlier token is accepted anyway.
        if !self.is_over(Instant::now()) {
            earlier.revoked.insert(user.clone(), (self.run.run, number));
        }
        number
    }
}

impl From<ResumeToken> for EarlierClient {
    fn from(token: ResumeToken) -> Self {
        Self {
            user_id: token.user_id,
            anonymous: token.anonymous,
            lineage: token.lineage,
        }
    }
}

/// Whether a token belongs to this user; `None` stands for an anonymous user.
fn is_theirs(token: &ResumeToken, user: Option<&UserId>) -> bool {
    match user {
        Some(user) => !token.anonymous && token.user_id == *user,
        None => token.anonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::durable::Revocation;
    use crate::runtime::continuity::resume::tests::{client, client_with_id};

    fn run(number: u64) -> StoreRun {
        StoreRun {
            run: number,
            oldest: 1,
            generation: "g".into(),
            secret: [7; 32],
            revoked: Vec::new(),
        }
    }

    fn runs(run: StoreRun) -> Runs {
        Runs::new(run, 65_536, false).expect("runs")
    }

    fn node(number: u64) -> Runs {
        let run = StoreRun {
            oldest: 0,
            ..run(number)
        };
        Runs::new(run, 65_536, true).expect("runs")
    }

    fn seal(runs: &Runs, client: &ClientState) -> String {
        runs.seal(client, None).expect("a token")
    }

    fn take(runs: &Runs, token: &str, user: Option<&str>) -> Option<UserId> {
        let taken = runs.take(token, user.map(UserId::from).as_ref(), Instant::now());
        taken.map(|taken| taken.user_id)
    }

    #[test]
    fn a_token_of_an_earlier_run_works_once_and_for_its_own_user() {
        let first = runs(run(1));
        let token = seal(&first, &client("ada", false));
        let renewed = seal(&first, &client("ada", false));
        assert_ne!(token, renewed);
        assert_eq!(
            take(&first, &token, Some("ada")),
            None,
            "the table of its own run decides"
        );
        let second = runs(run(2));
        assert_eq!(take(&second, &token, Some("eve")), None);
        assert_eq!(take(&second, &token, None), None, "an anonymous user");
        assert_eq!(take(&second, &token, Some("ada")), Some("ada".into()));
        assert_eq!(take(&second, &token, Some("ada")), None, "again");
        assert_eq!(
            take(&second, &renewed, Some("ada")),
            None,
            "another one of the connection"
        );
    }

    #[test]
    fn a_token_works_on_each_node_once_and_for_its_own_user() {
        let nodes = [node(9), node(1), node(5)];
        let token = seal(&nodes[0], &client("anonymous-1", true));
        for node in &nodes {
            assert_eq!(take(node, &token, Some("anonymous-1")), None);
            assert_eq!(take(node, &token, None), Some("anonymous-1".into()));
            assert_eq!(take(node, &token, None), None, "again");
        }
        let other_cluster = StoreRun {
            secret: [8; 32],
            ..run(2)
        };
        let other_cluster = Runs::new(other_cluster, 65_536, true).expect("runs");
        assert_eq!(take(&other_cluster, &token, None), None);
    }

    #[test]
    fn a_token_of_a_connection_that_the_table_has_given_away_is_refused() {
        let (here, there) = (node(1), node(2));
        let ada = client("ada", false);
        let lineage = Lineage::default().after(here.connection(&ada));
        let token = here.seal(&ada, Some(&lineage)).expect("a token");
        here.note_taken(&lineage);
        assert_eq!(take(&here, &token, Some("ada")), None);
        let taken = there.take(&token, Some(&"ada".into()), Instant::now()).expect("ada");
        let connections: Vec<_> = taken
            .lineage
            .iter()
            .map(|one| (one.client_id.as_str(), one.run))
            .collect();
        assert_eq!(connections, [("client", 1)]);
    }

    #[test]
    fn a_node_accepts_no_token_that_it_knows_to_be_revoked() {
        let (here, there) = (node(1), node(2));
        let seal = |runs: &Runs, id| seal(runs, &client_with_id(id, "ada", false));
        let before = [seal(&here, "a"), seal(&there, "b")];
        here.revoke(&"ada".into());
        for token in &before {
            assert_eq!(take(&here, token, Some("ada")), None);
        }
        assert_eq!(take(&here, &seal(&here, "c"), Some("ada")), Some("ada".into()));
    }

    #[test]
    fn a_token_of_an_anonymous_user_gives_it_its_id_but_no_user_with_that_id() {
        let token = seal(&runs(run(1)), &client("anonymous-1", true));
        let second = runs(run(2));
        assert_eq!(take(&second, &token, Some("anonymous-1")), None);
        assert_eq!(take(&second, &token, None), Some("anonymous-1".into()));
    }

    #[test]
    fn a_token_of_another_generation_or_of_a_forgotten_run_is_refused() {
        let token = seal(&runs(run(1)), &client("ada", false));
        let copied = StoreRun {
            generation: "h".into(),
            ..run(2)
        };
        let forgotten = StoreRun { oldest: 2, ..run(3) };
        let other_file = StoreRun {
            secret: [8; 32],
            ..run(2)
        };
        for refusing in [copied, forgotten, other_file] {
            assert_eq!(take(&runs(refusing.clone()), &token, Some("ada")), None, "{refusing:?}");
        }
        assert!(
            take(&runs(run(7)), &token, Some("ada")).is_some(),
            "several restarts later"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_of_earlier_runs_are_accepted_for_two_minutes_of_use() {
        let first = runs(run(1));
        let tokens = ["ada", "grace"].map(|user| seal(&first, &client(user, false)));
        let second = runs(run(2));
        tokio::time::advance(2 * WINDOW).await;
        seal(&second, &client("first", false));
        tokio::time::advance(WINDOW - Duration::from_millis(1)).await;
        assert!(
            take(&second, &tokens[0], Some("ada")).is_some(),
            "nobody signed in before"
        );
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(take(&second, &tokens[1], Some("grace")).is_none());
    }

    #[test]
    fn a_revocation_is_about_the_tokens_before_it() {
        let first = runs(run(1));
        let seal = |id, user| seal(&first, &client_with_id(id, user, false));
        let before = [seal("a", "ada"), seal("b", "grace")];
        let at = first.revoke(&"ada".into());
        let after = seal("c", "ada");
        let revocation = Revocation {
            user: "ada".into(),
            run: 1,
            at,
        };
        let second = StoreRun {
            revoked: vec![revocation],
            ..run(2)
        };
        let restarted = runs(second.clone());
        assert_eq!(take(&restarted, &before[0], Some("ada")), None);
        assert_eq!(take(&restarted, &before[1], Some("grace")), Some("grace".into()));
        assert_eq!(take(&restarted, &after, Some("ada")), Some("ada".into()));
        let revoking = runs(second);
        revoking.revoke(&"ada".into());
        assert_eq!(take(&revoking, &after, Some("ada")), None, "revoked in this run");
    }

    #[test]
    fn a_token_names_the_connections_that_its_own_continued() {
        let first = runs(run(1));
        let ada = client("ada", false);
        let lineage = Lineage::of([Predecessor {
            client_id: "earlier".into(),
            run: 0,
        }]);
        let token = first.seal(&ada, Some(&lineage.after(first.connection(&ada))));
        let token = token.expect("a token");
        let taken = runs(run(2)).take(&token, Some(&"ada".into()), Instant::now());
        let lineage = taken.map(|taken| taken.lineage).unwrap_or_default();
        let ids: Vec<_> = lineage.iter().map(|one| (one.client_id.as_str(), one.run)).collect();
        assert_eq!(ids, [("client", 1), ("earlier", 0)]);
    }

    #[test]
    fn a_token_leaves_space_in_the_shortest_message() {
        let (ada, mut lineage) = (client("ada", false), Lineage::default());
        for _ in 0..8 {
            lineage = lineage.after(Predecessor {
                client_id: "c".repeat(32).into(),
                run: 1,
            });
        }
        for (message_bytes, connections) in [(65_536, Some(8)), (1_024, Some(3)), (128, None)] {
            let first = Runs::new(run(1), message_bytes, false).expect("runs");
            let token = first.seal(&ada, Some(&lineage));
            assert!(token.as_ref().is_none_or(|token| token.len() <= message_bytes / 4));
            let taken = token.and_then(|token| runs(run(2)).take(&token, Some(&"ada".into()), Instant::now()));
            let kept = taken.map(|taken| taken.lineage.iter().count());
            assert_eq!(kept, connections, "{message_bytes}");
        }
    }
}
