//! The arguments of hooks besides the client and the room: where a page comes from, how a client came, and how it left.

use std::fmt;

use crate::connection::{Close, Handshake};
use crate::origin::split_port;
use crate::protocol::CloseCode;
use crate::runtime::observe::observation::LeaveReason;

/// The origin of a page that wants to connect. [`check_origin`](crate::Builder::check_origin) receives it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WebOrigin {
    /// `scheme://host[:port]`, in lower case and without the scheme's default port.
    pub(crate) text: String,
    /// The request that opens the WebSocket, with its headers, cookies, query and peer. `auth` is `null`, because it comes
    /// later. The `Host` is the name by which the page knows this server.
    pub request: Handshake,
}

impl WebOrigin {
    /// The whole origin, such as `https://shop.example:8443`: in lower case, and without the port if it is the default of
    /// the scheme.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, such as `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// The host without the port, such as `shop.example`. An IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let (_, authority) = self.parts();
        match self.port() {
            Some(_) => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
            None => authority,
        }
    }

    /// The port; `None` if it is the default of the scheme.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        split_port(self.parts().1)?.1
    }

    fn parts(&self) -> (&str, &str) {
        self.text.split_once("://").unwrap_or_default()
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How a client came into a room. [`on_joined`](crate::Builder::on_joined) receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arrival {
    /// No other connection of the user on this node is in the room.
    First,
    /// Another connection of the user is in the room, such as a second tab. Or the user is about to return to it: a newer
    /// connection has replaced the one in the room, and has not joined yet.
    Additional,
    /// The connection continues an earlier one that was in the room (`resume` in the client's `connect`): the client lost
    /// its connection and came back within two minutes.
    #[non_exhaustive]
    Comeback {
        /// Whether the user is not in the room any more, as far as `on_left` has reported. It still is if the new
        /// connection came before the server noticed that the earlier one was lost, or if another connection of the user
        /// is in the room.
        was_gone: bool,
    },
}

impl Arrival {
    /// Whether the user was not in the room before, as far as `on_left` has reported: the counterpart of
    /// [`Left::user_is_gone`]. Announce the user only if this is true. A second tab or a short loss of the connection then
    /// announces nobody twice.
    #[must_use]
    pub fn user_is_new(self) -> bool {
        match self {
            Self::First => true,
            Self::Additional => false,
            Self::Comeback { was_gone } => was_gone,
        }
    }
}

/// How a client left a room. [`on_left`](crate::Builder::on_left) receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Left {
    /// Why the client left.
    pub reason: LeaveReason,
    /// Whether this was the user's last connection in the room, on this node.
    pub is_last: bool,
}

impl Left {
    /// Whether the user is not in the room any more: this was its last connection, and no newer one has replaced it.
    ///
    /// A newer connection is expected to join the room again, as both clients of Dialogue do. If it does not do so within
    /// two minutes, the user counts as gone, but no hook reports that. The hooks of two connections of one user run
    /// independently, so the report of one may come before an earlier report of the other.
    #[must_use]
    pub fn user_is_gone(self) -> bool {
        self.is_last && self.reason != LeaveReason::Replaced
    }
}

/// How a connection ended. [`on_disconnected`](crate::Builder::on_disconnected) receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionEnd {
    /// The code with which the server closed the connection; `None` if the client closed it, or the connection was lost.
    pub code: Option<CloseCode>,
    /// The text of the close frame; empty if `code` is `None`.
    pub reason: String,
    /// The code with which the client closed the connection, such as 1000 or 1001; `None` if the server closed it, or the
    /// connection was lost. 1005 stands for a close without a code.
    pub client_code: Option<u16>,
}

impl ConnectionEnd {
    /// Whether the connection was lost: neither the server nor the client has closed it.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.code.is_none() && self.client_code.is_none()
    }
}

impl From<Option<Close>> for ConnectionEnd {
    fn from(close: Option<Close>) -> Self {
        let close = close.unwrap_or_else(Close::quietly);
        Self {
            code: close.code,
            reason: close.reason,
            client_code: close.client_code,
        }
    }
}
