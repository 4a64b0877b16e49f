//! Finds where messages end in a client's byte stream (RFC 6455, section 5.2). Pure.
//!
//! Does not judge the bytes. The protocol library sees the same bytes and finds every violation.

/// The opcode of a frame that continues a message.
const CONTINUATION: u8 = 0x0;

/// The lowest opcode of control frames. A control frame may come between the frames of a message.
const FIRST_CONTROL: u8 = 0x8;

/// The length of the longest header: two bytes, the length and the mask.
const MAX_HEADER: usize = 2 + 8 + 4;

/// A position in a stream of frames.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// The bytes of an incomplete header.
    header: [u8; MAX_HEADER],
    header_bytes: u8,
    /// How many bytes of the payload are missing.
    payload: u64,
    /// Whether the frames of a message have begun, and its last frame has not.
    in_message: bool,
}

impl Framing {
    /// Moves the position past these bytes.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        while let Some(&next) = bytes.first() {
            if self.payload > 0 {
                let skipped = usize::try_from(self.payload).map_or(bytes.len(), |payload| payload.min(bytes.len()));
                self.payload -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[usize::from(self.header_bytes)] = next;
            self.header_bytes += 1;
            bytes = &bytes[1..];
            if usize::from(self.header_bytes) == self.header_len() {
                self.begin_payload();
            }
        }
    }

    /// Whether only complete messages have been read.
    pub(super) fn is_between_messages(&self) -> bool {
        self.header_bytes == 0 && self.payload == 0 && !self.in_message
    }

    /// Whether frames of a message have come, and its last frame has not begun.
    pub(super) fn is_in_message(&self) -> bool {
        self.in_message
    }

    /// The length of the header, as far as its first bytes are known.
    fn header_len(&self) -> usize {
        if self.header_bytes < 2 {
            return 2;
        }
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        2 + length + mask
    }

    fn begin_payload(&mut self) {
        let [first, second, length @ ..] = &self.header;
        self.payload = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([length[0], length[1]])),
            127 => length[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        let is_final = first & 0x80 != 0;
        match first & 0x0f {
            CONTINUATION => self.in_message &= !is_final,
            FIRST_CONTROL.. => {}
            _ => self.in_message = !is_final,
        }
        self.header_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame with a payload, with or without a mask. `form` selects the encoding of the length, if the length fits it.
    fn frame(first: u8, payload: usize, form: u8, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match (form, payload) {
            (0, 0..=125) => frame.push(mask | payload as u8),
            (0 | 1, 0..=0xffff) => {
                frame.push(mask | 126);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        if masked {
            frame.extend([0xff; 4]);
        }
        // The payload's bytes look like frames.
        frame.extend(std::iter::repeat_n(0x81, payload));
        frame
    }

    /// The frames of a message, with control frames between them.
    fn message() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let part = (0usize..300, 0u8..3, any::<bool>(), any::<bool>());
        prop::collection::vec(part, 1..4).prop_map(|parts| {
            let last = parts.len() - 1;
            let mut frames = Vec::new();
            for (at, (payload, form, masked, control)) in parts.into_iter().enumerate() {
                if control && at > 0 {
                    frames.push(frame(0x89, payload.min(125), 0, masked));
                }
                let opcode = if at == 0 { 0x1 } else { 0x0 };
                let fin = if at == last { 0x80 } else { 0 };
                frames.push(frame(fin | opcode, payload, form, masked));
            }
            frames
        })
    }

    proptest! {
        #[test]
        fn is_between_messages_where_one_ends_and_nowhere_else(
            messages in prop::collection::vec(message(), 1..4),
            step in 1usize..200,
        ) {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            for message in messages {
                bytes.extend(message.concat());
                ends.push(bytes.len());
            }
            let mut framing = Framing::default();
            let mut at = 0;
            for chunk in bytes.chunks(step) {
                framing.advance(chunk);
                at += chunk.len();
                prop_assert_eq!(framing.is_between_messages(), ends.contains(&at), "at {}", at);
            }
        }
    }

    #[test]
    fn a_single_control_frame_does_not_begin_a_message() {
        let mut framing = Framing::default();
        framing.advance(&frame(0x89, 3, 0, true));
        assert!(framing.is_between_messages());
    }

    #[test]
    fn no_length_causes_an_overflow() {
        let mut framing = Framing::default();
        framing.advance(&[0x81, 0xff]);
        framing.advance(&[0xff; 12]);
        framing.advance(&[0; 1000]);
        assert!(!framing.is_between_messages());
    }
}
