//! Whether a client is connected, and whether it reconnects after a close code.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use crate::protocol::ErrorCode;

/// The state of a client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// The first attempt to connect is under way.
    Connecting,
    /// Connected and signed in. Rooms may still be rejoining.
    Connected,
    /// The connection was lost, and the client is reconnecting.
    Reconnecting {
        /// How many attempts have failed in a row.
        attempt: u32,
    },
    /// The connection is closed for good.
    Closed(CloseReason),
}

/// Why a connection has ended for good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The program called [`disconnect`](crate::DialogueClient::disconnect), or dropped the last handle.
    ByClient,
    /// The server closed the connection with a code after which a client does not reconnect: see
    /// [`CloseCode`](crate::protocol::CloseCode).
    ByServer {
        /// The close code.
        code: u16,
        /// The server's reason.
        reason: String,
    },
    /// The server refused the connection without a close code and would refuse the next attempt too. It rejects the
    /// credentials, either because they are wrong or because they are malformed.
    Refused {
        /// The code, for programs.
        code: ErrorCode,
        /// The message, for people.
        message: String,
    },
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByClient => f.write_str("by the client"),
            Self::ByServer { code, reason } => write!(f, "by the server, {code} ({reason})"),
            Self::Refused { code, message } => write!(f, "refused by the server, {code} ({message})"),
        }
    }
}

/// Whether a client reconnects after a close with `code`. A connection that ends without a close frame has 1006.
pub(super) fn reconnects(code: u16) -> bool {
    match code {
        // A malformed frame, a binary frame, invalid UTF-8 or an oversized message would only happen again.
        1002 | 1003 | 1007 | 1009 => false,
        4500..=4999 => false,
        _ => true,
    }
}

/// The state of a connection as a stream: first the current state, then each change. The stream skips states that have
/// already passed when the program polls it. It ends after [`ConnectionState::Closed`].
#[must_use = "a stream does nothing unless it is read"]
pub struct ConnectionStates(BoxStream<'static, ConnectionState>);

impl ConnectionStates {
    pub(super) fn new(mut receiver: watch::Receiver<ConnectionState>) -> Self {
        receiver.mark_changed();
        let states = futures_util::stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            receiver.changed().await.ok()?;
            let state = receiver.borrow_and_update().clone();
            let goes_on = !matches!(state, ConnectionState::Closed(_));
            Some((state, goes_on.then_some(receiver)))
        });
        Self(Box::pin(states))
    }

    /// The next state; `None` after the last one.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: no state is lost.
    pub async fn next(&mut self) -> Option<ConnectionState> {
        std::future::poll_fn(|context| self.0.as_mut().poll_next(context)).await
    }
}

impl Stream for ConnectionStates {
    type Item = ConnectionState;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ConnectionStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionStates").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::CloseCode;

    #[test]
    fn client_and_server_agree_on_which_close_codes_reconnect() {
        for code in [
            CloseCode::GoingAway,
            CloseCode::ProtocolError,
            CloseCode::BinaryFrame,
            CloseCode::InvalidUtf8,
            CloseCode::NoConnect,
            CloseCode::MessageTooBig,
            CloseCode::Restarting,
            CloseCode::SlowConsumer,
            CloseCode::SessionExpired,
            CloseCode::RecoverAgain,
            CloseCode::Unauthenticated,
            CloseCode::Disconnected,
            CloseCode::TooManyConnections,
            CloseCode::Flooding,
            CloseCode::UnsupportedProtocol,
        ] {
            assert_eq!(reconnects(code.code()), code.reconnects(), "{code}");
        }
        for (code, back) in [
            (1000, true),
            (1005, true),
            (1006, true),
            (1011, true),
            (4499, true),
            (4999, false),
        ] {
            assert_eq!(reconnects(code), back, "{code}");
        }
    }

    #[tokio::test]
    async fn the_stream_of_states_ends_after_the_last_one() {
        let (sender, receiver) = watch::channel(ConnectionState::Connecting);
        let mut states = ConnectionStates::new(receiver);
        assert_eq!(states.next().await, Some(ConnectionState::Connecting));
        let _ = sender.send(ConnectionState::Connected);
        assert_eq!(states.next().await, Some(ConnectionState::Connected));
        let closed = ConnectionState::Closed(CloseReason::ByClient);
        let _ = sender.send(closed.clone());
        assert_eq!((states.next().await, states.next().await), (Some(closed), None));
    }
}
