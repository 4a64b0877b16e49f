//! The frames in an outbox, and the count of those that have been written.

use bytes::Bytes;

/// What waits to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The payload of a text frame, shared by all its readers.
    Text(Bytes),
    /// Whole frames, header included: what the protocol library writes of itself.
    Raw(Bytes),
}

impl Frame {
    /// The bytes to come, whichever part of the frame they are.
    pub(crate) fn bytes(&self) -> &Bytes {
        let (Self::Text(bytes) | Self::Raw(bytes)) = self;
        bytes
    }
}

/// What has been written of what was taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    pub(crate) frames: usize,
    /// Their payloads' bytes.
    pub(crate) bytes: usize,
}
