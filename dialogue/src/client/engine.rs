//! The task behind a client: it connects, runs the session, and reconnects.
//!
//! Owns the connection and the clock. The session decides what is sent over the connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::error::ClientError;
use super::link::{Link, LinkEnd, LinkEvent};
use super::notice::{ClientNotice, Disconnection};
use super::session::{ClientSession, Op};
use super::sign_in::{ConnectFailure, credentials_of, open};
use super::state::{CloseReason, ConnectionState, reconnects};
use super::wake::Wake;
use crate::backoff::Backoff;
use crate::chain::Chain;

/// How long the server may take to answer a ping.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// The same after the client has woken: the connection is doubtful, and a user waits.
const PONG_AFTER_WAKE: Duration = Duration::from_secs(2);

/// The longest wait before the next attempt that a server may demand.
const LONGEST_DEMAND: Duration = Duration::from_secs(60);

/// How many frames the engine takes in a row before it looks at requests and timers again.
const FRAMES_AT_ONCE: usize = 64;

pub(super) struct Engine {
    pub(super) config: Arc<Config>,
    pub(super) session: ClientSession,
    pub(super) ops: mpsc::Receiver<Op>,
    /// Cancelled when the client is to disconnect, or when its last handle is dropped.
    pub(super) closing: CancellationToken,
    pub(super) states: watch::Sender<ConnectionState>,
}

/// Receives the outcome of the first attempt. If there is a receiver, a failed first attempt is also the last one.
pub(super) type FirstAttempt = Option<oneshot::Sender<Result<(), ClientError>>>;

/// Credentials that the application has not returned yet.
type Credentials = BoxFuture<'static, Result<Value, ClientError>>;

/// Why a session ended on this connection.
enum ConversationEnd {
    Asked,
    Link(LinkEnd),
}

impl Engine {
    /// Runs until the client is closed for good.
    pub(super) async fn run(mut self, first: FirstAttempt, mut wake: Wake) {
        let reason = self.live(first, &mut wake).await;
        let error = ClientError::Closed(reason.clone());
        self.states.send_replace(ConnectionState::Closed(reason));
        self.ops.close();
        self.session.end(&error);
    }

    async fn live(&mut self, mut first: FirstAttempt, wake: &mut Wake) -> CloseReason {
        let mut backoff = Backoff::new(self.config.backoff_base, self.config.backoff_cap);
        loop {
            let opening = open(Arc::clone(&self.config), self.session.resume());
            let Some(opened) = self.serve_requests_until(opening).await else {
                return CloseReason::ByClient;
            };
            let (final_close, demanded) = match opened {
                Ok((link, welcome)) => {
                    let began = Instant::now();
                    self.session.connected(welcome, began);
                    self.states.send_replace(ConnectionState::Connected);
                    if let Some(first) = first.take() {
                        let _ = first.send(Ok(()));
                    }
                    let ConversationEnd::Link(end) = self.converse(link, wake).await else {
                        self.session.notify(ClientNotice::Disconnected(Disconnection {
                            code: None,
                            reason: CloseReason::ByClient.to_string(),
                            reconnects: false,
                        }));
                        return CloseReason::ByClient;
                    };
                    backoff.lasted(began.elapsed());
                    (self.lost(end), None)
                }
                Err(ConnectFailure { error, end }) => {
                    if let Some(first) = first.take() {
                        let _ = first.send(Err(error));
                        return end.unwrap_or(CloseReason::ByClient);
                    }
                    let demanded = error.retry_after();
                    let failed = ClientError::connect(self.config.destination.shown(), error);
                    self.session.notify(ClientNotice::Error(failed));
                    (end, demanded)
                }
            };
            if let Some(reason) = final_close {
                return reason;
            }
            let attempt = backoff.attempt();
            self.states.send_replace(ConnectionState::Reconnecting { attempt });
            let Some(random) = random() else {
                return CloseReason::ByClient;
            };
            let delay = demanded.unwrap_or_default().min(LONGEST_DEMAND) + backoff.next(random);
            let waited = self.serve_requests_until(async {
                tokio::select! {
                    () = sleep(delay) => {}
                    () = wake.next() => {}
                }
            });
            if waited.await.is_none() {
                return CloseReason::ByClient;
            }
        }
    }

    /// Records that the connection is lost. Returns the reason if the client must not reconnect.
    fn lost(&mut self, end: LinkEnd) -> Option<CloseReason> {
        self.session.link_lost();
        let (code, reason) = match end {
            LinkEnd::Closed { code, reason } => (Some(code), reason),
            LinkEnd::Lost(reason) | LinkEnd::Broken(reason) => (None, reason),
        };
        let back = code.is_none_or(reconnects);
        self.session.notify(ClientNotice::Disconnected(Disconnection {
            code,
            reason: reason.clone(),
            reconnects: back,
        }));
        let code = code.filter(|_| !back)?;
        Some(CloseReason::ByServer { code, reason })
    }

