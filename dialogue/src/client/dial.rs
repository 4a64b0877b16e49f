//! Opens the stream that carries a connection: TCP, and TLS if the URL asks for it. The only part of the client that uses
//! the network.

use std::error::Error as StdError;
use std::sync::Arc;

use http::{HeaderMap, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio_websockets::Connector;

use super::first_address::first_to_answer;

/// Where to connect, and how.
pub(super) struct Destination {
    pub(super) uri: Uri,
    /// The URL without what may be secret.
    pub(super) shown: String,
    pub(super) headers: HeaderMap,
    /// Certificates to trust in addition to the system's.
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// The largest message to accept, in bytes.
    pub(super) max_message: usize,
    /// Created for the first connection that needs it, because reading the system's certificates takes a while.
    pub(super) tls: OnceCell<TlsConnector>,
    /// Connects to a server in the same program instead of using the network.
    #[cfg(feature = "testing")]
    pub(super) pipe: Option<Pipe>,
}

/// Opens a connection that needs no upgrade, as if these headers had been sent.
#[cfg(feature = "testing")]
pub(super) type Pipe = Box<dyn Fn(&HeaderMap) -> tokio::io::DuplexStream + Send + Sync>;

/// Why a connection cannot be opened.
pub(super) type OpenError = Box<dyn StdError + Send + Sync>;

impl Destination {
    /// The URL as errors name it: without its query, which may contain credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

/// The stream under the WebSocket: TCP, TLS over TCP, or a pipe.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> ByteStream for S {}

/// Opens the stream that carries the WebSocket.
pub(super) async fn dial(destination: &Destination) -> Result<Box<dyn ByteStream>, OpenError> {
    let host = destination.uri.host().unwrap_or_default();
    // The brackets around an IPv6 address belong to the URL, not to the address.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let secure = destination.uri.scheme_str() == Some("wss");
    let port = destination.uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let addresses = lookup_host((host, port)).await?;
    let stream = first_to_answer(addresses, TcpStream::connect).await?;
    stream.set_nodelay(true)?;
    let connector = if secure {
        Connector::Rustls(
            destination
                .tls
                .get_or_try_init(|| tls(&destination.roots))
                .await?
                .clone(),
        )
    } else {
        Connector::Plain
    };
    let stream = connector.wrap(host, stream).await?;
    Ok(Box::new(stream))
}

/// TLS with the system's certificates and additional ones. The system's are files, so a blocking thread reads them.
async fn tls(roots: &[CertificateDer<'static>]) -> Result<TlsConnector, OpenError> {
    let native = spawn_blocking(rustls_native_certs::load_native_certs).await?;
    let mut store = RootCertStore::empty();
    // A certificate that cannot be parsed does not make the others useless.
    store.add_parsable_certificates(native.certs);
    for root in roots {
        store.add(root.clone())?;
    }
    if store.is_empty() {
        return Err(
            "the system has no certificates to trust: install its package `ca-certificates`, or call `trust`".into(),
        );
    }
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    // A proxy that also speaks HTTP/2 must not choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}
