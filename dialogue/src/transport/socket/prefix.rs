//! Bytes that were read before whoever wants them asked.

use bytes::Bytes;
use tokio::io::ReadBuf;

/// What is still to be taken. Holds no memory once all of it has been.
#[derive(Debug, Default)]
pub(in crate::transport) struct Prefix(Bytes);

impl Prefix {
    pub(in crate::transport) fn new(bytes: Bytes) -> Self {
        let mut prefix = Self(bytes);
        prefix.release_if_empty();
        prefix
    }

    pub(in crate::transport) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves as much into the buffer as it has room for. Returns whether there was anything to move.
    pub(in crate::transport) fn read(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let count = self.0.len().min(buffer.remaining());
        buffer.put_slice(&self.0.split_to(count));
        self.release_if_empty();
        true
    }

    /// An empty part of a piece of memory keeps the whole.
    fn release_if_empty(&mut self) {
        if self.is_empty() {
            self.0 = Bytes::new();
        }
    }
}
