//! The frames in an outbox, and the number of frames that have been written.

use bytes::Bytes;

/// A frame in an outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The payload of a text frame. All its readers share it.
    Text(Bytes),
    /// Complete frames with their headers. Event frames and the frames of the protocol library have this form.
    Raw(Bytes),
}

impl Frame {
    /// The frame's bytes, with or without a header.
    pub(crate) fn bytes(&self) -> &Bytes {
        let (Self::Text(bytes) | Self::Raw(bytes)) = self;
        bytes
    }
}

/// How many of the frames that were taken from an outbox have been written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    pub(crate) frames: usize,
    /// The number of their payload bytes.
    pub(crate) bytes: usize,
}
