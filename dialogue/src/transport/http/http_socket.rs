//! The socket of an HTTP connection, which observes what the HTTP library does with it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request_clock::RequestClock;
use super::stall::WriteStall;
use crate::transport::socket::prefix::Prefix;

/// A socket that records how long its writes have been pending, and gives out the bytes of one request at a time.
#[derive(Debug)]
pub(super) struct HttpSocket<S> {
    socket: S,
    stall: WriteStall,
    requests: RequestClock,
    /// The bytes that follow the present request.
    held_back: Prefix,
}

impl<S> HttpSocket<S> {
    pub(super) fn new(socket: S, stall: WriteStall, requests: RequestClock) -> Self {
        Self {
            socket,
            stall,
            requests,
            held_back: Prefix::default(),
        }
    }

    /// The socket, and the bytes that were read from it and not given out yet.
    pub(super) fn into_parts(self) -> (S, Bytes) {
        (self.socket, self.held_back.into_bytes())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HttpSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let filled = buffer.filled().len();
        if !this.held_back.read(buffer) {
            ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        }
        let read = buffer.filled().get(filled..).unwrap_or_default();
        let taken = this.requests.take(read);
        if let Some(rest @ [_, ..]) = read.get(taken..) {
            this.held_back.put_back(rest);
            buffer.set_filled(filled + taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HttpSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.stall.record(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.stall.record(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
