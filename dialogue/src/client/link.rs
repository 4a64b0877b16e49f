//! One connection: a socket, TLS over it where the URL says so, and the WebSocket protocol. The only part of the client
//! that touches the network. It knows frames as text, not what they say.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt};
use http::{HeaderMap, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio_websockets::{ClientBuilder, CloseCode, Config, Connector, Error, Limits, Message, WebSocketStream};

use super::error::ClientError;

/// How much may wait to be written before nothing more is read. Far over what the session has in flight, so that only a
/// server that asks for pongs and takes none meets it.
const MAX_UNWRITTEN: usize = 1024 * 1024;

/// The longest answer to the upgrade, in bytes: many times that of any proxy.
const MAX_HANDSHAKE: usize = 64 * 1024;

/// How long the other side may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where to connect to, and how.
pub(super) struct Destination {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// Certificates to trust besides those of the system, in DER.
    pub(super) roots: Vec<Vec<u8>>,
    /// The longest message that is taken, in bytes.
    pub(super) max_message: usize,
    /// Made at the first connection that needs it: reading the system's certificates takes a while.
    pub(super) tls: OnceCell<TlsConnector>,
    /// Opens connections instead of the network, to a server in the same program.
    #[cfg(feature = "testing")]
    pub(super) pipe: Option<Pipe>,
}

/// Opens a connection that is upgraded already, by a request with these headers.
#[cfg(feature = "testing")]
pub(super) type Pipe = Box<dyn Fn(&HeaderMap) -> tokio::io::DuplexStream + Send + Sync>;

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    socket: WebSocketStream<HandshakeLimited<Box<dyn ByteStream>>>,
}

/// What carries a connection: TCP, TLS over it, or a pipe.
trait ByteStream: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> ByteStream for S {}

/// What comes in.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Text(Message),
    /// A ping or a pong: a sign of life.
    Sign,
    End(LinkEnd),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkEnd {
    /// By a close of the server.
    Closed { code: u16, reason: String },
    /// Without one: what the network says.
    Lost(String),
    /// The server broke the protocol.
    Broken(String),
}

impl Link {
    /// Connects and upgrades.
    pub(super) async fn open(target: &Destination) -> Result<Self, ClientError> {
        let mut builder = ClientBuilder::from_uri(target.uri.clone())
            .config(Config::default().flush_threshold(MAX_UNWRITTEN))
            .limits(Limits::default().max_payload_len(Some(target.max_message)));
        #[cfg(feature = "testing")]
        if let Some(pipe) = &target.pipe {
            let socket = builder.take_over(HandshakeLimited {
                stream: Box::new(pipe(&target.headers)) as _,
                handshake: None,
            });
            return Ok(Self { socket });
        }
        for (name, value) in &target.headers {
            builder = builder
                .add_header(name.clone(), value.clone())
                .map_err(ClientError::connect)?;
        }
        let guarded = HandshakeLimited {
            stream: dial(target).await?,
            handshake: Some(MAX_HANDSHAKE),
        };
        let (mut socket, _) = builder.connect_on(guarded).await.map_err(ClientError::connect)?;
        socket.get_mut().handshake = None;
        Ok(Self { socket })
    }

    /// Queues a frame; it is written while the next one is waited for. Whether the connection still stands is told there.
    pub(super) fn send(&mut self, text: String) {
        let _ = Pin::new(&mut self.socket).start_send(Message::text(text));
    }

    /// The next that comes in. Safe to drop: nothing is lost.
    pub(super) async fn next(&mut self) -> LinkEvent {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<LinkEvent> {
        // With too much unwritten, nothing more is read: what is read may have to be answered.
        if let Err(error) = ready!(Pin::new(&mut self.socket).poll_ready(context)) {
            return Poll::Ready(LinkEvent::End(end_of(&error)));
        }
        let message = match ready!(Pin::new(&mut self.socket).poll_next(context)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Poll::Ready(LinkEvent::End(end_of(&error))),
            None => return Poll::Ready(LinkEvent::End(LinkEnd::Lost("the connection was closed".to_owned()))),
        };
        Poll::Ready(if message.is_text() {
            LinkEvent::Text(message)
        } else if let Some((code, reason)) = message.as_close() {
            LinkEvent::End(LinkEnd::Closed {
                code: code.into(),
                reason: reason.to_owned(),
            })
        } else if message.is_binary() {
            LinkEvent::End(LinkEnd::Broken("the server sent a binary message".to_owned()))
        } else {
            LinkEvent::Sign
        })
    }

    /// Says goodbye, or answers the other side's, and waits for the end within a bound.
    pub(super) async fn close(mut self) {
        let goodbye = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        let _ = Pin::new(&mut self.socket).start_send(goodbye);
        let _ = timeout(CLOSE_TIMEOUT, async {
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
    }
}

/// Opens the connection that carries the WebSocket.
async fn dial(target: &Destination) -> Result<Box<dyn ByteStream>, ClientError> {
    let host = target.uri.host().unwrap_or_default();
    // The brackets of an IPv6 address belong to the URL.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let secure = target.uri.scheme_str() == Some("wss");
    let port = target.uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await.map_err(ClientError::connect)?;
    stream.set_nodelay(true).map_err(ClientError::connect)?;
    let connector = if secure {
        Connector::Rustls(target.tls.get_or_try_init(|| tls(target.roots.clone())).await?.clone())
    } else {
        Connector::Plain
    };
    let stream = connector.wrap(host, stream).await.map_err(ClientError::connect)?;
    Ok(Box::new(stream))
}

fn end_of(error: &Error) -> LinkEnd {
    match error {
        Error::Io(_) | Error::AlreadyClosed => LinkEnd::Lost(error.to_string()),
        _ => LinkEnd::Broken(error.to_string()),
    }
}

/// TLS by the system's certificates and further ones. These are files, which are not to hold up other tasks.
async fn tls(roots: Vec<Vec<u8>>) -> Result<TlsConnector, ClientError> {
    let native = spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(ClientError::connect)?;
    let mut store = RootCertStore::empty();
    // One that cannot be read is no reason to do without the others.
    store.add_parsable_certificates(native.certs);
    for root in roots {
        store.add(CertificateDer::from(root)).map_err(ClientError::connect)?;
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::connect)?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// A stream that ends if the handshake is longer than it may be: the library reads an answer to its end.
#[derive(Debug)]
struct HandshakeLimited<S> {
    stream: S,
    /// How many more bytes the handshake may have.
    handshake: Option<usize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for HandshakeLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        if let Some(left) = &mut self.handshake {
            match left.checked_sub(read) {
                Some(rest) => *left = rest,
                None => return Poll::Ready(Err(io::Error::other("the answer to the upgrade is too long"))),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HandshakeLimited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
