//! The socket of an upgraded connection, without the wrappers that HTTP needed.
//!
//! The HTTP library hands over an upgraded connection behind a trait object, and splitting it adds a lock. Every frame to
//! every reader would have to go through memory that has left the cache by then.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::http_socket::HttpSocket;
use crate::transport::socket::prefix::Prefix;

/// The halves of the socket, if this server accepted it. If the router is mounted in another server, the socket has
/// another type.
pub(super) fn halves(upgraded: Upgraded) -> Result<(RawReader, OwnedWriteHalf), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<HttpSocket<TcpStream>>>()?;
    let (socket, held_back) = parts.io.into_inner().into_parts();
    let (socket, writing) = socket.into_split();
    let mut prefix = Prefix::new(held_back);
    prefix.put_back(&parts.read_buf);
    Ok((RawReader { prefix, socket }, writing))
}

/// Reads the bytes that a client sends after its request.
#[derive(Debug)]
pub(super) struct RawReader {
    /// The bytes that were read together with the request.
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
