//! The codes that tell a client why a request failed.
//!
//! They are part of the protocol and stable. A new code may be added, but an existing one keeps its text and its meaning.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why a request failed: the `code` of an `error` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The frame isn't a request of this protocol, or one of its fields is malformed.
    InvalidRequest,
    /// The server does not support the protocol version in `connect`. It closes the connection.
    UnsupportedProtocol,
    /// The client could not be authenticated, or its session could not be renewed.
    Unauthenticated,
    /// The room does not exist.
    RoomNotFound,
    /// The room is full.
    RoomFull,
    /// The application does not let this client join the room.
    JoinDenied,
    /// The client is not in the room.
    NotInRoom,
    /// The room does not have this event, or clients may not trigger it there.
    EventNotAllowed,
    /// The event's data does not match its schema.
    ValidationFailed,
    /// The application refused the event.
    Blocked,
    /// The client sent too much in too short a time.
    RateLimited,
    /// A room with this id already exists, or the id is reserved.
    RoomExists,
    /// The client does not have the permission for this request.
    PermissionDenied,
    /// A limit of this client, of its user or of the server has been reached.
    LimitExceeded,
    /// The server cannot do this now, but may be able to do it later.
    Unavailable,
    /// The server cannot tell whether this trigger, or an earlier attempt of it, was carried out. It did not run a repetition.
    OutcomeUnknown,
    /// The server failed.
    Internal,
}

impl ErrorCode {
    /// The code with this text.
    #[cfg(feature = "client")]
    pub(crate) fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Every code.
    pub(crate) const ALL: [Self; 17] = [
        Self::InvalidRequest,
        Self::UnsupportedProtocol,
        Self::Unauthenticated,
        Self::RoomNotFound,
        Self::RoomFull,
        Self::JoinDenied,
        Self::NotInRoom,
        Self::EventNotAllowed,
        Self::ValidationFailed,
        Self::Blocked,
        Self::RateLimited,
        Self::RoomExists,
        Self::PermissionDenied,
        Self::LimitExceeded,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// The code's text in an `error` frame.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::UnsupportedProtocol => "UNSUPPORTED_PROTOCOL",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::RoomNotFound => "ROOM_NOT_FOUND",
            Self::RoomFull => "ROOM_FULL",
            Self::JoinDenied => "JOIN_DENIED",
            Self::NotInRoom => "NOT_IN_ROOM",
            Self::EventNotAllowed => "EVENT_NOT_ALLOWED",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::Blocked => "BLOCKED",
            Self::RateLimited => "RATE_LIMITED",
            Self::RoomExists => "ROOM_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::Unavailable => "UNAVAILABLE",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_written_as_the_protocol_says() {
        use ErrorCode::*;
        for (code, text) in [
            (InvalidRequest, "INVALID_REQUEST"),
            (UnsupportedProtocol, "UNSUPPORTED_PROTOCOL"),
            (Unauthenticated, "UNAUTHENTICATED"),
            (RoomNotFound, "ROOM_NOT_FOUND"),
            (RoomFull, "ROOM_FULL"),
            (JoinDenied, "JOIN_DENIED"),
            (NotInRoom, "NOT_IN_ROOM"),
            (EventNotAllowed, "EVENT_NOT_ALLOWED"),
            (ValidationFailed, "VALIDATION_FAILED"),
            (Blocked, "BLOCKED"),
            (RateLimited, "RATE_LIMITED"),
            (RoomExists, "ROOM_EXISTS"),
            (PermissionDenied, "PERMISSION_DENIED"),
            (LimitExceeded, "LIMIT_EXCEEDED"),
            (Unavailable, "UNAVAILABLE"),
            (OutcomeUnknown, "OUTCOME_UNKNOWN"),
            (Internal, "INTERNAL"),
        ] {
            assert_eq!(code.to_string(), text);
            assert_eq!(serde_json::to_value(code).unwrap(), text);
            assert!(ErrorCode::ALL.contains(&code), "{code}");
            #[cfg(feature = "client")]
            assert_eq!(ErrorCode::from_wire(text), Some(code));
        }
    }
}
