//! Typed real-time rooms: events and rooms that the compiler checks, served over WebSockets.
//!
//! You annotate structs as **events**, declare **rooms** in a macro block, and the compiler knows which event may go
//! where: a wrong event in a room is a compile error that names the room and the fix. From the same declarations come the
//! JSON Schema and the validator that enforces it on everything that a client sends. Rooms have members, history,
//! capacity and hooks; clients that lose their connection come back to exactly what they missed.
//!
//! This page is the manual, in the order in which one meets things:
//! [quick start](#quick-start) ·
//! [the way of an event](#the-way-of-an-event) ·
//! [events](#events) ·
//! [rooms](#rooms) ·
//! [serving](#serving) ·
//! [identity](#identity) ·
//! [hooks](#hooks) ·
//! [triggers and handlers](#triggers-and-handlers) ·
//! [families](#families) ·
//! [history and recovery](#history-and-recovery) ·
//! [limits](#limits) ·
//! [testing](#testing) ·
//! [features](#features) ·
//! [stopping](#stopping)
//!
//! # Quick start
//!
//! Besides `dialogue`, a program needs `serde` (with `derive`), `schemars` and `tokio` among its dependencies.
//!
//! ```no_run
//! use dialogue::prelude::*;
//!
//! /// A chat line.
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! #[event(history = 50)]
//! pub struct Message {
//!     #[schemars(length(min = 1, max = 1000))]
//!     pub text: String,
//! }
//!
//! rooms! {
//!     /// Every room of this server.
//!     pub Rooms;
//!
//!     /// Where everyone talks.
//!     pub Chat = "chat" {
//!         events: [Message],
//!         default_subscriptions: [Message],
//!         sync_history_on_join: true,
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), dialogue::Error> {
//!     let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
//!     dialogue.on(Chat, |msg: EventMessage<Message>| async move {
//!         println!("{}: {}", msg.from, msg.data.text);
//!     });
//!     dialogue.trigger(Chat, Message { text: "hello".into() }).await?;
//!     dialogue.serve(([127, 0, 0, 1], 3000)).await
//! }
//! ```
//!
//! A client opens `ws://127.0.0.1:3000/dialogue/ws` and sends `{"type":"connect","protocol":1}`, then
//! `{"type":"join","id":1,"roomId":"chat"}`. `docs/protocol.md` in the repository says all that a client needs to know;
//! `cargo run -p chat` there serves a page that speaks it.
//!
//! # The way of an event
//!
//! ```text
//!  a client's trigger                                    the server's trigger
//!         │                                                       │
//!  rate → room → member? → allowed? → authorize → validate        room → allowed? → validate
//!         │                                                       │
//!         └───────────────────────────┬───────────────────────────┘
//!                                before_each         may change the data or refuse
//!                                     │
//!               ┌──────────── one step, in the room's order ────────────┐
//!               │  still a member? → number and store → encoded once,   │
//!               │  queued for every subscriber (the sender too)         │
//!               └──────┬─────────────────────────────────────────┬──────┘
//!                      │                                         │
//!               each subscriber's bounded queue          after_each, on_triggered,
//!                      │                                 handlers and streams
//!               its socket, at its own pace
//! ```
//!
//! A trigger never waits for a reader. What goes on to others is what the event's type serialises: a field that the type
//! does not declare stays behind.
//!
//! # Events
//!
//! An event is a type with four derives. Its name is the type's in kebab case, its description the doc comment;
//! `#[event(…)]` changes them and turns [history](#history-and-recovery) on. All options are listed at the
//! [derive](derive@DialogueEvent).
//!
//! ```
//! use dialogue::prelude::*;
//!
//! /// An order has been placed.
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! #[serde(rename_all = "camelCase")]
//! #[event(name = "order:placed", history)]
//! struct OrderPlaced {
//!     #[schemars(range(min = 1))]
//!     order_id: u32,
//!     #[schemars(email)]
//!     customer: String,
//! }
//!
//! /// Somebody waves. No payload: on the wire, `data` is absent or `null`.
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! struct Wave;
//!
//! let event = OrderPlaced::definition();
//! assert_eq!(event.name(), "order:placed");
//! let refused = dialogue::validate_event_data(event, &serde_json::json!({ "orderId": 0, "customer": "ada" }));
//! let rules: Vec<_> = refused.unwrap_err().into_iter().map(|violation| violation.rule).collect();
//! assert_eq!(rules.len(), 2);
//! assert!(rules.contains(&"minimum".to_owned()) && rules.contains(&"format".to_owned()));
//! ```
//!
//! The schema that [`EventDefinition::inbound_schema`] publishes is the one that is enforced: data from clients is held to
//! it, every integer's limits included, before serde sees it. The server's own triggers are held to
//! [`outbound_schema`](EventDefinition::outbound_schema). What is wrong comes back as a list of [`Violation`]s.
//!
//! An event without a Rust type is described at run time by [`EventDefinition::new`]; make it known with
//! [`Builder::events`] or put it in a [`RoomConfig`].
//!
//! # Rooms
//!
//! [`rooms!`] declares a set of rooms, each a type of its own. What `events` lists, the server and the clients in the
//! room may trigger; what `server_events` lists, the server alone.
//!
//! ```
//! # use dialogue::prelude::*;
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct Message { text: String }
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct News { title: String }
//! rooms! {
//!     pub Rooms;
//!
//!     /// Where everyone talks.
//!     pub Chat = "chat" {
//!         events: [Message],
//!         server_events: [News],
//!         default_subscriptions: *,
//!         max_size: 100,
//!     }
//!
//!     /// Read-only: no client may trigger anything here.
//!     pub Announcements = "announcements" { events: [], server_events: [News] }
//!
//!     /// Any event may happen here; those that the server knows by name are validated.
//!     pub Sandbox = "sandbox" { events: * }
//! }
//!
//! # fn main() -> Result<(), dialogue::BuildError> {
//! let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
//! let chat = dialogue.room(Chat).expect("declared rooms are there from the start");
//! assert_eq!((chat.id().as_str(), chat.size(), chat.max_size()), ("chat", 0, Some(100)));
//! # Ok(())
//! # }
//! ```
//!
//! For each room, `rooms!` also makes an enum of its events (`ChatEvent`), for
//! [handlers](#triggers-and-handlers) that match them all. Rooms that are not known when the program is compiled are
//! described by a [`RoomConfig`] and made by [`Dialogue::create_room`]; for them, what the compiler checks elsewhere is
//! checked when it runs. A room that exists is looked up by [`Dialogue::room`], which takes a room type or an id and gives a
//! [`RoomHandle`].
//!
//! # Serving
//!
//! | to | call |
//! |---|---|
//! | serve until SIGTERM or Ctrl-C, then drain | [`Dialogue::serve`] |
//! | serve your own routes beside | [`Dialogue::serve_router`] with [`router()`](Dialogue::router) merged into your `axum::Router` |
//! | serve in the background, on a port that the system chooses | [`Dialogue::start`] with port 0, then [`Dialogue::stop`] |
//! | know the address before you serve until a signal | [`Dialogue::start`] or [`start_router`](Dialogue::start_router), then [`Dialogue::stop_on_signal`] |
//! | mount it in a server of yours | [`Dialogue::router`], and [`Dialogue::stop`] when that ends |
//!
//! The WebSocket is at `/dialogue/ws` and a readiness check at `/dialogue/ready`; [`Builder::base_path`] moves both.
//! Dialogue speaks plain HTTP: put TLS in front of it. Pages of another origin are turned away unless
//! [`Builder::allow_origin`] names it.
//!
//! # Identity
//!
//! Who a client is, [`Builder::authenticate`] decides, from the [`Handshake`]: headers, cookies, query, peer address and
//! the `auth` object of the client's `connect`. Nothing else that a client says of itself counts. Without the hook,
//! everyone is anonymous under an id that the server makes.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use dialogue::prelude::*;
//! use serde_json::json;
//!
//! async fn user_of(session: &str) -> std::io::Result<Option<String>> {
//!     // Ask your database.
//! #   Ok(Some(session.to_owned()))
//! }
//!
//! let builder = Dialogue::builder().authenticate(|handshake| async move {
//!     let session = handshake.cookie("session").ok_or_else(|| Refusal::new("sign in first"))?;
//!     // An error of the database is logged; the client is told only that it is refused.
//!     let user = user_of(session).await?.ok_or_else(|| Refusal::new("the session is over"))?;
//!     Ok(Identity::user(user)
//!         .claims(json!({ "role": "editor" }))
//!         .expires_at(SystemTime::now() + Duration::from_secs(3600)))
//! });
//! # builder.build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! A session ends at [`Identity::expires_at`], unless the client renews it by another `connect` on the same connection;
//! [`Dialogue::revoke`] and [`Client::disconnect`] end it at once. A user may have several clients:
//! [`Dialogue::clients_of`], [`Dialogue::rooms_of`] and [`Dialogue::is_in_room`] speak of all of them.
//! [`Builder::trust_client_identity`] believes what clients say, for demos.
#![cfg_attr(
    feature = "jwt",
    doc = "[`Builder::authenticate_jwt`] signs clients in by JSON Web Tokens."
)]
#![cfg_attr(
    not(feature = "jwt"),
    doc = "With the feature `jwt`, `Builder::authenticate_jwt` signs clients in by JSON Web Tokens."
)]
//!
//! # Hooks
//!
//! | hook | when | its failure |
//! |---|---|---|
//! | [`authenticate`](Builder::authenticate) | a client connects, or renews its session | the client is turned away |
//! | [`on_connected`](Builder::on_connected) | it is connected; its first command waits | is logged |
//! | [`before_join`](Builder::before_join) | before it gets a seat in a room | the join is denied |
//! | [`on_joined`](Builder::on_joined) | it has its seat; its next command waits | is logged |
//! | [`authorize`](Builder::authorize) | before each trigger of a client | the trigger is refused |
//! | [`before_each`](Builder::before_each) | before each event is sent, the server's own too | the event is blocked |
//! | [`after_each`](Builder::after_each) | after each event is queued; synchronous | is logged |
//! | [`on_triggered`](Builder::on_triggered) | the same, asynchronous, in no order | is logged |
//! | [`on_left`](Builder::on_left) | once for each `on_joined`, however the client left | is logged |
//! | [`on_disconnected`](Builder::on_disconnected) | the connection has ended, the rooms are not left yet | is logged |
//! | [`on_room_created`](Builder::on_room_created), [`on_room_deleted`](Builder::on_room_deleted) | a room has come or gone | is logged |
//! | [`on_history_evicted`](Builder::on_history_evicted) | memory no longer keeps events | is retried, then logged |
//! | [`load_history`](Builder::load_history) | a client pages back beyond memory | the page is refused |
//!
//! An error, a panic and an overrun of [`Limits::hook_deadline`] are all failures; none harms anything else. (A hook that
//! blocks its thread without awaiting cannot be interrupted: use `tokio::task::spawn_blocking`. And a program built with
//! `panic = "abort"` ends at the first panic.) Hooks are given before the server exists, so they reach it through what
//! they are handed. They are those of all rooms: which one it is about, `room.id()` tells, and `Project::from_id(room.id())`
//! whether it is one of a family, and with which fields.
//!
//! ```
//! # use dialogue::prelude::*;
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct UserJoined { username: String }
//! # struct Bans;
//! # impl Bans { async fn has(&self, _: &str) -> std::io::Result<bool> { Ok(false) } }
//! let builder = Dialogue::builder()
//!     .state(Bans)
//!     .before_join(|client, _room| async move {
//!         let bans = client.dialogue().state::<Bans>().ok_or_else(|| Refusal::new("not now"))?;
//!         match bans.has(client.user_id()).await? {
//!             true => Err(Refusal::new("you are banned")),
//!             false => Ok(()),
//!         }
//!     })
//!     .on_joined(|client, room| async move {
//!         room.trigger(UserJoined { username: client.user_id().to_string() }).await
//!     });
//! # builder.build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! # Triggers and handlers
//!
//! [`Dialogue::trigger`] takes a room type, whose events the compiler checks, or a [`RoomHandle`], whose events are checked
//! when it runs. The payload is an event, an event with a sender or metadata, or a whole [`EventMessage`].
//! [`Dialogue::on`] and its stream form [`Dialogue::events`] hear what happens; each handler runs in the order of the
//! events, on a task of its own.
//!
//! ```
//! # use dialogue::prelude::*;
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # #[event(history)]
//! # pub struct Message { text: String }
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct Typing { is_typing: bool }
//! # rooms! { pub Rooms; pub Chat = "chat" { events: [Message, Typing] } }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dialogue::Error> {
//! # let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
//! let subscription = dialogue.on(Chat, |msg: EventMessage<ChatEvent>| async move {
//!     match msg.data {
//!         ChatEvent::Message(message) => println!("{}: {}", msg.from, message.text),
//!         ChatEvent::Typing(typing) => println!("{} is typing: {}", msg.from, typing.is_typing),
//!     }
//! });
//!
//! let mut messages = dialogue.events::<Message>(Chat);
//! let delivery = dialogue.trigger(Chat, Message { text: "hi".into() }.sent_by("ada")).await?;
//! assert_eq!((delivery.recipients, delivery.seq), (0, Some(1)));
//! let heard = messages.next().await.expect("the server runs").expect("no lag");
//! assert_eq!((heard.from.as_str(), heard.data.text.as_str()), ("ada", "hi"));
//!
//! subscription.unsubscribe();
//! # Ok(())
//! # }
//! ```
//!
//! To reach clients outside of any room, there are [`Dialogue::broadcast`] for all and [`Client::send`] for one.
//!
//! # Families
//!
//! A room with fields is a family: one declaration for a room per project, per document, per game. Its id is built from the
//! fields and parsed back.
//!
//! ```
//! # use dialogue::prelude::*;
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct Message { text: String }
//! rooms! {
//!     pub Rooms;
//!
//!     /// Made by the server, with `create_room`.
//!     pub Project { id: u64 } = "project-{id}" { events: [Message] }
//!
//!     /// Made by the first join; goes away when it has been empty for a while.
//!     pub Document { org: String, id: u64 } = "doc-{org}-{id}" { events: [Message], on_demand: true }
//!
//!     /// Made by clients, at most five a user.
//!     pub Topic { slug: String } = "topic-{slug}" { events: [Message], client_created: 5 }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dialogue::Error> {
//! # let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
//! dialogue.create_room(Project { id: 7 }).created_by("ada").await?;
//! dialogue.trigger(Project { id: 7 }, Message { text: "welcome".into() }).await?;
//! dialogue.on(Project::every(), |msg: EventMessage<Message>| async move {
//!     if let Some(project) = Project::from_id(&msg.room_id) {
//!         println!("project {}: {}", project.id, msg.data.text);
//!     }
//! });
//! assert_eq!(Project { id: 7 }.room_id(), "project-7");
//! assert!(Project::from_id("project-007").is_none(), "7 prints as 7");
//! # Ok(())
//! # }
//! ```
//!
//! Ids that a declared room or family could have are reserved: nothing else can take them.
//!
//! # History and recovery
//!
//! A room keeps the latest events of each type that asks for it (`#[event(history = 50)]`). Those carry a `seq`, contiguous
//! in their room. `sync_history_on_join` sends them to who joins; [`RoomHandle::history`] and the client's `history` page
//! through them. A client that comes back to a room says where it was, and is sent every kept event that it was due, in
//! order and once, or told that it cannot be (`recovered: false`). Events without history are volatile.
//!
//! Memory is bounded, by [`HistoryConfig`]. What it no longer keeps goes to
//! [`on_history_evicted`](Builder::on_history_evicted), and [`load_history`](Builder::load_history) brings it back:
//!
//! ```
//! use dialogue::prelude::*;
//! # #[derive(Clone)]
//! # struct Archive;
//! # impl Archive {
//! #     async fn insert(&self, _: &str, _: &str, _: Option<u64>, _json: String) -> std::io::Result<()> { Ok(()) }
//! #     async fn newest(&self, _: &dialogue::HistoryQuery) -> std::io::Result<Vec<(String, String)>> { Ok(Vec::new()) }
//! # }
//! # let archive = Archive;
//!
//! let (store, load) = (archive.clone(), archive);
//! let builder = Dialogue::builder()
//!     .on_history_evicted(move |evicted| {
//!         let store = store.clone();
//!         async move {
//!             for event in &evicted.events {
//!                 // A batch may come again after a failure: insert what is not there yet.
//!                 let json = serde_json::to_string(event)?;
//!                 store.insert(&evicted.room_id, &evicted.epoch, event.seq, json).await?;
//!             }
//!             Ok(())
//!         }
//!     })
//!     .load_history(move |query| {
//!         let load = load.clone();
//!         async move {
//!             let mut events = Vec::new();
//!             for (epoch, json) in load.newest(&query).await? {
//!                 let mut event: EventMessage = serde_json::from_str(&json)?;
//!                 // A number of before a restart means nothing now.
//!                 if epoch != query.epoch {
//!                     event.seq = None;
//!                 }
//!                 events.push(event);
//!             }
//!             Ok(events)
//!         }
//!     });
//! # builder.build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! # Limits
//!
//! Everything that a client could make grow is bounded: messages, queues, time, rooms, subscriptions. All bounds stand in
//! [`Limits`], each with its default and the reason for it; [`Builder::limits`] changes them. Quotas of connections per
//! user and per address are off unless set. [`RateLimiter`] is for limits of your own: kept in
//! [`state`](Builder::state) and asked in [`authorize`](Builder::authorize), which is about clients' triggers alone and is told
//! who triggers what where.
//!
//! # Testing
//!
//! A [`Dialogue`] needs no socket to be tried: build it, trigger, and listen. Give it [`silent_logger()`], and
//! [`Handshake::new`] to the function behind `authenticate`. Rooms and hooks are tried from a client's side, without a
//! network and on a paused clock, with the features `testing` and `client`: `testing::connect(&dialogue).await?` is a
//! client as any program's, and its page shows such a test. For clients of another make, [`Dialogue::start`] on port 0 tells
//! the port that it got, and `testing::serve_stream` serves one end of a `tokio::io::duplex`.
//!
//! ```
//! # use dialogue::prelude::*;
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct Message { text: String }
//! # rooms! { pub Rooms; pub Chat = "chat" { events: [Message] } }
//! use dialogue::{TriggerError, silent_logger};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dialogue::Error> {
//! let dialogue = Dialogue::builder()
//!     .rooms::<Rooms>()
//!     .logger(silent_logger())
//!     .before_each(|message, _room| async move {
//!         match message.data["text"].as_str() {
//!             Some("spam") => Err(Refusal::new("no spam")),
//!             _ => Ok(message),
//!         }
//!     })
//!     .build()?;
//! let refused = dialogue.trigger(Chat, Message { text: "spam".into() }).await;
//! assert_eq!(refused, Err(TriggerError::Blocked { reason: "no spam".into() }));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `macros` | the derive and [`rooms!`] | yes |
//! | `server` | HTTP and WebSockets: [`router`](Dialogue::router), [`start`](Dialogue::start), [`serve`](Dialogue::serve), [`stop`](Dialogue::stop) | yes |
//! | `client` | [`DialogueClient`]: the client for Rust programs | no |
//! | `inspector` | [`Builder::inspector`]: a page that shows rooms, events and rates as they happen, and triggers events | no |
//! | `jwt` | sign-in by JSON Web Tokens, on the `jsonwebtoken` crate | no |
//! | `testing` | clients without a network (with `client`), connections over any stream, and an echo for conformance suites: for tests | no |
//!
//! # Stopping
//!
//! [`Dialogue::stop`], which [`serve`](Dialogue::serve) calls on SIGTERM or Ctrl-C, refuses new connections, sends what
//! waits, closes with 1012 (clients come back by themselves, after a random pause), lets hooks and handlers end, and hands
//! the history in memory to `on_history_evicted`. It returns when every task has ended, or at
//! [`Limits::drain_deadline`] with an error. A second signal ends it at once.
#![cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "without a transport, nobody connects")
)]

