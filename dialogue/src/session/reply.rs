//! How what went wrong is told: one mapping from the errors of the runtime to the codes of the wire.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{ErrorCode, RejectedRequest, ServerFrame};
use crate::runtime::{ClientCreateError, Core, Involved, JoinError, Rejected};
use crate::schema::Violation;

/// Why a command failed, as the client is told.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) violations: Vec<Violation>,
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn no_such_room() -> Self {
        Self::new(ErrorCode::RoomNotFound, "there is no such room")
    }

    pub(crate) fn not_in_room() -> Self {
        Self::new(ErrorCode::NotInRoom, "join the room first")
    }

    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::Internal, "the server has failed at this")
    }

    pub(crate) fn too_fast(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(ErrorCode::RateLimited, "too many frames; slow down")
        }
    }
}

/// Reports a failure to observers, and returns the frame that tells the client of it.
pub(crate) fn refuse(core: &Core, id: Option<i64>, failure: &Failure, involved: Involved<'_>) -> Bytes {
    core.observe.refused(failure.code, &failure.message, involved);
    ServerFrame::Error {
        id,
        code: failure.code,
        message: &failure.message,
        room_id: involved.room,
        event: involved.event,
        violations: &failure.violations,
        retry_after: failure.retry_after,
    }
    .encode()
}

impl From<RejectedRequest> for Failure {
    fn from(refused: RejectedRequest) -> Self {
        Self::new(refused.code, refused.message)
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        let code = match &error {
            JoinError::NoSuchRoom { .. } => return Self::no_such_room(),
            JoinError::NotInRoom => return Self::not_in_room(),
            JoinError::Denied { reason } => return Self::new(ErrorCode::JoinDenied, reason),
            JoinError::Full => ErrorCode::RoomFull,
            JoinError::NoSuchEvent { .. } => ErrorCode::EventNotAllowed,
            JoinError::Limited { .. } => ErrorCode::LimitExceeded,
            JoinError::Disconnected => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::NoSuchRoom => Self::no_such_room(),
            Rejected::NotInRoom => Self::not_in_room(),
            Rejected::NotAllowed => Self::new(ErrorCode::EventNotAllowed, "clients may not trigger this event here"),
            Rejected::Invalid(violations) => Self {
                violations,
                ..Self::new(
                    ErrorCode::ValidationFailed,
                    "the data does not satisfy the event's schema",
                )
            },
            Rejected::Forbidden(reason) => Self::new(ErrorCode::PermissionDenied, reason),
            Rejected::Blocked(reason) => Self::new(ErrorCode::Blocked, reason),
            Rejected::Limited(reason) => Self::new(ErrorCode::LimitExceeded, reason),
            Rejected::Stopped => Self::new(ErrorCode::Unavailable, "the server is stopping"),
        }
    }
}

impl From<ClientCreateError> for Failure {
    fn from(error: ClientCreateError) -> Self {
        match error {
            ClientCreateError::Exists => Self::new(ErrorCode::RoomExists, "there is such a room already"),
            ClientCreateError::NotPermitted => {
                Self::new(ErrorCode::PermissionDenied, "clients may not create a room of this id")
            }
            ClientCreateError::Limited => Self::new(ErrorCode::LimitExceeded, "no more rooms may be created"),
        }
    }
}
