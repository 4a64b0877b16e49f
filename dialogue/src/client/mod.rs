//! The client for Rust programs (feature `client`): it uses the server's room types from the other side.
//!
//! [`DialogueClient`] speaks the same protocol as a browser and uses the rooms of the same [`rooms!`](crate::rooms)
//! block, so put that block in a crate that server and clients share. An event that a room does not allow its clients
//! to trigger does not compile. The repository's `docs/client-rust.md` lists the client's guarantees with the tests
//! that check them, and all settings and errors.
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
//! # Overview
//!
//! | | |
//! |---|---|
//! | connect, renew credentials, disconnect | [`connect`](DialogueClient::connect), [`auth_with`](ClientBuilder::auth_with), [`disconnect`](DialogueClient::disconnect), [`closed`](DialogueClient::closed), [`wake`](DialogueClient::wake) |
//! | watch the connection | [`state`](DialogueClient::state), [`states`](DialogueClient::states), [`on_connect`](DialogueClient::on_connect), [`on_disconnect`](DialogueClient::on_disconnect), [`on_error`](DialogueClient::on_error), [`user_id`](DialogueClient::user_id) |
//! | rooms | [`join`](DialogueClient::join), [`room`](DialogueClient::room), [`list_rooms`](DialogueClient::list_rooms), [`create_room`](DialogueClient::create_room), [`delete_room`](DialogueClient::delete_room), [`on_room_created`](DialogueClient::on_room_created), [`on_room_deleted`](DialogueClient::on_room_deleted) |
//! | in a room | [`trigger`](Joined::trigger), [`on`](Joined::on), [`on_any`](Joined::on_any), [`on_erased`](Joined::on_erased), [`stream`](Joined::stream), [`subscribe`](Joined::subscribe), [`subscribe_all`](Joined::subscribe_all), [`unsubscribe`](Joined::unsubscribe), [`history`](Joined::history), [`leave`](Joined::leave) |
//! | outside of rooms | [`on_direct`](DialogueClient::on_direct), [`on_history`](DialogueClient::on_history), [`on_joined`](DialogueClient::on_joined) |
//! | a room that is unknown at compile time | [`join_id`](DialogueClient::join_id), [`AnyRoom`], [`trigger_raw`](Joined::trigger_raw) |
//!
//! # Lost connections
//!
//! The client reconnects automatically, after a random delay whose upper bound doubles with each attempt
//! ([`ClientBuilder::backoff`]). It rejoins its rooms and tells the server which event it saw last. Events with history
//! arrive once and in order. If some of them are gone, [`Joined::on_recovered`] and the room's streams report the gap
//! before they continue ([`Recovery::Gap`], [`RoomStreamError::Gap`]). Events without history are not replayed. If a
//! room refuses to let the client back in, the membership ends with [`Departure::NotRejoined`]. A server that cannot
//! decide is asked again.
//!
//! A request whose answer is outstanding when the connection is lost fails with [`ClientError::Disconnected`]: the
//! server may or may not have carried it out. Triggers are sent again instead, with an idempotency key by which the
//! server carries them out once: see [`Triggering`]. A trigger that was sent and cannot be sent again fails with
//! [`ClientError::OutcomeUnknown`]. Requests made while there is no connection wait for one, for as
//! long as [`ClientBuilder::request_timeout`] allows.
//!
//! A server can say that reconnecting is pointless, for example because of bad credentials or a revoked user. It says
//! so with certain close codes ([`CloseCode`](crate::protocol::CloseCode)), or by refusing to connect. Then the client
//! is [closed](ConnectionState::Closed) for good, and reports which code or refusal it was.
//!
//! A machine that was asleep is noticed within about a second: the client then connects at once, or tests its connection.
//! [`wake`](DialogueClient::wake) does the same.
//!
//! # Rate
//!
//! The client keeps to the rate that the server announces, whatever the program does: frames over the rate wait in
//! order. For events that a newer one replaces, such as the position of a pointer, use [`Triggering::volatile`].
//!
//! # Limits
//!
//! Everything is bounded, whatever the server sends and however slow a handler is: requests
//! ([`ClientBuilder::max_requests`]), messages ([`ClientBuilder::max_message`]), and the events that wait for a handler
//! or a stream ([`ClientBuilder::buffer`]). A full buffer drops its oldest events and reports how many. No handler
//! delays the connection or another handler, with one exception: a recovery or a departure is reported once all
//! handlers of the room have handled what came before it.
//!
//! # TLS
//!
//! `wss://` trusts the system's certificates and those that [`ClientBuilder::trust`] adds, in PEM or DER.
//!
//! # Hosts with several addresses
//!
//! The client connects to the first address that answers, as RFC 8305 ("Happy Eyeballs") describes. It tries the next
//! address after 250 ms or a failure, so an address that does not answer delays the connection only a little.

// From the inside out: `position`, `buffer`, `pacer`, `request_kind` and `pending` are pure. `barrier`,
// `listeners` and `handler` pass items to the application, `rooms` tracks the rooms, and `session` is the conversation
// with the server. `certificates`, `first_address` and `dial` open a stream, `link` is a connection over it, `sign_in`
// opens one, `wake` says when not to wait, and `engine` is the task that runs a session over a connection. `handle`
// contains what programs hold; `state`, `events`, `notice`, `replies` and `error` contain what they receive.
mod answer;
mod barrier;
mod buffer;
mod certificates;
mod config;
mod dial;
mod engine;
mod error;
mod events;
mod first_address;
pub(crate) mod handle;
mod handler;
mod link;
mod listeners;
mod notice;
mod pacer;
mod pending;
mod position;
mod replies;
mod request_kind;
mod room_shared;
mod rooms;
mod session;
mod sign_in;
mod state;
mod wake;

#[cfg(doc)]
use crate::DialogueClient;

pub use error::{ClientError, Refused};
pub use events::{Departure, Erasure, Gap, Recovery, RoomHistory, RoomStreamError};
pub use handle::{AnyRoom, Asking, ClientBuilder, Join, Joined, RoomRequest, RoomStream, Triggering};
pub use handler::ClientSubscription;
pub use notice::Disconnection;
pub use replies::{Ack, HistoryPage, Page, RoomInfo, RoomList};
pub use state::{CloseReason, ConnectionState, ConnectionStates};
