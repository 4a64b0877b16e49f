//! The codes by which a client knows why a request failed.
//!
//! They are part of the protocol and stable: a code may be added, but none changes its text or meaning.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why a request was refused: the `code` of an `error` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The frame is not a request of this protocol, or one of its fields is malformed.
    InvalidRequest,
    /// The protocol version that `connect` asks for is not spoken here. The connection is closed.
    UnsupportedProtocol,
    /// The client is not who it must be, or its session cannot be refreshed.
    Unauthenticated,
    /// There is no such room.
    RoomNotFound,
    /// The room has no free seat.
    RoomFull,
    /// The application does not let this client into the room.
    JoinDenied,
    /// The client is not in the room.
    NotInRoom,
    /// The room does not have this event, or does not let clients trigger it.
    EventNotAllowed,
    /// The event's data does not satisfy its schema.
    ValidationFailed,
    /// The application refused the event.
    Blocked,
    /// Too much in too short a time.
    RateLimited,
    /// A room with this id exists, or the id is reserved.
    RoomExists,
    /// The client may not do this.
    PermissionDenied,
    /// A quota of this client, this user or the server is used up.
    LimitExceeded,
    /// The server cannot do this now; later it may.
    Unavailable,
    /// A fault of the server.
    Internal,
}

impl ErrorCode {
    /// The code that is written so.
    #[cfg(feature = "client")]
    pub(crate) fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Every code.
    pub(crate) const ALL: [Self; 16] = [
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
        Self::Internal,
    ];

    /// The code as it is written on the wire.
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
