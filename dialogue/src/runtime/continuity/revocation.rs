//! The end of a user's secrets, in this run and in the next one.
//!
//! A store must note each revocation before the next run begins. While it cannot, the server tries again.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use crate::id::UserId;
use crate::runtime::core::Core;
use crate::runtime::deadline::within_deadline;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::store_failure::StoreFailure;

/// The pause after a failed attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// Forgets every secret of a user at once. The future waits until a store has noted it, too, but not forever. Whether it does
/// or is dropped, the server tries until the store has.
pub(in crate::runtime) fn revoke_secrets(core: &Arc<Core>, user: &UserId) -> impl Future<Output = ()> + Send + use<> {
    let number = core.continuity.resumes.forget(user);
    let number = core.store_to_change().and(number);
    if let Some(number) = number {
        let unnoted = &core.continuity.revocations;
        unnoted.add(user, number);
        let server = Arc::downgrade(core);
        let note_all = move || note_all(Weak::clone(&server)).boxed();
        unnoted.worker.push_again(&core.lifecycle.background, note_all);
    }
    let (core, user) = (Arc::clone(core), user.clone());
    async move {
        if number.is_none() {
            return;
        }
        if let Err(error) = within_deadline(&core, core.continuity.revocations.noted(&user)).await {
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
                "the store has not noted yet that a user was revoked: the server tries again, but if it ends first, the \
                 user's clients may continue their connections after a restart"
            );
        }
    }
}

/// Notes every revocation that waits. Keeps nothing alive while it pauses.
async fn note_all(server: Weak<Core>) {
    loop {
        let Some(core) = server.upgrade() else {
            return;
        };
        let unnoted = &core.continuity.revocations;
        let (Some((user, number)), Some(store)) = (unnoted.first(), &core.history.durable) else {
            return;
        };
        let noted = within_deadline(&core, store.revoke(user.clone(), number)).await;
        let is_failing = noted.is_err();
        let is_closed = noted == Err(StoreFailure::Closed);
        unnoted.tried(&user, number, noted);
        if is_closed {
            return;
        }
        if is_failing {
            drop(core);
            sleep(PAUSE).await;
        }
    }
}