extern crate self as dialogue;

/// Compiles the program of the README.
#[cfg(all(doctest, feature = "macros", feature = "server", feature = "client"))]
#[doc = include_str!("../../README.md")]
mod readme {}

#[doc(hidden)]
pub mod __private;
#[cfg(feature = "client")]
pub mod client;
mod connection;
mod containment;
pub mod contract;
mod delivery;
mod error;
mod event;
mod id;
#[cfg(feature = "inspector")]
mod inspector;
#[cfg(feature = "jwt")]
mod jwt;
mod limits;
mod log;
mod logger;
mod origin;
mod protocol;
mod random;
mod rate_limit;
mod room;
mod runtime;
mod schema;
mod serial;
mod session;
mod shutdown;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "server")]
mod transport;

#[cfg(feature = "client")]
pub use client::{
    Ack, AnyRoom, Asking, ClientBuilder, ClientError, ClientSubscription, CloseReason, ConnectionState,
    ConnectionStates, Departure, DialogueClient, Disconnection, Gap, HistoryPage, Join, Joined, Page, Recovery,
    Refused, RoomHistory, RoomInfo, RoomList, RoomRequest, RoomStream, RoomStreamError, Triggering,
};
pub use connection::{Handshake, Identity, Refusal};
pub use containment::HookOutcome;
pub use contract::RoomSet;
pub use delivery::{Delivery, TriggerError};
#[cfg(feature = "macros")]
pub use dialogue_macros::{DialogueEvent, rooms};
pub use error::Error;
pub use event::{
    DecodeError, DefinitionError, DialogueEvent, EventDefinition, EventDefinitionBuilder, EventMessage, HistorySetting,
    Outgoing, Payload, Received, event_by_name, is_event_allowed, validate_event_data,
};
pub use id::{ClientId, EventName, RoomId, UserId};
#[cfg(feature = "inspector")]
pub use inspector::local_only;
#[cfg(feature = "jwt")]
pub use jwt::Jwt;
pub use limits::Limits;
pub use log::{EvictedHistory, HistoryConfig, HistoryManager, HistoryQuery};
pub use logger::{default_logger, silent_logger};
pub use protocol::{CloseCode, ErrorCode};
pub use rate_limit::RateLimiter;
pub use room::{Allows, ClientAllows, Every, Listen, Room, RoomBlueprint, RoomConfig, RoomRef, SyncHistory};
pub use runtime::{
    BuildError, Builder, Client, CreateRoom, CreateRoomError, Dialogue, EventStream, HistoryError, JoinError,
    RoomHandle, StreamError, Subscription, Trigger, UserRooms,
};
pub use schema::{EventData, SchemaError, Violation};

