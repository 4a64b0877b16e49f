//! For tests of Dialogue and of what is built on it: parts of a server without a network, or without the protocol.
//!
//! Needs the feature `testing`; nothing here belongs into a program that serves people.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::protocol::{EventHead, Request};
use crate::session::Presented;
use crate::{Dialogue, ErrorCode, EventMessage, Limits, transport};

/// Serves one connection over any stream, such as one end of `tokio::io::duplex`, as if it had just been upgraded: what
/// is read are WebSocket frames. Returns when the connection has ended.
///
/// ```
/// use dialogue::Dialogue;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dialogue = Dialogue::builder().build()?;
/// let (client, server) = tokio::io::duplex(64 * 1024);
/// let serving = tokio::spawn(async move { dialogue::testing::serve_stream(&dialogue, server).await });
/// // `client` is one end of a WebSocket now; here it hangs up.
/// drop(client);
/// serving.await?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropped, the connection ends as if the network had failed.
pub async fn serve_stream<S>(dialogue: &Dialogue, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let core = dialogue.core.clone();
    let connect_by = Instant::now() + core.limits.connect_deadline;
    transport::serve(core, stream, Presented::default(), connect_by).await;
}

/// A WebSocket at every path that sends messages back as they came, up to `message_bytes` each. It shares the handshake,
/// the reader and the writer with Dialogue's own endpoint, so that what a conformance suite finds here holds there.
///
/// A client may be slow for a minute: suites pause.
pub fn echo_router(message_bytes: usize) -> axum::Router {
    transport::echo_router(Limits {
        message_bytes,
        queue_bytes: message_bytes.saturating_mul(4),
        write_deadline: Duration::from_secs(60),
        ..Limits::default()
    })
}

/// Reads a client's frame, or says why it is refused.
///
/// # Errors
///
/// The code of the error with which it is answered.
#[doc(hidden)]
pub fn parse_request(text: &str, max_depth: usize) -> Result<impl std::fmt::Debug + PartialEq, ErrorCode> {
    Request::parse(text, max_depth).map_err(|refused| refused.code)
}

/// The whole frame, header included, of an event as its subscribers get it.
#[doc(hidden)]
pub fn encode_event(message: &EventMessage) -> bytes::Bytes {
    EventHead::of(message).prepare().finish(message.seq).wire
}
