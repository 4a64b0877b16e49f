//! A server on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

use dialogue::{Builder, Dialogue, Limits};

use crate::{RawClient, Rooms, TestClient, within};

/// A running server. It dereferences to its [`Dialogue`], and ends with the test's runtime if it is not stopped before.
pub struct TestServer {
    dialogue: Dialogue,
    address: SocketAddr,
}

impl TestServer {
    /// Builds a server and starts it on a free port.
    pub async fn start(builder: Builder) -> Self {
        let dialogue = builder.build().expect("the server can be built");
        let address = dialogue
            .start((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port can be bound");
        Self { dialogue, address }
    }

    /// Starts a server with the [fixture](crate::Rooms) and clients that are who they say they are.
    pub async fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
        Self::start(configure(builder)).await
    }

    /// The same with nothing configured.
    pub async fn plain() -> Self {
        Self::with(|builder| builder).await
    }

    /// The same with limits.
    pub async fn limited(limits: Limits) -> Self {
        Self::with(|builder| builder.limits(limits)).await
    }

    /// The server itself, where a method's name is the harness's too.
    pub fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// Whether the server still takes connections.
    pub fn is_listening(&self) -> bool {
        std::net::TcpStream::connect_timeout(&self.address, crate::PATIENCE).is_ok()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client that has said `connect` as this user and has been told `connected`.
    pub async fn connect_as(&self, user: &str) -> TestClient {
        TestClient::connect_as(self.address, user).await
    }

    /// A client of this user that is in this room with its default subscriptions.
    pub async fn joined(&self, user: &str, room: &str) -> TestClient {
        let mut client = self.connect_as(user).await;
        client.join(room).await;
        client
    }

    /// A client that has said nothing yet.
    pub async fn open(&self) -> TestClient {
        TestClient::open(self.address).await
    }

    /// An upgraded connection for frames that no library would write.
    pub async fn raw(&self) -> RawClient {
        RawClient::open(self.address).await
    }

    /// Drains the server.
    pub async fn stop(&self) {
        within("the end of the drain", self.dialogue.stop())
            .await
            .expect("the drain ends by itself");
    }
}

impl Deref for TestServer {
    type Target = Dialogue;

    fn deref(&self) -> &Dialogue {
        &self.dialogue
    }
}
