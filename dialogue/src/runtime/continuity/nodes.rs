//! Which sealed tokens a node of a cluster accepts, whichever node has sealed them: those of the last 24 hours, each once.
//!
//! A node does not know what has become of a token on other nodes. Pure: the caller passes the time, in milliseconds of the
//! wall clock. The clocks of nodes may differ.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;

use super::sealed::ResumeToken;
use crate::id::{ClientId, UserId};

/// How long a token is accepted after it was sealed.
const LIFETIME: u64 = 24 * 60 * 60 * 1_000;

/// By how much the clock of a node may be ahead of another one's.
const SKEW: u64 = 5 * 60 * 1_000;

/// How many connections are remembered whose tokens were taken: 40 MB.
const MAX_TAKEN: usize = 1_000_000;

/// How many revocations are remembered.
const MAX_REVOKED: usize = 100_000;

/// The tokens that a node accepts no more.
pub(super) struct AcceptedTokens {
    digests: RandomState,
    /// Stands for the connections whose tokens were taken. Nobody can choose two ids with the same digest.
    taken: HashSet<u64>,
    /// When they were taken, the earliest first.
    taken_at: VecDeque<(u64, u64)>,
    revoked: HashMap<UserId, Revoked>,
    revoked_at: VecDeque<(u64, UserId)>,
    /// No token that was sealed up to this time is accepted: what was known of some of them is forgotten.
    forgotten_through: u64,
    max_taken: usize,
    max_revoked: usize,
}

/// The last revocation of a user on this node.
struct Revoked {
    at: u64,
    /// Its number among the tokens of this run.
    number: u64,
}

impl Default for AcceptedTokens {
    fn default() -> Self {
        Self::bounded(MAX_TAKEN, MAX_REVOKED)
    }
}

impl AcceptedTokens {
    fn bounded(max_taken: usize, max_revoked: usize) -> Self {
        Self {
            digests: RandomState::new(),
            taken: HashSet::new(),
            taken_at: VecDeque::new(),
            revoked: HashMap::new(),
            revoked_at: VecDeque::new(),
            forgotten_through: 0,
            max_taken,
            max_revoked,
        }
    }

    /// Takes a token of its own user, unless it is too old, or was taken or revoked here. `run` is this node's.
    pub(super) fn take(&mut self, token: &ResumeToken, run: u64, now: u64) -> bool {
        self.expire(now);
        let Some(sealed_at) = token.sealed_at else {
            return false;
        };
        let is_of_time = sealed_at <= now.saturating_add(SKEW)
            && now.saturating_sub(sealed_at) < LIFETIME
            && sealed_at > self.forgotten_through;
        let is_revoked = self
            .revoked
            .get(&token.user_id)
            .is_some_and(|revoked| match token.run == run {
                true => token.number < revoked.number,
                false => sealed_at <= revoked.at.saturating_add(SKEW),
            });
        let is_taken = self.taken.contains(&self.digests.hash_one(&token.client_id));
        if !is_of_time || is_revoked || is_taken {
            return false;
        }
        // A client that presents the token of its latest connection does not need those of the earlier ones.
        let earlier = token.lineage.iter().map(|connection| &connection.client_id);
        self.note_taken(std::iter::once(&token.client_id).chain(earlier), now);
        true
    }

