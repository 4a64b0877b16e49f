//! The stream that the protocol library uses. It reads from the socket and writes to the outbox.
//!
//! The library's own frames (pongs and closes, each in one write) therefore queue like all others, and only one place
//! writes to the socket.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::fast_path;
use super::framing::Framing;
use super::prefix::Prefix;
use crate::connection::{Frame, Outbox};

/// How much is read at once between messages. The bytes are read onto the stack first.
const FIRST_READ: usize = 4096;

/// The opcode of a close frame.
const CLOSE: u8 = 0x8;

/// The socket, as the protocol library sees it.
pub(super) struct Adapter<R> {
    socket: R,
    outbox: Arc<Outbox>,
    /// How many more bytes may arrive before a message must be complete.
    budget: usize,
    full_budget: usize,
    /// The code of the library's own close frame, or 0 if the frame has none.
    wrote_close: Option<u16>,
    /// The position in the client's frames.
    framing: Framing,
    /// Bytes that were read already. The library reads them again.
    prefix: Prefix,
    /// When bytes arrived last that were not one complete, short text.
    heard_at: Option<Instant>,
}

/// The beginning of a message.
pub(super) enum FirstRead {
    /// It is a complete text message.
    Text(String),
    /// The library must decode it.
    Other,
    /// There is none: the stream has ended or failed.
    End,
}

impl<R> Adapter<R> {
    /// An adapter that accepts at most `budget` bytes for one message, including the headers of all its fragments.
    pub(super) fn new(socket: R, outbox: Arc<Outbox>, budget: usize) -> Self {
        Self {
            socket,
            outbox,
            budget,
            full_budget: budget,
            wrote_close: None,
            framing: Framing::default(),
            prefix: Prefix::default(),
            heard_at: None,
        }
    }

    /// Whether only complete messages have been read. If the library then wants to read more, it holds no data of the
    /// client.
    pub(super) fn is_at_rest(&self) -> bool {
        self.prefix.is_empty() && self.framing.is_between_messages()
    }

    /// Records that the library has completed a message. A control frame between the fragments of a message completes
    /// nothing.
    pub(super) fn message_done(&mut self, is_data: bool) {
        if is_data || !self.framing.is_in_message() {
            self.budget = self.full_budget;
        }
    }

    /// When bytes arrived last that were not one complete, short text.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        self.heard_at
    }

    /// The code of the close frame that the library has written, or 0 if the frame has none. `None` if it has written none.
    pub(super) fn wrote_close(&self) -> Option<u16> {
        self.wrote_close
    }
}

impl<R: AsyncRead + Unpin> Adapter<R> {
    /// Waits for the beginning of a message, without a read buffer on the heap. Returns a complete text of at most
    /// `max_text` bytes. The library reads everything else again.
    pub(super) fn poll_first(&mut self, context: &mut Context<'_>, max_text: usize) -> Poll<FirstRead> {
        let mut space = [MaybeUninit::uninit(); FIRST_READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        if ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer)).is_err() {
            return Poll::Ready(FirstRead::End);
        }
        let bytes = buffer.filled();
        if let Some(text) = fast_path::text(bytes, max_text) {
            return Poll::Ready(FirstRead::Text(text));
        }
        self.note(bytes);
        self.prefix = Prefix::new(Bytes::copy_from_slice(bytes));
        Poll::Ready(if bytes.is_empty() {
            FirstRead::End
        } else {
            FirstRead::Other
        })
    }

    fn poll_socket(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.note(&buffer.filled()[before..]);
        read
    }

    /// Records bytes that have been read.
    fn note(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.heard_at = Some(Instant::now());
        }
        self.framing.advance(bytes);
        self.budget = self.budget.saturating_sub(bytes.len());
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Adapter<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.budget == 0 {
            return Poll::Ready(Err(io::Error::other("the message has too many fragments")));
        }
        if self.prefix.read(buffer) {
            return Poll::Ready(Ok(()));
        }
        self.poll_socket(context, buffer)
    }
}

impl<R: Unpin> AsyncWrite for Adapter<R> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let frames: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let written = frames.len();
        if let [first, _length, code @ ..] = &frames[..]
            && first & 0x0f == CLOSE
        {
            let code = code.first_chunk().map(|code| u16::from_be_bytes(*code));
            self.wrote_close = Some(code.unwrap_or(0));
        }
        self.outbox.push(Frame::Raw(Bytes::from(frames)));
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
