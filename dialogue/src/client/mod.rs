//! The client for Rust programs (feature `client`): the server's room types, from the other side.
//!
//! [`DialogueClient`] speaks the same protocol as a browser, and knows the rooms of the same [`rooms!`](crate::rooms) block: put
//! it in a crate that server and clients share. What a room does not allow its clients, does not compile. The repository's
//! `docs/client-rust.md` has its promises with the tests that show them, and all settings and errors at a glance.
//!
//! ```no_run
//! use dialogue::DialogueClient;
//! use dialogue::prelude::*;
//!
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! #[event(history = 50)]
//! pub struct Message {
//!     pub text: String,
//! }
//!
//! rooms! {
//!     pub Rooms;
//!     pub Chat = "chat" { events: [Message], default_subscriptions: [Message] }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), dialogue::Error> {
//!     let auth = serde_json::json!({ "token": "open sesame" });
//!     let client = DialogueClient::connect("ws://127.0.0.1:3000").auth(auth).await?;
//!     let chat = client.join(Chat).await?;
//!     chat.on(|said: EventMessage<Message>| async move { println!("{}: {}", said.from, said.data.text) });
//!     chat.trigger(Message { text: "hello".into() }).await?;
//!     println!("closed {}", client.closed().await);
//!     Ok(())
//! }
//! ```
//!
//! # What one can do
//!
//! | | |
//! |---|---|
//! | connect, renew credentials, disconnect | [`connect`](DialogueClient::connect), [`auth_with`](ClientBuilder::auth_with), [`disconnect`](DialogueClient::disconnect), [`closed`](DialogueClient::closed) |
//! | see how it goes | [`state`](DialogueClient::state), [`states`](DialogueClient::states), [`on_connect`](DialogueClient::on_connect), [`on_disconnect`](DialogueClient::on_disconnect), [`on_error`](DialogueClient::on_error), [`user_id`](DialogueClient::user_id) |
//! | rooms | [`join`](DialogueClient::join), [`room`](DialogueClient::room), [`list_rooms`](DialogueClient::list_rooms), [`create_room`](DialogueClient::create_room), [`delete_room`](DialogueClient::delete_room), [`on_room_created`](DialogueClient::on_room_created), [`on_room_deleted`](DialogueClient::on_room_deleted) |
//! | in a room | [`trigger`](Joined::trigger), [`on`](Joined::on), [`on_any`](Joined::on_any), [`stream`](Joined::stream), [`subscribe`](Joined::subscribe), [`subscribe_all`](Joined::subscribe_all), [`unsubscribe`](Joined::unsubscribe), [`history`](Joined::history), [`leave`](Joined::leave) |
//! | outside of rooms | [`on_direct`](DialogueClient::on_direct), [`on_history`](DialogueClient::on_history), [`on_joined`](DialogueClient::on_joined) |
//! | a room that is not known at compile time | [`join_id`](DialogueClient::join_id), [`AnyRoom`], [`trigger_raw`](Joined::trigger_raw) |
//!
//! # Lost connections
//!
//! The client comes back by itself, after a random pause whose bound doubles with each attempt
//! ([`ClientBuilder::backoff`]), and joins its rooms again, saying what it has seen last. Of events with history, each comes
//! once and in order; where something is gone, [`Joined::on_recovered`] and the room's streams say so before they go on
//! ([`Recovery::Gap`], [`RoomStreamError::Gap`]). What has no history is not told again. A room that does not let the client back in
//! ends, with [`Departure::NotRejoined`].
//!
//! A request that was on its way fails with [`ClientError::Disconnected`]: it may have been carried out or not. Triggers are
//! sent again instead, under a key by which the server carries them out once: see [`Triggering`]. Requests that are made
//! while there is no connection wait for it, for as long as [`ClientBuilder::request_timeout`] says.
//!
//! By some close codes ([`CloseCode`](crate::CloseCode)), or by refusing to connect, a server says that coming back is no use: bad
//! credentials, a revoked user. Then the client is [closed](ConnectionState::Closed) for good, and says by which.
//!
//! # Bounds
//!
//! Nothing grows without a bound, whatever the server sends and however slow a handler is: requests
//! ([`ClientBuilder::max_requests`]), the events that wait for a handler or a stream ([`ClientBuilder::buffer`]; the oldest are
//! dropped, and told), messages ([`ClientBuilder::max_message`]). No handler holds up the connection, nor another handler, except that
//! a recovery or a departure is told when all handlers of the room have come that far.
//!
//! # TLS
//!
//! `wss://` trusts what the system trusts, and what [`ClientBuilder::trust`] adds.

// From the inside out: `backoff`, `position` and `buffer` are pure; so are `request_kind` and `pending`. `barrier`, `listeners`
// and `handler` pass events on, `rooms` keeps the rooms, and `session` is the conversation. `link` is a connection, `sign_in` opens
// one, and `engine` is the task that runs a session over it. `handle` holds what programs hold; `state`, `events`, `notice`,
// `replies` and `error` are what they receive.
mod answer;
mod backoff;
mod barrier;
mod buffer;
mod config;
mod engine;
mod error;
mod events;
mod handle;
mod handler;
mod link;
mod listeners;
mod notice;
mod pending;
mod position;
mod replies;
mod request_kind;
mod room_shared;
mod rooms;
mod session;
mod sign_in;
mod state;

pub use error::{ClientError, Refused};
pub use events::{Departure, Gap, Recovery, RoomHistory, RoomStreamError};
pub use handle::{AnyRoom, Asking, ClientBuilder, DialogueClient, Join, Joined, RoomRequest, RoomStream, Triggering};
pub use handler::ClientSubscription;
pub use notice::Disconnection;
pub use replies::{Ack, HistoryPage, Page, RoomInfo, RoomList};
pub use state::{CloseReason, ConnectionState, ConnectionStates};
