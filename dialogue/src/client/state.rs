//! Whether a client is connected, and what a close code means for whether it comes back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use crate::protocol::ErrorCode;

/// Where a client's connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// The first connection is being made.
    Connecting,
    /// Connected and signed in. Rooms may still be on their way back.
    Connected,
    /// The connection was lost, and comes back by itself.
    Reconnecting {
        /// How many attempts have failed in a row.
        attempt: u32,
    },
    /// There is no connection, and there will be none.
    Closed(CloseReason),
}

/// Why a connection has ended for good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// By [`disconnect`](crate::DialogueClient::disconnect), or because nobody held the client any more.
    ByClient,
    /// The server closed it with a code by which a client does not come back by itself: see
    /// [`CloseCode`](crate::CloseCode).
    ByServer {
        /// The close code.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// The server refused the connection without closing it by a code, and would refuse the next one too: it finds the
    /// credentials bad, as such or as JSON.
    Refused {
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByClient => f.write_str("by the client"),
            Self::ByServer { code, reason } => write!(f, "by the server, {code} ({reason})"),
            Self::Refused { code, message } => write!(f, "by a refusal of the server, {code} ({message})"),
        }
    }
}

/// Whether a client that finds its connection closed with `code` comes back by itself. 1006 is what a connection without a
/// close has.
pub(super) fn reconnects(code: u16) -> bool {
    match code {
        // Bad frames, binary, no UTF-8, too long: the same would only happen again.
        1002 | 1003 | 1007 | 1009 => false,
        4500..=4999 => false,
        _ => true,
    }
}

/// The state of a connection as a stream: first the present one, then each later one; those that are over before they are
/// looked at are left out. Ends behind [`ConnectionState::Closed`].
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

    /// The next state; `None` behind the last.
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
    fn a_close_code_means_to_a_client_what_it_means_to_a_server() {
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
    async fn the_states_end_behind_the_last_one() {
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
