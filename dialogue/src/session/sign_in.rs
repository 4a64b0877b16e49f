//! Signs a client in: authenticates it, and admits it as a connected client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::SetOnce;
use tokio::time::{Instant, timeout};

use crate::connection::{AuthSession, ClientState, Handshake, Identity, Membership, Outbox};
use crate::duration::LONGEST;
use crate::hook::{HookError, Refusal, refuse};
use crate::id::UserId;
use crate::protocol::{FrameRate, PROTOCOL, ServerFrame};
use crate::random::random_name;
use crate::runtime::{Core, EarlierConnection, Involved, ResumableConnection, log_line, replace};
use crate::serial::SerialQueue;

/// The result of authentication: the user and the session.
pub(crate) struct Authenticated {
    /// `None` for an anonymous user.
    pub(crate) user_id: Option<UserId>,
    pub(crate) session: AuthSession,
    pub(crate) meta: Value,
}

/// Authenticates a client. `request` is what the client presented with its HTTP request, if there was one. `involved` is
/// what is known of the client so far, for the log.
pub(crate) async fn authenticate(
    core: &Core,
    request: Option<&Handshake>,
    auth: Value,
    within: Duration,
    involved: Involved<'_>,
) -> Result<Authenticated, HookError> {
    let auth = Arc::new(auth);
    let identity = if core.http.trust_client_identity {
        claimed_identity(&auth)?
    } else {
        let handshake = || Handshake {
            auth: Value::clone(&auth),
            ..request.cloned().unwrap_or_else(|| Handshake::new(Value::Null))
        };
        ask_authenticate(core, handshake, within, involved).await?
    };
    let user_id = match identity.user_id {
        None => None,
        Some(id) if is_valid_user_id(&id) => Some(id),
        Some(_) => {
            // A client that claims its id has made a mistake of its own.
            if !core.http.trust_client_identity {
                log_line!(
                    WARN,
                    *core,
                    involved,
                    "",
                    {},
                    "authenticate returned an invalid user id: use 1 to 128 bytes, without control characters, and not `system`"
                );
            }
            return refuse("the server cannot accept this user id");
        }
    };
    let expires_at = match identity.expires_at {
        None => None,
        Some(time) => match time.duration_since(SystemTime::now()) {
            // A time that is too far away means that the session never expires.
            Ok(left) => Some(left)
                .filter(|left| *left <= LONGEST)
                .map(|left| Instant::now() + left),
            Err(_) => return refuse("the session has expired"),
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

/// Asks each `authenticate` hook who a client is. They must agree, and share the time.
async fn ask_authenticate(
    core: &Core,
    handshake: impl Fn() -> Handshake,
    within: Duration,
    involved: Involved<'_>,
) -> Result<Identity, HookError> {
    let end = Instant::now().checked_add(within);
    let left = || end.map_or(within, |end| end.saturating_duration_since(Instant::now()));
    let mut identity = Identity::anonymous();
    for hook in core.hooks.authenticate.of(None) {
        let run = core.contain_hook(left(), || (hook.run)(handshake()));
        let answer = core.reported(hook.name, involved, run).await?;
        identity = identity.agree(answer).ok_or_else(|| {
            log_line!(
                WARN,
                *core,
                involved,
                "",
                {},
                "two `authenticate` hooks returned different users: the client is refused"
            );
            Refusal::new("it is not clear which user this is")
        })?;
    }
    Ok(identity)
}

/// Returns the identity that a client claims, for servers that trust these claims.
fn claimed_identity(auth: &Value) -> Result<Identity, HookError> {
    match auth.get("userId") {
        None => Ok(Identity::anonymous()),
        Some(Value::String(id)) => Ok(Identity::user(id.as_str())),
        Some(_) => refuse("`auth.userId` must be a string"),
    }
}

fn is_valid_user_id(id: &str) -> bool {
    !id.trim().is_empty() && id.len() <= UserId::MAX_BYTES && id != UserId::SYSTEM && !id.chars().any(char::is_control)
}

/// Admits an authenticated connection as a client, which receives `connected` before anything else. Returns `None` if
/// the user has too many connections.
///
/// If the client presents the `resume` secret of an earlier connection, that connection ends first. It then no longer
/// holds seats, and an anonymous user keeps its id. `wait` is how long to wait for the hooks of that connection.
pub(crate) async fn admit(
    core: &Arc<Core>,
    outbox: &Arc<Outbox>,
    peer: Option<SocketAddr>,
    wait: Duration,
    id: Option<i64>,
    authenticated: Authenticated,
    resume: Option<&str>,
) -> Option<Arc<ClientState>> {
    let Authenticated { user_id, session, meta } = authenticated;
    let anonymous = user_id.is_none();
    let predecessor = resume.and_then(|secret| core.continuity.resumes.take(secret, user_id.as_ref()));
    let continued = predecessor.as_ref().and_then(ResumableConnection::lineage);
    let (former_user, earlier) = predecessor.map(|resume| (resume.user_id, resume.earlier)).unzip();
    let mut former = Vec::new();
    if let Some(EarlierConnection::Live(earlier)) = &earlier
        && let Some(earlier) = earlier.upgrade()
    {
        replace(core, &earlier);
        let ended = async {
            // Another thread may have begun to end it already.
            earlier.departed.wait().await;
            earlier.hooks.idle().await;
        };
        // Its hooks may take far longer than this client has for its sign-in. It then leaves its rooms later.
        let _ = timeout(wait, ended).await;
        let mut membership = earlier.membership.lock();
        former = membership.take_former();
        former.extend(membership.rooms());
    }
    if let Some(EarlierConnection::Ended(rooms)) = earlier {
        former = rooms;
    }
    // A client that reconnects before it is back in its rooms passes on the records of all of them. The oldest are dropped,
    // so that it cannot collect them without end.
    former.drain(..former.len().saturating_sub(core.limits.rooms_per_client));
    let user_id = user_id
        .or(former_user)
        .unwrap_or_else(|| UserId::from(format!("anonymous-{}", random_name(8))));
    let client = Arc::new(ClientState {
        key: core.clients.next_key(),
        id: random_name(16).into(),
        user_id,
        meta,
        session: Mutex::new(session),
        resume: Mutex::new(String::new()),
        anonymous,
        peer,
        outbox: Arc::clone(outbox),
        membership: Mutex::new(Membership::after(former)),
        departed: SetOnce::new(),
        hooks: SerialQueue::default(),
    });
    let continued = core.continuity.continues(continued.as_deref(), &client);
    loop {
        core.continuity.resumes.issue(&client, continued.as_ref());
        core.continuity.keys.connected(&client);
        let frame = connected_frame(core, &client, id);
        if core.clients.add(&client, frame, &core.observe).is_ok() {
            return Some(client);
        }
        core.continuity.resumes.discard(&client);
        core.continuity.keys.discard(&client);
        // The user may have lost connections that the server still counts.
        if !core.clients.has_ghost(&client.user_id).await {
            return None;
        }
    }
}

/// Encodes the `connected` frame, which a client receives when it is connected, and after each renewal of its session.
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
        rate: FrameRate {
            frames: core.limits.inbound_frames,
            window: core.limits.inbound_window,
        },
    }
    .encode()
}
