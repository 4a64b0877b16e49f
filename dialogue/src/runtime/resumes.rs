//! Which connection a new one succeeds: the secrets of `resume`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::random::random_name;
use crate::client::ClientState;
use crate::id::UserId;

/// How long after its end a connection can be succeeded: longer than any backoff of a client that is still trying.
const WINDOW: Duration = Duration::from_secs(120);

/// The most connections that are remembered after their end. Over it the oldest are forgotten; all that is lost is the id
/// of an anonymous user.
const MAX_ENDED: usize = 100_000;

/// The secrets given out, each for the connection that it names.
#[derive(Default)]
pub(crate) struct Resumes {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_secret: HashMap<String, Resume>,
    /// The secrets of connections that have ended, with the time, oldest first.
    ended: VecDeque<(Instant, String)>,
}

/// A connection that may be succeeded.
pub(crate) struct Resume {
    pub(crate) client: Weak<ClientState>,
    pub(crate) user_id: UserId,
    anonymous: bool,
}

impl Resumes {
    /// Gives a client a new secret in place of the one that it has.
    pub(crate) fn renew(&self, client: &Arc<ClientState>) {
        let secret = random_name(16);
        let before = std::mem::replace(&mut *client.resume.lock(), secret.clone());
        let resume = Resume {
            client: Arc::downgrade(client),
            user_id: client.user_id.clone(),
            anonymous: client.anonymous,
        };
        let mut state = self.state.lock();
        state.by_secret.remove(&before);
        state.by_secret.insert(secret, resume);
    }

    /// Notes that a connection has ended: its secret is good for a while yet.
    pub(crate) fn ended(&self, client: &ClientState) {
        let secret = client.resume.lock().clone();
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.by_secret.contains_key(&secret) {
            state.ended.push_back((now, secret));
        }
        while let Some((at, _)) = state.ended.front() {
            if now.duration_since(*at) < WINDOW && state.ended.len() <= MAX_ENDED {
                break;
            }
            if let Some((_, secret)) = state.ended.pop_front() {
                state.by_secret.remove(&secret);
            }
        }
    }

    /// What a secret names, if it is of this user, `None` being nobody in particular. It is good for one use.
    pub(crate) fn take(&self, secret: &str, user: Option<&UserId>) -> Option<Resume> {
        let mut state = self.state.lock();
        let fits = state.by_secret.get(secret).is_some_and(|resume| match user {
            Some(user) => !resume.anonymous && resume.user_id == *user,
            None => resume.anonymous,
        });
        fits.then(|| state.by_secret.remove(secret)).flatten()
    }

    /// Forgets every secret of a user.
    pub(crate) fn forget(&self, user: &str) {
        self.state.lock().by_secret.retain(|_, resume| *resume.user_id != *user);
    }
}
