//! The stream that the protocol library runs over: reads from the socket, writes into the outbox.
//!
//! So the library's own frames (pongs and closes, each written whole) queue with all others, and only one place writes
//! to the socket.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::fast_path;
use super::framing::Framing;
use super::prefix::Prefix;
use crate::connection::{Frame, Outbox};

/// How much is read at once while nothing is under way: it comes onto the stack first.
const FIRST_READ: usize = 4096;

/// The opcode of a close frame.
const CLOSE: u8 = 0x8;

/// The socket as the protocol library sees it.
pub(super) struct Adapter<R> {
    socket: R,
    outbox: Arc<Outbox>,
    /// How many more bytes may come before a message is complete.
    budget: usize,
    full_budget: usize,
    /// The code of the library's own close frame, 0 if that has none.
    wrote_close: Option<u16>,
    /// Where the client is in its frames.
    framing: Framing,
    /// Read, and to be read again by the library.
    prefix: Prefix,
}

/// How a message begins.
pub(super) enum FirstRead {
    /// It was a whole one.
    Text(String),
    /// With what the library has to look at.
    Other,
    /// It does not: the stream has ended, or failed.
    End,
}

impl<R> Adapter<R> {
    /// A wire on which at most `budget` bytes may make up one message, all its fragments' headers included.
    pub(super) fn new(socket: R, outbox: Arc<Outbox>, budget: usize) -> Self {
        Self {
            socket,
            outbox,
            budget,
            full_budget: budget,
            wrote_close: None,
            framing: Framing::default(),
            prefix: Prefix::default(),
        }
    }

    /// Whether all that was read are whole messages, so that a library that wants more to read keeps nothing of the client.
    pub(super) fn is_at_rest(&self) -> bool {
        self.prefix.is_empty() && self.framing.is_between_messages()
    }

    /// Notes that the library has made a message of what came. A control frame completes nothing if it stands among the
    /// frames of a message.
    pub(super) fn message_done(&mut self, is_data: bool) {
        if is_data || !self.framing.is_in_message() {
            self.budget = self.full_budget;
        }
    }

    /// The code of the close frame that the library has written, 0 if that has none; `None` if it has written none.
    pub(super) fn wrote_close(&self) -> Option<u16> {
        self.wrote_close
    }
}

impl<R: AsyncRead + Unpin> Adapter<R> {
    /// Waits for the beginning of a message, without memory of its own to read into. A text of at most `max_text` bytes
    /// is taken if it comes whole; all else is to be read again, by the library.
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

    /// Notes what has come.
    fn note(&mut self, bytes: &[u8]) {
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
            return Poll::Ready(Err(io::Error::other("a message of endless fragments")));
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