/// Watching a server from within the program: the stream of [`Dialogue::observe`] and the numbers of [`Dialogue::stats`].
///
/// - [`Observations`](observe::Observations) yields each thing that happens as an [`Observation`](observe::Observation).
/// - [`Stats`](observe::Stats) has counters and gauges, which the server keeps whether or not anybody observes.
///
/// ```
/// use dialogue::Dialogue;
/// use dialogue::observe::{Observation, Observations};
///
/// /// Logs refusals and failures until the server stops.
/// async fn log(mut observations: Observations) {
///     while let Some(next) = observations.next().await {
///         match next {
///             Ok(Observation::Refused { code, user, room, .. }) => println!("refused {code}: {user:?} in {room:?}"),
///             Ok(Observation::HookFailed { hook, error, .. }) => println!("{hook} failed: {error}"),
///             Ok(_) => {}
///             Err(lagged) => println!("{} observations were missed", lagged.missed),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dialogue = Dialogue::builder().build()?;
/// tokio::spawn(log(dialogue.observe()?));
/// # Ok(())
/// # }
/// ```
pub mod observe {
    pub use crate::runtime::{
        ByCode, HistorySize, Lagged, LeaveReason, Observation, Observations, ObserveError, ObservedEvent, Stats,
    };
}

/// What a program that uses Dialogue wants in scope.
pub mod prelude {
    #[cfg(feature = "macros")]
    pub use crate::rooms;
    pub use crate::{
        Client, Dialogue, DialogueEvent, EventMessage, Identity, Refusal, Room, RoomHandle, RoomRef, RoomSet,
    };
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