    /// Notes connections whose tokens were taken.
    pub(super) fn note_taken<'a>(&mut self, connections: impl IntoIterator<Item = &'a ClientId>, now: u64) {
        for connection in connections {
            let digest = self.digests.hash_one(connection);
            if self.taken.insert(digest) {
                self.taken_at.push_back((now, digest));
            }
        }
        while self.taken.len() > self.max_taken {
            let Some((at, digest)) = self.taken_at.pop_front() else {
                return;
            };
            self.taken.remove(&digest);
            self.forget_through(at);
        }
    }

    /// Accepts no token of a user any more that was sealed before.
    pub(super) fn revoke(&mut self, user: &UserId, number: u64, now: u64) {
        self.expire(now);
        self.revoked.insert(user.clone(), Revoked { at: now, number });
        self.revoked_at.push_back((now, user.clone()));
        while self.revoked_at.len() > self.max_revoked {
            if let Some((at, user)) = self.revoked_at.pop_front()
                && self.revoked.get(&user).is_some_and(|revoked| revoked.at == at)
            {
                self.revoked.remove(&user);
                self.forget_through(at);
            }
        }
    }

    /// A token that was taken or revoked at this time may have been sealed by a node whose clock is ahead.
    fn forget_through(&mut self, at: u64) {
        self.forgotten_through = self.forgotten_through.max(at.saturating_add(SKEW));
    }

    /// Forgets tokens that are too old by now, however the clocks differ.
    fn expire(&mut self, now: u64) {
        let is_over = |at: u64| now.saturating_sub(at) >= LIFETIME + 2 * SKEW;
        while let Some((_, digest)) = self.taken_at.pop_front_if(|(at, _)| is_over(*at)) {
            self.taken.remove(&digest);
        }
        while let Some((at, user)) = self.revoked_at.pop_front_if(|(at, _)| is_over(*at)) {
            if self.revoked.get(&user).is_some_and(|revoked| revoked.at == at) {
                self.revoked.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::continuity::lineage::{Lineage, Predecessor};

    const NOW: u64 = 1_800_000_000_000;
    const HERE: u64 = 1;
    const THERE: u64 = 2;

    fn token(client: &str, user: &str, run: u64, sealed_at: u64) -> ResumeToken {
        ResumeToken {
            run,
            number: 7,
            sealed_at: Some(sealed_at),
            generation: String::new(),
            client_id: client.into(),
            user_id: user.into(),
            anonymous: false,
            lineage: Lineage::default(),
        }
    }

    #[test]
    fn a_token_of_any_node_is_taken_once() {
        for run in [HERE, THERE] {
            let mut accepted = AcceptedTokens::default();
            let token = token("a", "ada", run, NOW);
            assert!(accepted.take(&token, HERE, NOW));
            assert!(!accepted.take(&token, HERE, NOW));
        }
    }

    #[test]
    fn a_token_stands_for_the_earlier_connections_of_its_client() {
        let mut accepted = AcceptedTokens::default();
        let earlier = Predecessor {
            client_id: "earlier".into(),
            run: THERE,
        };
        let latest = ResumeToken {
            lineage: Lineage::of([earlier]),
            ..token("latest", "ada", THERE, NOW)
        };
        assert!(accepted.take(&latest, HERE, NOW));
        assert!(!accepted.take(&token("earlier", "ada", THERE, NOW), HERE, NOW));
    }

    #[test]
    fn a_token_is_accepted_for_a_day_by_clocks_that_differ() {
        let ages = [(LIFETIME - 1, true), (LIFETIME, false)];
        for (age, is_accepted) in ages {
            let token = token("a", "ada", THERE, NOW - age);
            assert_eq!(AcceptedTokens::default().take(&token, HERE, NOW), is_accepted, "{age}");
        }
        for (ahead, is_accepted) in [(SKEW, true), (SKEW + 1, false)] {
            let token = token("a", "ada", THERE, NOW + ahead);
            assert_eq!(
                AcceptedTokens::default().take(&token, HERE, NOW),
                is_accepted,
                "{ahead}"
            );
        }
        let without_time = ResumeToken {
            sealed_at: None,
            ..token("a", "ada", THERE, NOW)
        };
        assert!(!AcceptedTokens::default().take(&without_time, HERE, NOW));
    }

    #[test]
    fn a_token_that_was_sealed_before_a_revocation_is_refused() {
        let mut accepted = AcceptedTokens::default();
        accepted.revoke(&"ada".into(), 8, NOW);
        assert!(
            !accepted.take(&token("a", "ada", HERE, NOW), HERE, NOW),
            "an earlier number"
        );
        let later = ResumeToken {
            number: 9,
            ..token("b", "ada", HERE, NOW)
        };
        assert!(accepted.take(&later, HERE, NOW));
        assert!(
            !accepted.take(&token("c", "ada", THERE, NOW + SKEW), HERE, NOW),
            "a clock that is ahead"
        );
        assert!(accepted.take(&token("d", "ada", THERE, NOW + SKEW + 1), HERE, NOW + 1));
        assert!(
            accepted.take(&token("e", "grace", THERE, NOW), HERE, NOW),
            "another user"
        );
    }

    #[test]
    fn what_is_forgotten_too_early_is_refused() {
        let mut accepted = AcceptedTokens::bounded(2, 1);
        let tokens = ["a", "b", "c"].map(|client| token(client, "ada", THERE, NOW));
        for token in &tokens {
            assert!(accepted.take(token, HERE, NOW));
        }
        assert_eq!(accepted.taken.len(), 2);
        for token in &tokens {
            assert!(!accepted.take(token, HERE, NOW));
        }
        let later = NOW + 2 * SKEW;
        assert!(accepted.take(&token("d", "ada", THERE, later), HERE, later));
        let mut accepted = AcceptedTokens::bounded(2, 1);
        accepted.revoke(&"ada".into(), 1, NOW);
        accepted.revoke(&"grace".into(), 2, NOW);
        assert!(!accepted.take(&token("a", "ada", THERE, NOW), HERE, NOW));
    }

    #[test]
    fn what_is_too_old_takes_no_memory() {
        let mut accepted = AcceptedTokens::default();
        accepted.take(&token("a", "ada", THERE, NOW), HERE, NOW);
        accepted.revoke(&"grace".into(), 1, NOW);
        accepted.revoke(&"grace".into(), 2, NOW + 1);
        let later = NOW + LIFETIME + 2 * SKEW + 1;
        accepted.take(&token("b", "ada", THERE, 0), HERE, later);
        assert!(accepted.taken.is_empty() && accepted.taken_at.is_empty());
        assert!(accepted.revoked.is_empty() && accepted.revoked_at.is_empty());
        assert_eq!(accepted.forgotten_through, 0);
    }
}
