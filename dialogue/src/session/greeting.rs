//! Who a client is: authentication, and its admission as a connected client.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::SetOnce;
use tokio::time::Instant;

use crate::connection::{AuthSession, ClientState, Handshake, Identity, Membership, Outbox};
use crate::containment::contain;
use crate::id::UserId;
use crate::protocol::{PROTOCOL, ServerFrame};
use crate::random::random_name;
use crate::runtime::{Core, Involved, expel, verdict};
use crate::serial::SerialQueue;

/// The longest user id, in bytes: an e-mail address or two UUIDs.
const MAX_USER_ID_BYTES: usize = 128;

/// Who somebody is.
pub(crate) struct Authenticated {
    /// `None` for nobody in particular.
    pub(crate) user_id: Option<UserId>,
    pub(crate) session: AuthSession,
    pub(crate) meta: Value,
}

/// Who the client is that presents this, or why it is nobody: the text is for the client. `presented` is what came with its
/// HTTP request, if there was one that `authenticate` could ask for.
pub(crate) async fn authenticate(
    core: &Core,
    presented: Option<&Handshake>,
    auth: Value,
    within: Duration,
) -> Result<Authenticated, String> {
    let auth = Arc::new(auth);
    let identity = if core.http.trust_client_identity {
        trusted(&auth)?
    } else if let Some(authenticate) = &core.hooks.authenticate {
        let auth = Value::clone(&auth);
        let handshake = match presented {
            Some(presented) => Handshake {
                auth,
                ..presented.clone()
            },
            None => Handshake::new(auth),
        };
        let run = contain(within, || authenticate(handshake));
        let answer = core.reported("authenticate", Involved::default(), run).await;
        verdict(core, "authenticate", answer)?
    } else {
        Identity::anonymous()
    };
    let user_id = match identity.user_id {
        None => None,
        Some(id) if is_user_id(&id) => Some(id),
        Some(_) => {
            core.log(|| {
                tracing::error!("authenticate returned a user id that is empty, too long, reserved or not plain")
            });
            return Err("the user id is not one that can be used".to_owned());
        }
    };
    let expires_at = match identity.expires_at {
        None => None,
        Some(time) => match time.duration_since(SystemTime::now()) {
            // Never, if it is too far away to be told.
            Ok(left) => Instant::now().checked_add(left),
            Err(_) => return Err("the session has expired".to_owned()),
        },
    };
    let session = AuthSession {
        auth,
        claims: Arc::new(identity.claims),
        expires_at,
    };
    Ok(Authenticated {
        user_id,
        session,
        meta: identity.meta,
    })
}

/// What a client says of itself, where that is believed.
fn trusted(auth: &Value) -> Result<Identity, String> {
    match auth.get("userId") {
        None => Ok(Identity::anonymous()),
        Some(Value::String(id)) => Ok(Identity::user(id.as_str())),
        Some(_) => Err("`auth.userId` must be a string".to_owned()),
    }
}

fn is_user_id(id: &str) -> bool {
    !id.trim().is_empty() && id.len() <= MAX_USER_ID_BYTES && id != UserId::SYSTEM && !id.chars().any(char::is_control)
}

/// Makes a client of an authenticated connection: it is told `connected` before it can be sent anything else. A connection
/// that it shows to succeed is ended first, so that no ghost of it holds a seat, and an anonymous user keeps its id. `None`
/// if its user has as many connections as may be.
pub(crate) async fn admit(
    core: &Arc<Core>,
    outbox: &Arc<Outbox>,
    id: Option<i64>,
    who: Authenticated,
    resume: Option<&str>,
) -> Option<Arc<ClientState>> {
    let Authenticated { user_id, session, meta } = who;
    let anonymous = user_id.is_none();
    let succeeded = resume.and_then(|secret| core.continuity.resumes.take(secret, user_id.as_ref()));
    if let Some(earlier) = succeeded.as_ref().and_then(|earlier| earlier.client.upgrade()) {
        expel(core, &earlier, "another connection has taken over", None);
        // Its end may have been under way already, on another thread.
        earlier.departed.wait().await;
        earlier.hooks.idle().await;
    }
    let user_id = user_id
        .or_else(|| succeeded.map(|earlier| earlier.user_id))
        .unwrap_or_else(|| UserId::from(format!("anonymous-{}", random_name(8))));
    let client = Arc::new(ClientState {
        key: core.clients.next_key(),
        id: random_name(16).into(),
        user_id,
        meta,
        session: Mutex::new(session),
        resume: Mutex::new(String::new()),
        anonymous,
        outbox: Arc::clone(outbox),
        membership: Mutex::new(Membership::default()),
        departed: SetOnce::new(),
        hooks: SerialQueue::default(),
    });
    core.continuity.resumes.renew(&client);
    let frame = connected_frame(core, &client, id);
    if core.clients.add(&client, frame, &core.observe).is_err() {
        core.continuity.resumes.ended(&client);
        return None;
    }
    Some(client)
}

/// What a client is told when it is connected, and again when its session is refreshed.
pub(super) fn connected_frame(core: &Core, client: &ClientState, id: Option<i64>) -> bytes::Bytes {
    let expires_in = client
        .session
        .lock()
        .expires_at
        .map(|at| at.saturating_duration_since(Instant::now()));
    ServerFrame::Connected {
        id,
        protocol: PROTOCOL,
        client_id: &client.id,
        user_id: &client.user_id,
        resume: &client.resume.lock(),
        ping_interval: core.limits.ping_interval,
        max_message_bytes: core.limits.message_bytes,
        expires_in,
        fingerprint: &core.contract.fingerprint,
    }
    .encode()
}
