//! Why a client's request or connection failed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::state::CloseReason;
use crate::id::RoomId;
use crate::protocol::{ErrorCode, ErrorFrame};
use crate::schema::Violation;

/// An error that comes from outside of Dialogue.
pub(super) type ErrorSource = Arc<dyn Error + Send + Sync>;

/// Why a request of a client, or its connection, failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not a WebSocket URL such as `ws://host:port/dialogue/ws` or `wss://…`, or a header is malformed.
    #[error("`{0}` is not a valid WebSocket URL, or a header is malformed")]
    InvalidUrl(String),
    /// A certificate given to [`ClientBuilder::trust`](crate::client::ClientBuilder::trust) cannot be read.
    #[error("a certificate given to `trust` cannot be read: give one in PEM or DER")]
    InvalidCertificate {
        /// The cause.
        #[source]
        source: ErrorSource,
    },
    /// The server cannot be reached, or does not speak the protocol at that URL.
    #[error("cannot connect to {url}")]
    Connect {
        /// The URL, without its query and credentials.
        url: String,
        /// The cause. If it is the server's refusal, [`code`](Self::code) returns its code.
        #[source]
        source: ErrorSource,
    },
    /// The callback given to [`ClientBuilder::auth_with`](crate::client::ClientBuilder::auth_with) failed.
    #[error("cannot obtain credentials")]
    Credentials {
        /// The callback's error.
        #[source]
        source: ErrorSource,
    },
    /// The server rejected the credentials.
    #[error("not authenticated: {message}")]
    Unauthenticated {
        /// The server's message.
        message: String,
    },
    /// The server refused the request.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no connection, or it was lost before the server answered. A trigger that fails with this error was never
    /// sent. The server may or may not have carried out any other request.
    #[error("there is no connection to the server, or it was lost before the answer")]
    Disconnected,
    /// The outcome of a trigger is unknown: the event may or may not have been delivered. If it must not happen twice, do
    /// not trigger it again.
    ///
    /// A trigger has a key, unless [`without_key`](crate::client::Triggering::without_key) or
    /// [`volatile`](crate::client::Triggering::volatile) is called. With a key, the client repeats the trigger by itself,
    /// which is safe, and this error is rare: [`Triggering`](crate::client::Triggering) lists the cases. Without a key, the
    /// client repeats nothing. The error then follows each connection that is lost before the answer, and each answer of a
    /// store that does not say in time whether it has stored the event.
    #[error("the event may or may not have been delivered: do not trigger it again if it must not happen twice")]
    OutcomeUnknown,
    /// No answer came in time. The server may or may not have carried out the request.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The client is not in the room, or not any more.
    #[error("the client is not in room `{room}`")]
    NotJoined {
        /// The room.
        room: RoomId,
    },
    /// The message is larger than the server accepts. Nothing was sent.
    #[error("the message is too large ({bytes} bytes; the server's limit is {limit})")]
    TooLarge {
        /// The size of the message.
        bytes: usize,
        /// The largest message that the server accepts.
        limit: usize,
    },
    /// The event cannot be serialised as JSON, or its metadata is not an object. Nothing was sent.
    #[error("the event is invalid: {0}")]
    Invalid(Violation),
    /// The server violated the protocol.
    #[error("the server violated the protocol")]
    Protocol {
        /// The violation.
        #[source]
        source: ErrorSource,
    },
    /// The connection has ended for good.
    #[error("the connection is closed: {0}")]
    Closed(CloseReason),
}

/// A server's refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Refused {
    /// The code, for programs.
    pub code: ErrorCode,
    /// The message, for people.
    pub message: String,
    /// The faults in the event's data, for [`ErrorCode::ValidationFailed`].
    pub violations: Vec<Violation>,
    /// The data that the server's hook added to its refusal ([`Refusal::with_data`](crate::Refusal::with_data)).
    pub data: Option<Value>,
    /// How long to wait before trying again, if the server says so.
    pub retry_after: Option<Duration>,
}

