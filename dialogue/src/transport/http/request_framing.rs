//! Where requests end in the bytes that an HTTP/1.1 client sends. Pure.
//!
//! The HTTP library does not tell whether it has read a part of a request, or whether its connection is idle. It receives
//! the bytes of one request at a time from here, so that this is known.

/// How the body of a request is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// It has this many bytes.
    Sized(u64),
    /// It has chunks, and a last one without data.
    Chunked,
}

/// What the next byte of a connection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The head of a request.
    Head {
        /// Whether it has begun. Empty lines in front of a head do not count.
        begun: bool,
    },
    /// A head is complete, and the HTTP library has not returned it yet.
    Complete,
    /// A body with this many bytes to come.
    Body(u64),
    /// A body with chunks, and maybe requests behind it. The end of such a body is an empty line.
    Unknown,
}

/// What the last bytes were, to find empty lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// A line that is not empty so far.
    Text,
    /// The beginning of a line.
    Start,
    /// A carriage return at the beginning of a line.
    Return,
}

/// Follows the requests on a connection.
#[derive(Debug)]
pub(super) struct RequestFraming {
    position: Position,
    line: Line,
    /// Whether the last byte was the end of an empty line.
    after_empty_line: bool,
}

impl RequestFraming {
    pub(super) fn new() -> Self {
        Self {
            position: Position::Head { begun: false },
            line: Line::Start,
            after_empty_line: false,
        }
    }

    /// Takes bytes that the client has sent. Returns how many of them the HTTP library may have now. The others belong to
    /// what follows; take them again when it reads on.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        match &mut self.position {
            Position::Head { .. } => self.take_head(bytes),
            Position::Body(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::new();
                }
                taken
            }
            Position::Complete | Position::Unknown => {
                self.position = Position::Unknown;
                for byte in bytes {
                    self.note(*byte);
                }
                bytes.len()
            }
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            self.note(*byte);
            let Position::Head { begun } = &mut self.position else {
                return index;
            };
            *begun |= self.line == Line::Text;
            if *begun && self.after_empty_line {
                self.position = Position::Complete;
                return index + 1;
            }
        }
        bytes.len()
    }

    fn note(&mut self, byte: u8) {
        self.after_empty_line = byte == b'\n' && self.line != Line::Text;
        self.line = match (byte, self.line) {
            (b'\n', _) => Line::Start,
            (b'\r', Line::Start) => Line::Return,
            _ => Line::Text,
        };
    }

    /// The HTTP library has returned a head.
    pub(super) fn head_was_read(&mut self, body: BodyFraming) {
        *self = match (self.position, body) {
            (Position::Complete, BodyFraming::Sized(0)) => Self::new(),
            (Position::Complete, BodyFraming::Sized(left)) => Self {
                position: Position::Body(left),
                ..Self::new()
            },
            // The head came from bytes of an unknown position, so there may be more of them.
            _ => Self {
                position: Position::Unknown,
                ..*self
            },
        };
    }

    /// The HTTP library waits for a head: everything before it has been read.
    pub(super) fn head_is_due(&mut self) {
        match self.position {
            Position::Head { .. } | Position::Complete => {}
            Position::Unknown if self.after_empty_line => *self = Self::new(),
            Position::Unknown | Position::Body(_) => self.position = Position::Head { begun: true },
        }
    }

    /// Whether a part of a head has arrived.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.position, Position::Head { begun: true } | Position::Complete)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[test]
    fn a_head_ends_with_its_first_empty_line() {
        for head in [HEAD, b"GET / HTTP/1.1\n\n", b"\r\n\n\r\nGET / HTTP/1.1\r\na: b\n\r\n"] {
            let mut framing = RequestFraming::new();
            assert_eq!(framing.take(&[head, b"\r\nmore"].concat()), head.len());
            assert!(framing.has_begun());
            framing.head_was_read(BodyFraming::Sized(0));
            assert!(!framing.has_begun());
        }
    }

    #[test]
    fn empty_lines_do_not_begin_a_request() {
        let mut framing = RequestFraming::new();
        for (bytes, begun) in [("\r", false), ("\n\n", false), ("\r\n", false), ("G", true)] {
            assert_eq!(framing.take(bytes.as_bytes()), bytes.len());
            assert_eq!(framing.has_begun(), begun, "{bytes:?}");
        }
    }

    #[test]
    fn after_chunks_a_request_has_begun_unless_an_empty_line_came_last() {
        for (after, begun) in [
            ("0\r\n\r\n", false),
            ("0\r\na: b\r\n\r\n", false),
            ("0\r\n\r\n\r\n", false),
            ("0\r\n\r\nG", true),
            ("0\r\n\r\nGET / HTTP/1.1\r\n", true),
        ] {
            let mut framing = RequestFraming::new();
            framing.take(HEAD);
            framing.head_was_read(BodyFraming::Chunked);
            assert_eq!(framing.take(after.as_bytes()), after.len());
            framing.head_is_due();
            assert_eq!(framing.has_begun(), begun, "{after:?}");
        }
    }

    proptest! {
        #[test]
        fn requests_are_taken_apart_however_they_arrive(
            bodies in prop::collection::vec(prop::collection::vec(prop::sample::select(b"\r\na".to_vec()), 0..6), 1..6),
            pieces in prop::collection::vec(1..20_usize, 1..40),
        ) {
            let stream: Vec<u8> = bodies.iter().flat_map(|body| [HEAD, body].concat()).collect();
            let mut framing = RequestFraming::new();
            let mut pieces = pieces.into_iter().cycle();
            let mut at = 0;
            for body in &bodies {
                framing.head_is_due();
                for (part, end) in [(HEAD.len(), BodyFraming::Sized(body.len() as u64)), (body.len(), BodyFraming::Sized(0))] {
                    let end_of_part = at + part;
                    while at < end_of_part {
                        let piece = (at + pieces.next().unwrap_or(1)).min(stream.len());
                        at += framing.take(&stream[at..piece]);
                        prop_assert!(at <= end_of_part);
                    }
                    if part == HEAD.len() && at == end_of_part && framing.position == Position::Complete {
                        framing.head_was_read(end);
                    }
                }
                prop_assert!(!framing.has_begun());
            }
        }
    }
}
