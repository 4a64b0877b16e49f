//! Why and how a connection ends.

use crate::protocol::CloseCode;

/// Why and how a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    /// What the client is told; `None` if there is nobody to tell, or it has been told.
    pub(crate) code: Option<CloseCode>,
    pub(crate) reason: String,
    /// Whether what waits is sent first, or dropped.
    pub(crate) flush: bool,
    /// Whether the close frame is already among what waits.
    pub(crate) queued: bool,
}

impl Close {
    /// Ends the connection once what waits has been sent.
    pub(crate) fn after_flush(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            flush: true,
            queued: false,
        }
    }

    /// Ends the connection at once; what waits is dropped.
    pub(crate) fn now(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
            flush: false,
            queued: false,
        }
    }

    /// Ends a connection whose other side has closed it, or is gone.
    pub(crate) fn quietly() -> Self {
        Self {
            code: None,
            reason: String::new(),
            flush: true,
            queued: false,
        }
    }

    /// Ends a connection once what waits has been sent, the close frame included: the protocol library has queued it.
    pub(crate) fn already_queued(code: CloseCode) -> Self {
        Self {
            queued: true,
            ..Self::after_flush(code, code.reason())
        }
    }
}