    /// Accepts requests and fires their timers until `future` is done. Returns `None` if the client is to disconnect.
    async fn serve_requests_until<F: Future>(&mut self, future: F) -> Option<F::Output> {
        tokio::pin!(future);
        loop {
            let tick = self.session.next_tick();
            tokio::select! {
                () = self.closing.cancelled() => return None,
                output = &mut future => return Some(output),
                Some(op) = self.ops.recv(), if self.session.has_capacity() => self.session.request(op, Instant::now()),
                () = until(tick) => self.session.tick(Instant::now()),
            }
        }
    }

    /// Runs the session over a connection until the connection ends.
    async fn converse(&mut self, mut link: Link, wake: &mut Wake) -> ConversationEnd {
        let mut last_heard = Instant::now();
        let mut pong_within = None;
        let mut credentials: Option<Credentials> = None;
        loop {
            for text in self.session.outgoing(Instant::now()) {
                link.send(text);
            }
            // A ping that has to wait for the server's rate has not been sent yet.
            let silence = match pong_within {
                Some((asked, within)) => self.session.pinged_at().map(|at| at.max(asked) + within),
                None => Some(last_heard + self.session.ping_interval()),
            };
            let renew_at = self.session.renew_at().filter(|_| credentials.is_none());
            let tick = self.session.next_tick();
            tokio::select! {
                () = self.closing.cancelled() => {
                    link.close().await;
                    return ConversationEnd::Asked;
                }
                received = link.next() => {
                    (last_heard, pong_within) = (Instant::now(), None);
                    if let Some(end) = self.take_in(received, &mut link).await {
                        if matches!(end, LinkEnd::Closed { .. } | LinkEnd::Broken(_)) {
                            // A task of its own, so that the next attempt need not wait for the closing handshake.
                            tokio::spawn(link.close());
                        }
                        return ConversationEnd::Link(end);
                    }
                }
                Some(op) = self.ops.recv(), if self.session.has_capacity() => self.session.request(op, Instant::now()),
                () = until(tick) => self.session.tick(Instant::now()),
                () = until(silence) => {
                    if pong_within.is_some() {
                        return ConversationEnd::Link(LinkEnd::Lost("the server did not answer a ping".to_owned()));
                    }
                    pong_within = Some((Instant::now(), PONG_WITHIN));
                    self.session.ping(Instant::now());
                }
                () = wake.next() => {
                    // A test that is under way goes on. Otherwise, a client that wakes often would never end it.
                    if pong_within.is_none_or(|(_, within)| within != PONG_AFTER_WAKE) {
                        pong_within = Some((Instant::now(), PONG_AFTER_WAKE));
                        self.session.ping(Instant::now());
                    }
                }
                () = until(renew_at) => credentials = Some(Box::pin(credentials_of(Arc::clone(&self.config)))),
                renewed = given(&mut credentials) => {
                    credentials = None;
                    let now = Instant::now();
                    match renewed {
                        Ok(auth) => self.session.renew(auth, now),
                        Err(error) => self.session.renewal_failed(error, now),
                    }
                }
            }
        }
    }

    /// Takes in a frame, and further frames that have arrived behind it.
    async fn take_in(&mut self, first: LinkEvent, link: &mut Link) -> Option<LinkEnd> {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(received) = next {
            match received {
                LinkEvent::End(end) => return Some(end),
                LinkEvent::Sign => {}
                LinkEvent::Text(message) => {
                    let text = message.as_text().unwrap_or_default();
                    if let Err(error) = self.session.frame(text, Instant::now()) {
                        self.session.notify(ClientNotice::Error(error.clone()));
                        return Some(LinkEnd::Broken(Chain(&error).to_string()));
                    }
                }
            }
            taken += 1;
            // A frame that `next` returns is always taken in, so `next` is called only if another one may be taken.
            next = if taken < FRAMES_AT_ONCE {
                link.next().now_or_never()
            } else {
                None
            };
        }
        // A server that never pauses must not delay the rest of the program.
        tokio::task::yield_now().await;
        None
    }
}

/// Waits until `moment`; forever if it is `None`.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for the credentials that were requested; forever if none were.
async fn given(asked: &mut Option<Credentials>) -> Result<Value, ClientError> {
    match asked {
        Some(credentials) => credentials.await,
        None => std::future::pending().await,
    }
}

/// A uniformly random number; `None` if the operating system has no randomness. Then it is not safe to reconnect.
fn random() -> Option<u64> {
    getrandom::u64().ok()
}
