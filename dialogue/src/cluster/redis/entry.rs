//! An event as Redis keeps and publishes it. Pure.

use std::ops::Range;

use bytes::Bytes;

use super::foreign::{BadReply, number};

/// `<number> <number of the event of its type before> <bytes of sender>\n<sender><frame>`, without the last space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The event's number.
    pub(super) seq: u64,
    /// The number of the event of its type before, or 0.
    pub(super) before: u64,
    text: Bytes,
    sender: Range<usize>,
}

/// The longest first line: three numbers, two spaces.
const MAX_HEAD: usize = 3 * 20 + 2;

impl Entry {
    pub(super) fn parse(text: Bytes) -> Result<Self, BadReply> {
        Self::read(&text)
            .ok_or_else(|| BadReply::new("entry", &text))
            .map(|(seq, before, sender)| Self {
                seq,
                before,
                sender,
                text,
            })
    }

    fn read(text: &[u8]) -> Option<(u64, u64, Range<usize>)> {
        let end = text.iter().take(MAX_HEAD + 1).position(|&byte| byte == b'\n')?;
        let head = std::str::from_utf8(&text[..end]).ok()?;
        let mut words = head.split(' ');
        let (seq, before, sender) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        let (seq, before) = (number(seq)?, number(before)?);
        let begin = end + 1;
        let sender_end = begin.checked_add(usize::try_from(number(sender)?).ok()?)?;
        std::str::from_utf8(text.get(begin..sender_end)?).ok()?;
        // Numbers of a room begin at 1, and increase.
        (before < seq).then_some((seq, before, begin..sender_end))
    }

    /// The user who sent it.
    pub(super) fn sender(&self) -> &str {
        std::str::from_utf8(&self.text[self.sender.clone()]).unwrap_or_default()
    }

    /// The text that clients receive. Shares the entry's memory.
    pub(super) fn frame(&self) -> Bytes {
        self.text.slice(self.sender.end..)
    }

    /// The bytes of that text.
    pub(super) fn frame_bytes(&self) -> usize {
        self.text.len() - self.sender.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &[u8]) -> Result<Entry, BadReply> {
        Entry::parse(Bytes::copy_from_slice(text))
    }

    #[test]
    fn everything_else_is_an_error() {
        let all = [
            "",
            "1 0 3",
            "1 0 3\nad",
            "1 0\nada",
            "1 0 3 \nada",
            "1 0 3 4\nada",
            " 1 0 3\nada",
            "0 0 3\nada{}",
            "2 2 3\nada{}",
            "-1 0 3\nada",
            "1 0 99999999999999999999\nada",
            "1 0 18446744073709551615\nada",
            "1 0 1\n\u{e9}x",
            "x",
        ];
        for text in all {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(&[b'1'; 1000]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seq in 1..=u64::MAX, before: u64, sender in "\\PC{0,20}", frame: Vec<u8>) {
            let before = before % seq;
            let mut text = format!("{seq} {before} {}\n{sender}", sender.len()).into_bytes();
            text.extend_from_slice(&frame);
            let entry = parse(&text).unwrap();
            prop_assert_eq!((entry.seq, entry.before, entry.sender()), (seq, before, &*sender));
            prop_assert_eq!((entry.frame().to_vec(), entry.frame_bytes()), (frame.clone(), frame.len()));
        }

        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>, head in "[0-9 \n]{0,12}") {
            let _either = parse(&[head.as_bytes(), &text].concat());
        }
    }
}
