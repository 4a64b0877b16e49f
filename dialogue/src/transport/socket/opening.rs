//! What is known of a connection before its first frame.

use std::net::SocketAddr;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection::Handshake;

/// A connection that has just been opened.
pub(crate) struct Opening {
    /// The credentials in its HTTP request, for `authenticate`; `None` if nothing reads them. Boxed, because the future of
    /// a connection has space for them in several places.
    pub(crate) presented: Option<Box<Handshake>>,
    /// The address at the other end of the socket, if it is known.
    pub(crate) peer: Option<SocketAddr>,
    /// The end of the time for headers, upgrade and authentication together.
    pub(crate) connect_by: Instant,
    /// Announces the end of the listener that the connection came through, or of the server.
    pub(crate) closing: CancellationToken,
}
