//! Tools for tests of Dialogue and of programs built on it: clients without a network, and parts of a server without
//! the protocol.
//!
//! Needs the feature `testing`; `connect` also needs `client`. Enable both in a dev-dependency. Nothing here belongs in
//! a production program.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::protocol::ErrorCode;
use crate::protocol::{EventHead, Request};
use crate::runtime::Core;
use crate::{Dialogue, EventMessage, Limits, transport};

/// How many bytes a pipe holds in each direction: about as many as a socket.
#[cfg(feature = "client")]
const PIPE_BYTES: usize = 64 * 1024;

/// Starts the settings of a client of this server, for tests of your own rooms and hooks. Await the result to connect.
/// It is a [`DialogueClient`](crate::DialogueClient) like any other, except that it connects through a pipe in memory,
/// which also works on a paused clock.
///
/// `authenticate` receives what [`auth`](crate::client::ClientBuilder::auth) and
/// [`header`](crate::client::ClientBuilder::header) set, without a query or a peer address. There is no HTTP, so the
/// `Origin` is not checked.
///
/// ```
/// use dialogue::prelude::*;
/// use dialogue::client::ClientError;
/// use dialogue::protocol::ErrorCode;
/// use dialogue::testing;
/// use serde_json::json;
///
/// #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
/// pub struct Message { text: String }
/// rooms! { pub Rooms; pub Duo = "duo" { events: [Message], default_subscriptions: *, max_size: 2 } }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In a test: #[tokio::test(start_paused = true)]
/// let dialogue = Dialogue::builder()
///     .rooms::<Rooms>()
///     .authenticate(|handshake| async move {
///         let user = handshake.auth["user"].as_str().ok_or_else(|| Refusal::new("who are you?"))?;
///         Ok(Identity::user(user))
///     })
///     .build()?;
/// let ada = testing::connect(&dialogue).auth(json!({ "user": "ada" })).await?;
/// let bob = testing::connect(&dialogue).auth(json!({ "user": "bob" })).await?;
/// let eve = testing::connect(&dialogue).auth(json!({ "user": "eve" })).await?;
///
/// let mut heard = bob.join(Duo).await?.stream::<Message>();
/// ada.join(Duo).await?.trigger(Message { text: "hello".into() }).await?;
/// let message = heard.next().await.expect("bob is in the room")?;
/// assert_eq!((message.from.as_str(), message.data.text.as_str()), ("ada", "hello"));
///
/// let full = eve.join(Duo).await.map(|_| ());
/// assert!(matches!(full, Err(ClientError::Refused(refused)) if refused.code == ErrorCode::RoomFull));
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "client")]
pub fn connect(dialogue: &Dialogue) -> crate::client::ClientBuilder {
    let core = std::sync::Arc::clone(&dialogue.core);
    crate::client::ClientBuilder::over(Box::new(move |headers| {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let presented = crate::Handshake {
            headers: headers.clone(),
            ..crate::Handshake::new(serde_json::Value::Null)
        };
        let opening = opened(&core, Some(Box::new(presented)));
        let serving = transport::serve_until_stopped(std::sync::Arc::clone(&core), tokio::io::split(theirs), opening);
        core.lifecycle.tasks.spawn(serving);
        ours
    }))
}

/// Serves one connection over any stream, such as one end of `tokio::io::duplex`, as if it had just been upgraded. The
/// stream must carry WebSocket frames. Returns when the connection has ended.
///
/// ```
/// use dialogue::Dialogue;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # dialogue::rooms! { pub Rooms; pub Chat = "chat" { events: [] } }
/// let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
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
/// If this future is dropped, the connection ends as if the network had failed.
pub async fn serve_stream<S>(dialogue: &Dialogue, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let core = dialogue.core.clone();
    let opening = opened(&core, None);
    transport::serve(core, tokio::io::split(stream), opening).await;
}

