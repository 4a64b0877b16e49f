//! Bytes that were read before their reader asked for them.

use bytes::Bytes;
use tokio::io::ReadBuf;

/// The remaining bytes. Holds no memory when there are none.
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

    /// Moves as many bytes into the buffer as fit. Returns whether there were any.
    pub(in crate::transport) fn read(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let count = self.0.len().min(buffer.remaining());
        buffer.put_slice(&self.0.split_to(count));
        self.release_if_empty();
        true
    }

    /// Puts bytes that were read back in front of the others.
    pub(in crate::transport) fn put_back(&mut self, bytes: &[u8]) {
        self.0 = match self.is_empty() {
            true => Bytes::copy_from_slice(bytes),
            false => [bytes, &self.0].concat().into(),
        };
    }

    pub(in crate::transport) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// An empty slice would keep the whole allocation.
    fn release_if_empty(&mut self) {
        if self.is_empty() {
            self.0 = Bytes::new();
        }
    }
}
