//! A server on its own port.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

use dialogue::{Builder, Dialogue, Limits, RoomHandle, RoomRef};

use crate::{RawClient, Rooms, TestClient, within};

/// A running server. It dereferences to its [`Dialogue`], and ends with the test's runtime if nothing stops it first.
pub struct TestServer {
    dialogue: Dialogue,
    address: SocketAddr,
}

impl TestServer {
    /// Builds a server and starts it on a free port.
    pub async fn start(builder: Builder) -> Self {
        let dialogue = builder.build().expect("the server builds");
        let address = dialogue.start((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        Self { dialogue, address }
    }

    /// Starts a server with the [fixture's rooms](crate::Rooms). It trusts the user ids that clients claim.
    pub async fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Dialogue::builder().rooms::<Rooms>().trust_client_identity();
        Self::start(configure(builder)).await
    }

    /// Starts the same server with nothing else configured.
    pub async fn plain() -> Self {
        Self::with(|builder| builder).await
    }

    /// Starts the same server with these limits.
    pub async fn limited(limits: Limits) -> Self {
        Self::with(|builder| builder.limits(limits)).await
    }

    /// Looks up a room of a server whose store works.
    pub async fn room(&self, room: impl RoomRef) -> Option<RoomHandle> {
        self.dialogue.room(room).await.expect("an answer")
    }

    /// The server itself, for methods whose names the harness uses, too.
    pub fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// Whether the server still accepts connections.
    pub fn is_listening(&self) -> bool {
        std::net::TcpStream::connect_timeout(&self.address, crate::PATIENCE).is_ok()
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client that has sent `connect` as this user and has received `connected`.
    pub async fn connect_as(&self, user: &str) -> TestClient {
        TestClient::connect_as(self.address, user).await
    }

    /// A client of this user that has joined this room with its default subscriptions.
    pub async fn joined(&self, user: &str, room: &str) -> TestClient {
        let mut client = self.connect_as(user).await;
        client.join(room).await;
        client
    }

    /// A client that has sent nothing yet.
    pub async fn open(&self) -> TestClient {
        TestClient::open(self.address).await
    }

    /// An upgraded connection for frames that no library would send.
    pub async fn raw(&self) -> RawClient {
        RawClient::open(self.address).await
    }

    /// Stops the server and waits for the end of the drain.
    pub async fn stop(&self) {
        within("the end of the drain", self.dialogue.stop())
            .await
            .expect("the drain finishes in time");
    }
}

impl Deref for TestServer {
    type Target = Dialogue;

    fn deref(&self) -> &Dialogue {
        &self.dialogue
    }
}
