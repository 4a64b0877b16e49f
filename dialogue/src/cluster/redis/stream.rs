//! Opens the stream under a connection to Redis: TCP, TLS or a Unix socket. Counts what is written to it.
//!
//! redis-rs answers all requests of a lost connection with the same error. The number of bytes that the stream has taken says
//! which of them Redis cannot have received.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::Address;
use super::tls::{Roots, connector};

/// Why a connection cannot be opened.
pub(super) type OpenError = Box<dyn StdError + Send + Sync>;

/// The operating system notices a dead peer of an idle connection. The answers that are owed notice it sooner.
const KEEPALIVE: Duration = Duration::from_secs(15);

trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A stream that counts the bytes it has taken.
pub(super) struct CountedStream {
    stream: Box<dyn ByteStream>,
    written: Arc<AtomicU64>,
}

impl CountedStream {
    /// Connects. Encrypts if there are certificates to trust.
    pub(super) async fn open(address: &Address, roots: Option<&Roots>) -> Result<Self, OpenError> {
        let stream: Box<dyn ByteStream> = match address {
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                match roots {
                    Some(roots) => {
                        let name = ServerName::try_from(host.clone())?;
                        Box::new(connector(roots).await?.connect(name, stream).await?)
                    }
                    None => Box::new(stream),
                }
            }
            #[cfg(unix)]
            Address::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err("this system has no Unix sockets".into()),
        };
        Ok(Self {
            stream,
            written: Arc::default(),
        })
    }

    /// How many bytes the stream has taken.
    pub(super) fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.written.fetch_add(count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
