//! Why something that a client wanted came to nothing.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::state::CloseReason;
use crate::event::DecodeError;
use crate::id::RoomId;
use crate::protocol::{ErrorCode, ErrorFrame};
use crate::schema::Violation;

/// An error that is not Dialogue's own.
pub(super) type ErrorSource = Arc<dyn Error + Send + Sync>;

/// Why a request of a client, or its connection, came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not one of a WebSocket: `ws://host:port/dialogue/ws`, or `wss://…`.
    #[error("`{0}` is not the URL of a WebSocket")]
    InvalidUrl(String),
    /// The server cannot be reached, or does not speak the protocol there.
    #[error("cannot connect")]
    Connect {
        /// What went wrong.
        #[source]
        source: ErrorSource,
    },
    /// The callback of [`ClientBuilder::auth_with`](crate::ClientBuilder::auth_with) gave no credentials.
    #[error("there are no credentials")]
    Credentials {
        /// What it said.
        #[source]
        source: ErrorSource,
    },
    /// The server does not accept the credentials.
    #[error("not authenticated: {message}")]
    Unauthenticated {
        /// What the server says.
        message: String,
    },
    /// The server refused the request.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The connection was lost before the server answered: the request may have been carried out or not.
    #[error("the connection was lost before an answer came")]
    Disconnected,
    /// No answer came in time: the request may have been carried out or not.
    #[error("no answer came in {0:?}")]
    TimedOut(Duration),
    /// The client is not in the room, or no longer.
    #[error("the client is not in room `{room}`")]
    NotJoined {
        /// The room.
        room: RoomId,
    },
    /// The message is longer than the server takes. Nothing was sent.
    #[error("a message of {bytes} bytes is over the server's limit of {limit}")]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// The most that the server takes.
        limit: usize,
    },
    /// The event cannot be written as JSON, or its metadata is no object. Nothing was sent.
    #[error("the event is invalid: {0}")]
    Invalid(Violation),
    /// What the server sent is not of the event's type.
    #[error("{0}")]
    Decode(Arc<DecodeError>),
    /// The server does not keep to the protocol.
    #[error("{0}")]
    Protocol(String),
    /// The connection has ended for good.
    #[error("the connection is closed: {0}")]
    Closed(CloseReason),
}

/// What a server says of a request that it does not carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Refused {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// What is wrong with an event's data, for [`ErrorCode::ValidationFailed`].
    pub violations: Vec<Violation>,
    /// How long to wait before trying again, where the server says so.
    pub retry_after: Option<Duration>,
}

impl ClientError {
    pub(super) fn connect(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Connect {
            source: Arc::from(source.into()),
        }
    }

    pub(super) fn credentials(source: Box<dyn Error + Send + Sync>) -> Self {
        Self::Credentials {
            source: Arc::from(source),
        }
    }

    /// The code, if the server refused the request.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refused) => Some(refused.code),
            Self::Unauthenticated { .. } => Some(ErrorCode::Unauthenticated),
            _ => None,
        }
    }
}

impl From<ErrorFrame> for Refused {
    fn from(error: ErrorFrame) -> Self {
        Self {
            code: error.code,
            message: error.message,
            violations: error.violations,
            retry_after: error.retry_after.map(Duration::from_millis),
        }
    }
}

impl From<DecodeError> for ClientError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(Arc::new(error))
    }
}

/// By what they say: their causes cannot be compared.
impl PartialEq for ClientError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.to_string() == other.to_string()
    }
}

impl Eq for ClientError {}
