//! Reads the most common message without the protocol library: one complete text frame, with nothing else in the same
//! read.
//!
//! Accepts no bytes that the library would reject or read differently. It leaves everything else to the library. Pure.

/// The first byte of a text frame that is a complete message without extensions.
const WHOLE_TEXT: u8 = 0x81;

/// The bit in the second byte that announces a mask. Every frame of a client has a mask.
const MASKED: u8 = 0x80;

/// The lengths of payloads that take one byte.
const SHORT: std::ops::RangeInclusive<u8> = 0..=125;

/// The second byte without the mask bit, if the length takes the next two bytes.
const TWO_BYTES: u8 = 126;

/// The text, if `bytes` are one complete text frame and the text has at most `max` bytes.
pub(super) fn text(bytes: &[u8], max: usize) -> Option<String> {
    let [WHOLE_TEXT, length, rest @ ..] = bytes else {
        return None;
    };
    let (length, rest) = match length.checked_sub(MASKED)? {
        TWO_BYTES => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u16::from_be_bytes(*length);
            // The library decides about a length that takes more bytes than necessary.
            (Some(length).filter(|length| *length > u16::from(*SHORT.end()))?, rest)
        }
        short if SHORT.contains(&short) => (u16::from(short), rest),
        _ => return None,
    };
    let (mask, payload) = rest.split_first_chunk::<4>()?;
    if payload.len() != usize::from(length) || payload.len() > max {
        return None;
    }
    let mut text = payload.to_vec();
    let (words, rest) = text.as_chunks_mut();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(*mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use proptest::prelude::*;
    use tokio_websockets::ServerBuilder;

    use super::*;

    const MAX: usize = 4096;

    fn frame(mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![WHOLE_TEXT];
        match u8::try_from(payload.len()) {
            Ok(short) if SHORT.contains(&short) => frame.push(MASKED | short),
            _ => {
                frame.push(MASKED | TWO_BYTES);
                frame.extend((payload.len() as u16).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// Decodes bytes with the library. Returns every message, and whether the library found no error.
    fn of_library(bytes: &[u8]) -> (Vec<Option<String>>, bool) {
        let mut library = ServerBuilder::new().serve(std::io::Cursor::new(bytes.to_vec()));
        let mut messages = Vec::new();
        loop {
            match library.next().now_or_never().flatten() {
                Some(Ok(message)) => messages.push(message.as_text().map(str::to_owned)),
                Some(Err(_)) => return (messages, false),
                None => return (messages, true),
            }
        }
    }

    proptest! {
        #[test]
        fn reads_any_text_as_the_library_does(text: String, mask: [u8; 4]) {
            let frame = frame(mask, text.as_bytes());
            prop_assert_eq!(super::text(&frame, MAX), Some(text.clone()));
            prop_assert_eq!(of_library(&frame), (vec![Some(text)], true));
        }

        #[test]
        fn accepts_nothing_that_the_library_reads_differently(
            payload in prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..300),
            ],
            mask: [u8; 4],
            changed in prop::option::of((0usize..8, any::<u8>())),
            cut in prop::option::of(0usize..300),
            more in prop_oneof![Just(Vec::new()), prop::collection::vec(any::<u8>(), 1..10)],
        ) {
            let mut bytes = frame(mask, &payload);
            if let Some((at, byte)) = changed && at < bytes.len() {
                bytes[at] = byte;
            }
            bytes.truncate(cut.unwrap_or(bytes.len()));
            bytes.extend(more);
            if let Some(text) = text(&bytes, MAX) {
                prop_assert_eq!(of_library(&bytes), (vec![Some(text)], true));
            }
        }
    }

    #[test]
    fn leaves_long_incomplete_joined_and_overlong_frames_to_the_library() {
        let whole = frame([1, 2, 3, 4], &[b'x'; 100]);
        assert!(text(&whole, 100).is_some());
        assert_eq!(text(&whole, 99), None);
        assert_eq!(text(&whole[..whole.len() - 1], MAX), None);
        assert_eq!(text(&[whole.as_slice(), &whole].concat(), MAX), None);
        let long_form = [&[WHOLE_TEXT, MASKED | TWO_BYTES, 0, 100], &whole[2..]].concat();
        assert_eq!(text(&long_form, MAX), None);
    }
}
