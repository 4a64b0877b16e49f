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

use super::framing::Framing;
use crate::client::{Frame, Outbox};

/// How much is read at once while nothing is under way: it comes onto the stack first.
const FIRST_READ: usize = 4096;

/// The opcode of a close frame.
const CLOSE: u8 = 0x8;

/// The socket as the protocol library sees it.
pub(super) struct Wire<R> {
    socket: R,
    outbox: Arc<Outbox>,
    /// How many more bytes may come before a message is complete.
    budget: usize,
    full_budget: usize,
    wrote_close: bool,
    /// Where the client is in its frames.
    framing: Framing,
    /// Read, and to be read again by the library.
    unread: Bytes,
}

impl<R> Wire<R> {
    /// A wire on which at most `budget` bytes may make up one message, all its fragments' headers included.
    pub(super) fn new(socket: R, outbox: Arc<Outbox>, budget: usize) -> Self {
        Self {
            socket,
            outbox,
            budget,
            full_budget: budget,
            wrote_close: false,
            framing: Framing::default(),
            unread: Bytes::new(),
        }
    }

    /// Whether all that was read are whole messages, so that a library that wants more to read keeps nothing of the client.
    pub(super) fn is_at_rest(&self) -> bool {
        self.unread.is_empty() && self.framing.is_between_messages()
    }

    /// Notes that a message is complete.
    pub(super) fn message_done(&mut self) {
        self.budget = self.full_budget;
    }

    /// Whether the library has said its own close.
    pub(super) fn wrote_close(&self) -> bool {
        self.wrote_close
    }
}

impl<R: AsyncRead + Unpin> Wire<R> {
    /// Waits until there is something to read, without memory of its own to read into. False at the end of the stream, or
    /// if it fails.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let mut space = [MaybeUninit::uninit(); FIRST_READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        match ready!(self.poll_socket(context, &mut buffer)) {
            Ok(()) => {
                self.unread = Bytes::copy_from_slice(buffer.filled());
                Poll::Ready(!self.unread.is_empty())
            }
            Err(_) => Poll::Ready(false),
        }
    }

    fn poll_socket(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        let bytes = &buffer.filled()[before..];
        self.framing.advance(bytes);
        self.budget = self.budget.saturating_sub(bytes.len());
        read
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Wire<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.budget == 0 {
            return Poll::Ready(Err(io::Error::other("a message of endless fragments")));
        }
        if !self.unread.is_empty() {
            let bytes = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(bytes));
            if self.unread.is_empty() {
                // Or it would keep its memory.
                self.unread = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        self.poll_socket(context, buffer)
    }
}

impl<R: Unpin> AsyncWrite for Wire<R> {
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
        self.wrote_close |= frames.first().is_some_and(|first| first & 0x0f == CLOSE);
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
