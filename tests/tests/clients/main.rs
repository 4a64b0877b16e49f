//! The Rust client against a real server, over real sockets: its API, and its behaviour when things break.

mod close_codes;
mod erasure;
mod gaps;
mod handles;
mod hostile;
mod offers;
mod pacing;
mod recovery;
mod rejoin;
mod script;
mod sessions;
mod tls;

use dialogue::DialogueClient;
use dialogue::client::{ConnectionState, ConnectionStates};
use dialogue_tests::{TestServer, within};
use serde_json::json;
use std::time::Duration;

/// Connects a client of this user.
async fn connect_as(server: &TestServer, user: &str) -> DialogueClient {
    connect_to(&format!("ws://{}", server.address()), user).await
}

/// Connects a client of this user that reconnects without delay.
async fn connect_to(url: &str, user: &str) -> DialogueClient {
    let connecting = DialogueClient::connect(url)
        .auth(json!({ "userId": user }))
        .backoff(Duration::from_millis(1), Duration::from_millis(20));
    within("a connection", connecting.into_future())
        .await
        .expect("the server accepts the client")
}

/// Waits until the connection is in a wanted state.
async fn reach(states: &mut ConnectionStates, wanted: impl Fn(&ConnectionState) -> bool) -> ConnectionState {
    within("a state of the connection", async {
        loop {
            let state = states.next().await.expect("the connection continues");
            if wanted(&state) {
                return state;
            }
        }
    })
    .await
}

/// Waits until the connection is lost.
async fn lost(states: &mut ConnectionStates) {
    reach(states, |state| matches!(state, ConnectionState::Reconnecting { .. })).await;
}
