//! The codes by which a client knows why its connection ended, and whether to reconnect.
//!
//! They are part of the protocol and stable: a code may be added, but none changes its number or meaning.

use std::fmt;

/// Why the server ended a connection: the code of its WebSocket close frame.
///
/// Of the application's own codes, 4000–4499 mean *reconnect* and 4500–4999 mean *do not*; a client that meets one it
/// does not know goes by its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum CloseCode {
    /// The server, or this one connection's place on it, is going away.
    GoingAway = 1001,
    /// The client broke the WebSocket protocol.
    ProtocolError = 1002,
    /// The client sent a binary frame; the protocol is text.
    BinaryFrame = 1003,
    /// The client sent text that is not UTF-8.
    InvalidUtf8 = 1007,
    /// The client's first frame was no `connect`, or none came in time.
    NoConnect = 1008,
    /// The client sent a message over the size limit.
    MessageTooBig = 1009,
    /// The server is restarting.
    Restarting = 1012,
    /// The client read too slowly; it can recover what it missed.
    SlowConsumer = 4000,
    /// The session has expired; a fresh sign-in goes on.
    SessionExpired = 4001,
    /// The server lost the thread of what this client was due; it recovers by coming back.
    RecoverAgain = 4002,
    /// The client could not be authenticated.
    Unauthenticated = 4500,
    /// The server disconnected the client, revoked its user, or let another connection take over from it.
    Disconnected = 4501,
    /// The user has too many connections.
    TooManyConnections = 4502,
    /// The client kept sending too much.
    Flooding = 4503,
    /// The protocol version that the client asked for is not spoken here.
    UnsupportedProtocol = 4504,
}

impl CloseCode {
    /// Every code.
    pub(crate) const ALL: [Self; 15] = [
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
        Self::Unauthenticated,
        Self::Disconnected,
        Self::TooManyConnections,
        Self::Flooding,
        Self::UnsupportedProtocol,
    ];

    /// The code of this number.
    #[cfg(feature = "server")]
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.code() == number)
    }

    /// The number in the close frame.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether a client that meets this should come back, after a full-jitter backoff. Where it should not, the same
    /// would only happen again.
    #[must_use]
    pub const fn reconnects(self) -> bool {
        match self {
            Self::GoingAway
            | Self::NoConnect
            | Self::Restarting
            | Self::SlowConsumer
            | Self::SessionExpired
            | Self::RecoverAgain => true,
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

    /// The text in the close frame, for people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "going away",
            Self::ProtocolError => "protocol error",
            Self::BinaryFrame => "binary frames are not accepted",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::NoConnect => "connect must come first and in time",
            Self::MessageTooBig => "message too big",
            Self::Restarting => "restarting",
            Self::SlowConsumer => "reading too slowly",
            Self::SessionExpired => "session expired",
            Self::RecoverAgain => "recover again",
            Self::Unauthenticated => "unauthenticated",
            Self::Disconnected => "disconnected by the server",
            Self::TooManyConnections => "too many connections",
            Self::Flooding => "flooding",
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
                assert_eq!(reconnects, number < 4500, "{code} is in the range of what it means");
            }
            assert!(code.reason().len() <= 123, "{code} fits a close frame");
        }
    }
}
