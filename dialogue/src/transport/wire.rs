//! The stream that the protocol library runs over: reads from the socket, writes into the outbox.
//!
//! So the library's own frames (pongs and closes, each written whole) queue with all others, and only one place writes
//! to the socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::{Frame, Outbox};

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
        }
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

impl<R: AsyncRead + Unpin> AsyncRead for Wire<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.budget == 0 {
            return Poll::Ready(Err(io::Error::other("a message of endless fragments")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        self.budget = self.budget.saturating_sub(bytes);
        read
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
