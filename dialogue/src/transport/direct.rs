//! The socket of an upgraded connection itself, without what HTTP needed around it.
//!
//! The HTTP library hands an upgraded connection over behind a pointer to a trait and with a lock around its halves: for each
//! frame of each reader that is a walk through memory that is cold by then.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::stall::Noting;

/// The halves of the socket, if it is one of the serve loop's: a server that the router is mounted in has its own.
pub(super) fn halves(upgraded: Upgraded) -> Result<(Reading, OwnedWriteHalf), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<Noting<TcpStream>>>()?;
    let (socket, writing) = parts.io.into_inner().into_inner().into_split();
    let mut reading = Reading {
        early: parts.read_buf,
        socket,
    };
    reading.let_go();
    Ok((reading, writing))
}

/// What a client sends, from the first byte behind its request on.
#[derive(Debug)]
pub(super) struct Reading {
    /// What was read with the request, as far as it is still to be taken.
    early: Bytes,
    socket: OwnedReadHalf,
}

impl Reading {
    /// Lets go of the memory that the whole request was read into, once nothing of it is left.
    fn let_go(&mut self) {
        if self.early.is_empty() {
            self.early = Bytes::new();
        }
    }
}

impl AsyncRead for Reading {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.socket).poll_read(context, buffer);
        }
        let count = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early.split_to(count));
        self.let_go();
        Poll::Ready(Ok(()))
    }
}