/// A connection without a network, which has just been opened.
fn opened(core: &Core, presented: Option<Box<crate::Handshake>>) -> transport::Opening {
    transport::Opening {
        presented,
        peer: None,
        connect_by: Instant::now() + core.limits.connect_deadline,
        closing: core.lifecycle.stopping.clone(),
    }
}

/// A WebSocket echo at every path, for messages of up to `message_bytes`. It uses the same handshake, reader and writer
/// as Dialogue's own endpoint, so the results of a conformance suite hold there too.
///
/// A client may be silent for a minute, because suites pause.
pub fn echo_router(message_bytes: usize) -> axum::Router {
    transport::echo_router(Limits {
        message_bytes,
        queue_bytes: message_bytes.saturating_mul(4),
        write_deadline: Duration::from_secs(60),
        ..Limits::default()
    })
}

/// Reads arbitrary bytes as what other servers publish and store in Redis. Says what they are.
#[cfg(feature = "redis")]
#[doc(hidden)]
#[must_use]
pub fn read_foreign(bytes: &[u8]) -> Vec<&'static str> {
    crate::cluster::redis::read_foreign(bytes)
}

/// Parses a client's frame.
///
/// # Errors
///
/// The code of the error that the server would answer with.
#[doc(hidden)]
pub fn parse_request(text: &str, max_depth: usize) -> Result<impl std::fmt::Debug + PartialEq, ErrorCode> {
    Request::parse(text, max_depth).map_err(|refused| refused.code)
}

/// The whole frame of an event as subscribers receive it, header included.
#[doc(hidden)]
pub fn encode_event(message: &EventMessage) -> bytes::Bytes {
    EventHead::of(message).prepare().finish(message.seq).wire
}

#[cfg(test)]
#[cfg(feature = "client")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::{ClientError, ConnectionState};
    use crate::connection::Close;
    use crate::prelude::*;
    use crate::protocol::CloseCode;

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
    #[event(history)]
    struct Message {
        text: String,
    }

    rooms! {
        Rooms;
        Chat = "chat" { events: [Message], default_subscriptions: [Message] }
    }

    fn server() -> Dialogue {
        Dialogue::builder()
            .rooms::<Rooms>()
            .authenticate(|handshake| async move {
                let user = handshake.auth["user"].as_str().map(str::to_owned);
                let user = user.or_else(|| handshake.cookie("user").map(str::to_owned));
                Ok(Identity::user(user.ok_or_else(|| Refusal::new("nobody"))?))
            })
            .build()
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn clients_without_a_network_sign_in_with_their_credentials() {
        let server = server();
        let ada = connect(&server).auth(json!({ "user": "ada" })).await.unwrap();
        let bob = connect(&server).header("cookie", "user=bob").await.unwrap();
        assert_eq!((ada.user_id(), bob.user_id()), (Some("ada".into()), Some("bob".into())));
        let nobody = connect(&server).await.map(|_| ());
        assert!(matches!(nobody, Err(ClientError::Unauthenticated { .. })), "{nobody:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_a_network_recovers_what_it_missed() {
        let server = server();
        let ada = connect(&server).auth(json!({ "user": "ada" })).await.unwrap();
        let mut heard = ada.join(Chat).await.unwrap().stream::<Message>();
        let mut states = ada.states();
        let slow = Close::now(CloseCode::SlowConsumer, "the client reads too slowly");
        server.here().clients_of("ada")[0].state.close(slow);
        while states.next().await == Some(ConnectionState::Connected) {}
        server.trigger(Chat, Message { text: "1".into() }).await.unwrap();
        assert_eq!(heard.next().await.unwrap().unwrap().data.text, "1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_stops_while_clients_without_a_network_are_connected() {
        let server = server();
        let ada = connect(&server).auth(json!({ "user": "ada" })).await.unwrap();
        server.stop().await.unwrap();
        ada.disconnect().await;
        assert!(server.here().clients().is_empty());
    }
}
