//! The close of a connection: its code, its reason, and whether queued frames are still sent.

use crate::protocol::CloseCode;

/// Why and how the server closes a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    /// The code that the client receives. `None` if the client is gone, or has received a close already.
    pub(crate) code: Option<CloseCode>,
    pub(crate) reason: String,
    /// The code with which the client closed the connection, if it did so first. 1005 stands for a close without a code.
    pub(crate) client_code: Option<u16>,
    /// Whether the queued frames are sent first. Otherwise, they are dropped.
    pub(crate) flush: bool,
    /// Whether the close frame is in the queue already.
    pub(crate) queued: bool,
}

impl Close {
    /// Closes the connection once the queued frames have been sent.
    pub(crate) fn after_flush(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            client_code: None,
            flush: true,
            queued: false,
        }
    }

    /// Closes the connection at once, and drops the queued frames.
    pub(crate) fn now(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            client_code: None,
            flush: false,
            queued: false,
        }
    }

    /// Closes a connection that the client has closed with this code.
    pub(crate) fn by_client(code: u16) -> Self {
        Self {
            client_code: Some(code),
            ..Self::quietly()
        }
    }

    /// Whether the connection was lost: neither side has closed it.
    pub(crate) fn is_loss(&self) -> bool {
        self.code.is_none() && self.client_code.is_none()
    }

    /// Closes a connection that is lost, or closed already.
    pub(crate) fn quietly() -> Self {
        Self {
            code: None,
            reason: String::new(),
            client_code: None,
            flush: true,
            queued: false,
        }
    }

    /// Closes the connection once the queued frames have been sent. The protocol library has queued the close frame already.
    pub(crate) fn already_queued(code: CloseCode) -> Self {
        Self {
            queued: true,
            ..Self::after_flush(code, code.reason())
        }
    }
}
