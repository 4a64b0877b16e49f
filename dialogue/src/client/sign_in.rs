//! Opening a connection and signing in.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::timeout;

use super::config::Config;
use super::error::{ClientError, Refused};
use super::link::{Link, LinkEnd, LinkEvent};
use super::session::ClientSession;
use super::state::{CloseReason, reconnects};
use crate::containment::contain;
use crate::protocol::{ErrorCode, ErrorFrame, Incoming, Request, Welcome};

/// Why an attempt to connect failed.
pub(super) struct ConnectFailure {
    pub(super) error: ClientError,
    /// The reason to stop, if the next attempt would fail too.
    pub(super) end: Option<CloseReason>,
}

/// Asks for credentials, within the time allowed for a connection. A panic in the callback counts as a failure.
pub(super) async fn credentials_of(config: Arc<Config>) -> Result<Value, ClientError> {
    match contain(config.connect_timeout, || (config.auth)()).await {
        Ok(given) => given.map_err(ClientError::credentials),
        Err(failure) => Err(ClientError::credentials(Box::new(failure))),
    }
}

/// Opens a connection and signs in, within the time allowed.
pub(super) async fn open(config: Arc<Config>, resume: Option<String>) -> Result<(Link, Welcome), ConnectFailure> {
    let limit = config.connect_timeout;
    let url = config.destination.shown().to_owned();
    let mut refusal = None;
    let opened = match timeout(limit, sign_in(config, resume, &mut refusal)).await {
        Ok(Ok(opened)) => Ok(opened),
        // The server's error counts for more than how the connection ended, except for a close code that forbids
        // reconnecting.
        Ok(Err(failure)) => Err(match refusal {
            Some(ConnectFailure { error, end }) => ConnectFailure {
                error,
                end: failure.end.or(end),
            },
            None => failure,
        }),
        Err(_) => Err(refusal.unwrap_or_else(|| ClientError::TimedOut(limit).into())),
    };
    opened.map_err(|failure| match failure {
        // What stopped the client for good is the reason by itself.
        ConnectFailure { end: Some(_), .. } => failure,
        // The attempt failed before there was a connection.
        ConnectFailure {
            error: ClientError::Credentials { .. },
            ..
        } => failure,
        ConnectFailure { error, end: None } => ClientError::connect(&url, error).into(),
    })
}

/// Opens a connection and signs in. If the server sends an error, it is stored in `refusal`.
async fn sign_in(
    config: Arc<Config>,
    resume: Option<String>,
    refusal: &mut Option<ConnectFailure>,
) -> Result<(Link, Welcome), ConnectFailure> {
    let auth = credentials_of(Arc::clone(&config)).await?;
    let opened = Link::open(&config.destination).await;
    let mut link = opened.map_err(|cause| ClientError::connect(config.destination.shown(), cause))?;
    let greeting = Request {
        id: None,
        command: ClientSession::greeting(resume, auth),
    };
    link.send(greeting.encode());
    loop {
        match link.next().await {
            LinkEvent::Sign => {}
            LinkEvent::Text(message) => match Incoming::parse(message.as_text().unwrap_or_default()) {
                Ok(Incoming::Connected(welcome)) => return Ok((link, welcome)),
                Ok(Incoming::Error(error)) => {
                    // No close follows this error: the server waits for a correct `connect`, and there is none.
                    let is_last = error.code == ErrorCode::InvalidRequest;
                    let failure = refused(error);
                    if is_last {
                        tokio::spawn(link.close());
                        return Err(failure);
                    }
                    *refusal = Some(failure);
                }
                Ok(_) => {}
                Err(malformed) => return Err(ClientError::protocol(malformed).into()),
            },
            LinkEvent::End(LinkEnd::Closed { code, reason }) => {
                tokio::spawn(link.close());
                let reason = CloseReason::ByServer { code, reason };
                return Err(ConnectFailure {
                    error: ClientError::Closed(reason.clone()),
                    end: (!reconnects(code)).then_some(reason),
                });
            }
            LinkEvent::End(LinkEnd::Lost(reason)) => {
                return Err(ClientError::connect(config.destination.shown(), reason).into());
            }
            LinkEvent::End(LinkEnd::Broken(reason)) => return Err(ClientError::protocol(reason).into()),
        }
    }
}

/// The failure for a `connect` that the server refuses.
fn refused(error: ErrorFrame) -> ConnectFailure {
    let code = error.code;
    let message = error.message.clone();
    // The same `connect` would be refused again.
    let end = match code {
        ErrorCode::InvalidRequest | ErrorCode::Unauthenticated | ErrorCode::UnsupportedProtocol => {
            Some(CloseReason::Refused { code, message })
        }
        _ => None,
    };
    let error = match code {
        ErrorCode::Unauthenticated => ClientError::Unauthenticated { message: error.message },
        _ => Refused::from(error).into(),
    };
    ConnectFailure { error, end }
}

impl From<ClientError> for ConnectFailure {
    fn from(error: ClientError) -> Self {
        Self { error, end: None }
    }
}
