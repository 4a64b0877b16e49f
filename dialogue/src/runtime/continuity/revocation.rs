//! The end of a user's secrets, in this run and in the next one.

use std::future::Future;
use std::sync::Arc;

use tokio::time::timeout;

use crate::id::UserId;
use crate::runtime::core::Core;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::store_failure::StoreFailure;

/// Forgets every secret of a user at once. The future waits until a store has noted it, too.
pub(in crate::runtime) fn revoke_secrets(core: &Arc<Core>, user: &UserId) -> impl Future<Output = ()> + Send + use<> {
    let number = core.continuity.resumes.forget(user);
    let noted = core.history.durable.as_ref().zip(number);
    let noted = noted.map(|(store, number)| store.revoke(user.clone(), number));
    let (core, user) = (Arc::clone(core), user.clone());
    async move {
        let Some(noted) = noted else { return };
        let within = core.limits.append_deadline;
        let late = StoreFailure::TimedOut {
            seconds: within.as_secs(),
        };
        if let Err(error) = timeout(within, noted).await.unwrap_or(Err(late)) {
            let involved = Involved {
                user: Some(&user),
                ..Involved::default()
            };
            log_line!(
                ERROR,
                *core,
                involved,
                "",
                { %error, },
                "the store has not noted that a user was revoked: call `revoke` again, or the user's clients may continue \
                 their connections after a restart"
            );
        }
    }
}
