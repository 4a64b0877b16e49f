//! The users that are about to return to a room: a newer connection has replaced their last one there, and has not joined
//! yet. Pure.
//!
//! For the hooks, such a user is still in the room.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::id::UserId;

/// How long a user is expected back. That is as long as an ended connection can be resumed, and far longer than a client
/// needs to join its rooms again.
const EXPECTED: Duration = Duration::from_secs(120);

/// The users that are about to return to a room.
#[derive(Debug, Default)]
pub(crate) struct ReturningUsers {
    since: HashMap<UserId, Instant>,
    /// The same users, in the order of these times. A user that has returned may still be here.
    order: VecDeque<(Instant, UserId)>,
}

impl ReturningUsers {
    /// Notes that a user is about to return.
    pub(crate) fn expect(&mut self, user: &UserId, now: Instant) {
        self.expire(now);
        self.since.insert(user.clone(), now);
        self.order.push_back((now, user.clone()));
    }

    /// Notes that a user is in the room, and returns whether it was about to return.
    pub(crate) fn take(&mut self, user: &UserId, now: Instant) -> bool {
        self.expire(now);
        self.since.remove(user).is_some()
    }

    fn expire(&mut self, now: Instant) {
        while let Some((since, _)) = self.order.front()
            && now.duration_since(*since) >= EXPECTED
            && let Some((since, user)) = self.order.pop_front()
        {
            if self.since.get(&user) == Some(&since) {
                self.since.remove(&user);
            }
        }
        if self.order.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_expected_once_and_for_two_minutes() {
        let (mut returning, ada, start) = (ReturningUsers::default(), UserId::from("ada"), Instant::now());
        assert!(!returning.take(&ada, start));
        returning.expect(&ada, start);
        assert!(returning.take(&ada, start));
        assert!(!returning.take(&ada, start), "it has returned");
        returning.expect(&ada, start);
        returning.expect(&ada, start + EXPECTED / 2);
        assert!(returning.take(&ada, start + EXPECTED), "the later time counts");
        returning.expect(&ada, start + EXPECTED);
        assert!(!returning.take(&ada, start + 2 * EXPECTED));
        assert!(returning.order.is_empty() && returning.since.is_empty());
    }
}
