//! The header of a frame from the server (RFC 6455, section 5.2). It has no mask.

/// The length of the longest header, in bytes.
pub(crate) const MAX_HEADER: usize = 10;

/// The first byte of a text frame that is a complete message.
const WHOLE_TEXT: u8 = 0x81;

/// The header of a frame, or no header at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl Header {
    /// No header, for bytes that are a complete frame already.
    pub(crate) const NONE: Self = Self {
        bytes: [0; MAX_HEADER],
        len: 0,
    };

    /// The header of a text frame. `payload` is the payload's length in bytes.
    pub(crate) fn of_text(payload: usize) -> Self {
        Self::new(WHOLE_TEXT, payload)
    }

    /// The header of a frame with this first byte. `payload` is the payload's length in bytes.
    pub(crate) fn new(first: u8, payload: usize) -> Self {
        let mut bytes = [0; MAX_HEADER];
        bytes[0] = first;
        let len = if let Ok(short @ 0..=125) = u8::try_from(payload) {
            bytes[1] = short;
            2
        } else if let Ok(medium) = u16::try_from(payload) {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&medium.to_be_bytes());
            4
        } else {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
            10
        };
        Self { bytes, len }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_length_in_its_three_forms() {
        assert_eq!(Header::of_text(0).as_slice(), [0x81, 0]);
        assert_eq!(Header::of_text(125).as_slice(), [0x81, 125]);
        assert_eq!(Header::of_text(126).as_slice(), [0x81, 126, 0, 126]);
        assert_eq!(Header::of_text(0xffff).as_slice(), [0x81, 126, 0xff, 0xff]);
        assert_eq!(
            Header::of_text(0x1_0000).as_slice(),
            [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
        );
    }
}
