//! The socket of an upgraded connection itself, without what HTTP needed around it.
//!
//! The HTTP library hands an upgraded connection over behind a pointer to a trait and with a lock around its halves: for each
//! frame of each reader that is a walk through memory that is cold by then.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::stall::MonitoredSocket;
use crate::transport::socket::prefix::Prefix;

/// The halves of the socket, if it is one of the serve loop's: a server that the router is mounted in has its own.
pub(super) fn halves(upgraded: Upgraded) -> Result<(RawReader, OwnedWriteHalf), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<MonitoredSocket<TcpStream>>>()?;
    let (socket, writing) = parts.io.into_inner().into_inner().into_split();
    let prefix = Prefix::new(parts.read_buf);
    Ok((RawReader { prefix, socket }, writing))
}

/// What a client sends, from the first byte behind its request on.
#[derive(Debug)]
pub(super) struct RawReader {
    /// What was read with the request.
    prefix: Prefix,
    socket: OwnedReadHalf,
}

impl AsyncRead for RawReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.read(buffer) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}
