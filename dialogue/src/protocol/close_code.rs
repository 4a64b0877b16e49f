//! The codes that tell a client why its connection was closed, and whether to reconnect.
//!
//! They are part of the protocol and stable. A new code may be added, but an existing one keeps its number and its
//! meaning.

use std::fmt;

/// Why the server closed a connection: the code of its WebSocket close frame.
///
/// Codes from 4000 to 4499 mean *reconnect*, and codes from 4500 to 4999 mean *do not reconnect*. A client that receives
/// an unknown code goes by its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum CloseCode {
    /// The server is going away, or it gave up this connection because the client was silent.
    GoingAway = 1001,
    /// The client violated the WebSocket protocol.
    ProtocolError = 1002,
    /// The client sent a binary frame. The protocol uses text frames only.
    BinaryFrame = 1003,
    /// The client sent text that is not UTF-8.
    InvalidUtf8 = 1007,
    /// The client's first frame was not `connect`, or no `connect` arrived in time.
    NoConnect = 1008,
    /// The client sent a message that exceeds the size limit.
    MessageTooBig = 1009,
    /// The server is restarting.
    Restarting = 1012,
    /// The client read too slowly. It can reconnect and recover the events that it missed.
    SlowConsumer = 4000,
    /// The session has expired. The client can reconnect with new credentials.
    SessionExpired = 4001,
    /// The server lost track of the events that this client should receive. The client reconnects and recovers them.
    RecoverAgain = 4002,
    /// The server could not sign the client in now, because `authenticate` failed. The client can reconnect and try again.
    Unavailable = 4003,
    /// The client could not be authenticated.
    Unauthenticated = 4500,
    /// The server disconnected the client, revoked its user, or let another connection of the client take over.
    Disconnected = 4501,
    /// The user has too many connections.
    TooManyConnections = 4502,
    /// The client repeatedly sent too many frames.
    Flooding = 4503,
    /// The server does not support the protocol version that the client asked for.
    UnsupportedProtocol = 4504,
}

impl CloseCode {
    /// Every code.
    #[cfg(feature = "runtime")]
    pub(crate) const ALL: [Self; 16] = [
        Self::GoingAway,
        Self::ProtocolError,
        Self::BinaryFrame,
        Self::InvalidUtf8,
        Self::NoConnect,
        Self::MessageTooBig,
        Self::Restarting,
        Self::SlowConsumer,
        Self::SessionExpired,
        Self::RecoverAgain,
        Self::Unavailable,
        Self::Unauthenticated,
        Self::Disconnected,
        Self::TooManyConnections,
        Self::Flooding,
        Self::UnsupportedProtocol,
    ];

    /// The code with this number.
    #[cfg(feature = "server")]
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.code() == number)
    }

    /// The number in the close frame.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether a client that receives this code should reconnect, after a backoff with full jitter. Where it should not,
    /// the new connection would only be closed for the same reason.
    #[must_use]
    pub const fn reconnects(self) -> bool {
        match self {
            Self::GoingAway
            | Self::NoConnect
            | Self::Restarting
            | Self::SlowConsumer
            | Self::SessionExpired
            | Self::RecoverAgain
            | Self::Unavailable => true,
            Self::ProtocolError
            | Self::BinaryFrame
            | Self::InvalidUtf8
            | Self::MessageTooBig
            | Self::Unauthenticated
            | Self::Disconnected
            | Self::TooManyConnections
            | Self::Flooding
            | Self::UnsupportedProtocol => false,
        }
    }

    /// A default text for people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "going away",
            Self::ProtocolError => "protocol error",
            Self::BinaryFrame => "binary frames are not supported",
            Self::InvalidUtf8 => "the text is not UTF-8",
            Self::NoConnect => "the first frame must be connect, in time",
            Self::MessageTooBig => "message too big",
            Self::Restarting => "the server is restarting",
            Self::SlowConsumer => "the client reads too slowly",
            Self::SessionExpired => "session expired",
            Self::RecoverAgain => "reconnect and recover",
            Self::Unavailable => "the server could not sign the client in now",
            Self::Unauthenticated => "unauthenticated",
            Self::Disconnected => "disconnected by the server",
            Self::TooManyConnections => "too many connections",
            Self::Flooding => "too many frames",
            Self::UnsupportedProtocol => "unsupported protocol",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code(), self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_have_the_numbers_and_the_reconnect_rule_of_the_protocol() {
        use CloseCode::*;
        for (code, number, reconnects) in [
            (GoingAway, 1001, true),
            (ProtocolError, 1002, false),
            (BinaryFrame, 1003, false),
            (InvalidUtf8, 1007, false),
            (NoConnect, 1008, true),
            (MessageTooBig, 1009, false),
            (Restarting, 1012, true),
            (SlowConsumer, 4000, true),
            (SessionExpired, 4001, true),
            (RecoverAgain, 4002, true),
            (Unavailable, 4003, true),
            (Unauthenticated, 4500, false),
            (Disconnected, 4501, false),
            (TooManyConnections, 4502, false),
            (Flooding, 4503, false),
            (UnsupportedProtocol, 4504, false),
        ] {
            assert_eq!(code.code(), number);
            #[cfg(feature = "server")]
            assert_eq!(CloseCode::from_number(number), Some(code));
            assert_eq!(code.reconnects(), reconnects, "{code}");
            if number >= 4000 {
                assert_eq!(reconnects, number < 4500, "{code} is in the range of its meaning");
            }
            assert!(code.reason().len() <= 123, "{code} fits a close frame");
        }
    }
}