impl ClientError {
    /// An attempt to connect to this URL failed.
    pub(super) fn connect(url: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        // An error that names the URL already is not wrapped again.
        match source.downcast::<Self>() {
            Ok(error) if matches!(*error, Self::Connect { .. }) => *error,
            Ok(error) => Self::Connect {
                url: url.to_owned(),
                source: Arc::new(*error),
            },
            Err(source) => Self::Connect {
                url: url.to_owned(),
                source: Arc::from(source),
            },
        }
    }

    pub(super) fn protocol(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Protocol {
            source: Arc::from(source.into()),
        }
    }

    pub(super) fn credentials(source: Box<dyn Error + Send + Sync>) -> Self {
        Self::Credentials {
            source: Arc::from(source),
        }
    }

    /// The error code, if the server refused the request or the connection.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self.cause() {
            Self::Refused(refused) => Some(refused.code),
            Self::Unauthenticated { .. } => Some(ErrorCode::Unauthenticated),
            _ => None,
        }
    }

    /// How long to wait before trying again, if the server says so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self.cause() {
            Self::Refused(refused) => refused.retry_after,
            Self::Connect { source, .. } => source.downcast_ref::<UpgradeRefused>()?.retry_after,
            _ => None,
        }
    }

    /// The error that made an attempt to connect fail, or the error itself.
    fn cause(&self) -> &Self {
        match self {
            Self::Connect { source, .. } => source.downcast_ref().unwrap_or(self),
            error => error,
        }
    }
}

/// A server, or a proxy before it, answered the upgrade with something else than a WebSocket.
#[derive(Debug, thiserror::Error)]
#[error("the upgrade was answered with HTTP {status}{}{text}", if text.is_empty() { "" } else { ": " })]
pub(super) struct UpgradeRefused {
    pub(super) status: u16,
    /// What the server said, or what the status means.
    pub(super) text: String,
    pub(super) retry_after: Option<Duration>,
}

impl From<ErrorFrame> for Refused {
    fn from(error: ErrorFrame) -> Self {
        Self {
            code: error.code,
            message: error.message,
            violations: error.violations,
            data: error.data,
            retry_after: error.retry_after.map(Duration::from_millis),
        }
    }
}

/// Compares the data. Two causes are equal only if they are the same value, because errors cannot be compared.
impl PartialEq for ClientError {
    fn eq(&self, other: &Self) -> bool {
        match self {
            Self::InvalidUrl(url) => matches!(other, Self::InvalidUrl(other) if url == other),
            Self::InvalidCertificate { source } => {
                matches!(other, Self::InvalidCertificate { source: other } if Arc::ptr_eq(source, other))
            }
            Self::Connect { source, .. } => {
                matches!(other, Self::Connect { source: other, .. } if Arc::ptr_eq(source, other))
            }
            Self::Credentials { source } => {
                matches!(other, Self::Credentials { source: other } if Arc::ptr_eq(source, other))
            }
            Self::Unauthenticated { message } => {
                matches!(other, Self::Unauthenticated { message: other } if message == other)
            }
            Self::Refused(refused) => matches!(other, Self::Refused(other) if refused == other),
            Self::Disconnected => matches!(other, Self::Disconnected),
            Self::OutcomeUnknown => matches!(other, Self::OutcomeUnknown),
            Self::TimedOut(limit) => matches!(other, Self::TimedOut(other) if limit == other),
            Self::NotJoined { room } => matches!(other, Self::NotJoined { room: other } if room == other),
            Self::TooLarge { bytes, limit } => {
                matches!(other, Self::TooLarge { bytes: b, limit: l } if (bytes, limit) == (b, l))
            }
            Self::Invalid(violation) => matches!(other, Self::Invalid(other) if violation == other),
            Self::Protocol { source } => {
                matches!(other, Self::Protocol { source: other } if Arc::ptr_eq(source, other))
            }
            Self::Closed(reason) => matches!(other, Self::Closed(other) if reason == other),
        }
    }
}

impl Eq for ClientError {}
