//! Typed real-time rooms for Rust: events and rooms that the compiler checks, served over WebSockets.
//!
//! You annotate structs as **events** and declare **rooms** in a macro block. The compiler then checks which events
//! each room allows: triggering the wrong event is a compile error that names the room and the fix. From the same
//! declarations, Dialogue generates the JSON Schema, and a validator that checks everything that a client sends. Rooms
//! have members, history, a capacity and hooks. A client that loses its connection reconnects and receives exactly the
//! events that it missed.
//!
//! This page is the manual. It introduces the features in the order that you need them:
//! [quick start](#quick-start) ·
//! [the path of an event](#the-path-of-an-event) ·
//! [events](#events) ·
//! [rooms](#rooms) ·
//! [serving](#serving) ·
//! [identity](#identity) ·
//! [hooks](#hooks) ·
//! [triggers and handlers](#triggers-and-handlers) ·
//! [families](#families) ·
//! [history and recovery](#history-and-recovery) ·
//! [a store](#a-store) ·
//! [limits](#limits) ·
//! [observing](#observing) ·
//! [logging](#logging) ·
//! [testing](#testing) ·
//! [the contract](#the-contract) ·
//! [features](#features) ·
//! [modules](#modules) ·
//! [graceful shutdown](#graceful-shutdown)
//!
//! # Quick start
//!
//! Besides `dialogue`, the program depends on `serde` (with the feature `derive`), `schemars` and `tokio`.
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
//! `{"type":"join","id":1,"roomId":"chat"}`. The repository's `docs/protocol.md` describes everything that a client
//! needs to know. In the same repository, `cargo run -p chat` serves a web page that uses this protocol.
//!
//! # The path of an event
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
//!               │  still a member? → number and store → encode once →   │
//!               │  queue for every subscriber (the sender included)     │
//!               └──────┬─────────────────────────────────────────┬──────┘
//!                      │                                         │
//!               each subscriber's bounded queue          after_each, on_triggered,
//!                      │                                 handlers and streams
//!               its socket, at its own pace
//! ```
//!
//! A trigger never waits for a subscriber. Subscribers receive the event as its type serialises it: the server drops
//! any field that the type does not declare.
//!
//! # Events
//!
//! An event is a type with four derives. Its name is the type's name in kebab case, and its description is the doc
//! comment. `#[event(…)]` changes both, and turns [history](#history-and-recovery) on. The
//! [derive](derive@DialogueEvent) lists all options.
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
//! /// Somebody waves. The event has no payload: on the wire, `data` is absent or `null`.
//! #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! struct Wave;
//!
//! let event = OrderPlaced::definition();
//! assert_eq!(event.name(), "order:placed");
//! let refused = dialogue::event::validate_event_data(event, &serde_json::json!({ "orderId": 0, "customer": "ada" }));
//! let rules: Vec<_> = refused.unwrap_err().into_iter().map(|violation| violation.rule).collect();
//! assert_eq!(rules.len(), 2);
//! assert!(rules.contains(&"minimum".to_owned()) && rules.contains(&"format".to_owned()));
//! ```
//!
//! The server publishes and enforces the same schema: [`EventDefinition::inbound_schema`]. It validates clients' data
//! against this schema, including the range of every integer, before serde reads the data. It validates the server's
//! own triggers against [`outbound_schema`](event::EventDefinition::outbound_schema). If the data is invalid, the
//! caller receives a list of [`Violation`]s.
//!
//! The fields may have any type with the derives of serde and schemars. `docs/types.md` in the repository has the types of
//! other crates, such as chrono and uuid, and says what to write if `build` refuses a type.
//!
//! To describe an event that has no Rust type, use [`EventDefinition::new`] at run time. Then register the definition
//! with [`Builder::define_events`], or add it to a [`RoomConfig`].
//!
//! # Rooms
//!
//! [`rooms!`] declares a set of rooms and generates a type for each. The server and the clients in the room may trigger
//! the events in `events`. Only the server may trigger the events in `server_events`.
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
//!     /// Allows any event. The server validates the events whose names it knows.
//!     pub Sandbox = "sandbox" { events: * }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dialogue::Error> {
//! let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
//! let chat = dialogue.room(Chat).await?.expect("declared rooms exist from the start");
//! assert_eq!((chat.id().as_str(), chat.size().await, chat.max_size()), ("chat", 0, Some(100)));
//! # Ok(())
//! # }
//! ```
//!
//! For each room, `rooms!` also generates an enum of its events (`ChatEvent`), for [handlers](#triggers-and-handlers)
//! that match all of them. To create a room that the compiler does not know, pass a [`RoomConfig`] to
//! [`Dialogue::create_room`]; the server then checks at run time what the compiler checks for declared rooms. To look
//! up an existing room, await [`Dialogue::room`] with a room type or an id: it returns a [`RoomHandle`].
//!
//! A call that concerns all nodes of a cluster is `async`: `chat.size().await`. A synchronous call reports on this node,
//! and its name says so: `chat.here().size()`. Today a server is one node, so both give the same answer. A [`Client`] is
//! connected to this node, so only its calls that change the members of rooms are `async`: `join`, `leave` and
//! `disconnect`.
//!
//! # Serving
//!
//! | to | call |
//! |---|---|
//! | serve until SIGTERM or Ctrl-C, then shut down gracefully | [`Dialogue::serve`] |
//! | also serve your own routes | [`Dialogue::serve_router`] with [`router()`](Dialogue::router) merged into your `axum::Router` |
//! | serve in the background, on a port that the system chooses | [`Dialogue::start`] with port 0, then [`Dialogue::stop`] |
//! | learn the address first, then serve until a signal | [`Dialogue::start`] or [`start_router`](Dialogue::start_router), then [`Dialogue::stop_on_signal`] |
//! | mount Dialogue in your own server | [`Dialogue::router`], and [`Dialogue::stop`] when your server ends |
//!
//! The WebSocket is at `/dialogue/ws`, and a readiness check is at `/dialogue/ready`; [`Builder::base_path`] moves
//! both. Dialogue serves plain HTTP, so put a proxy with TLS in front of it: `docs/proxies.md` in the repository has tested
//! configurations. The server rejects web pages from another origin. A proxy must therefore forward the `Host` of the
//! browser. [`Builder::allow_origin`] allows a further origin, or all that match a pattern such as `https://*.example.com`.
//! The hook [`check_origin`](Builder::check_origin) decides about any other. The response to an upgrade that is refused says
//! what to do, and so does the log.
//!
//! If the future of `serve` is dropped, its address is free again, and the connections that came through it are closed. The
//! server lives on, and can serve again.
//!
//! # Identity
//!
//! [`Builder::authenticate`] identifies each client from its [`Handshake`]: headers, cookies, query, peer address and
//! the `auth` object of the client's `connect`. The server trusts nothing else that a client claims about itself.
//! Without this hook, every client is anonymous, and the server generates its user id.
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
//!     // The server logs a database error; the client does not learn of it.
//!     let user = user_of(session).await?.ok_or_else(|| Refusal::new("the session has ended"))?;
//!     Ok(Identity::user(user)
//!         .with_claims(json!({ "role": "editor" }))
//!         .with_expiry(SystemTime::now() + Duration::from_secs(3600)))
//! });
//! # builder.define_events([]).build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! A session ends at its [expiry](Identity::with_expiry), unless the client renews it with another `connect` on the same
//! connection. [`Dialogue::revoke`] and [`Client::disconnect`] end it at once. A user may have several clients.
//! [`Dialogue::rooms_of`] and [`Dialogue::is_in_room`] cover all of them; `dialogue.here()` lists the user's clients on
//! this node ([`clients_of`](calls::Here::clients_of)). For demos, [`Builder::trust_client_identity`] accepts the user
//! ids that clients claim.
#![cfg_attr(
    feature = "jwt",
    doc = "[`Builder::authenticate_jwt`] signs clients in with JSON Web Tokens."
)]
#![cfg_attr(
    not(feature = "jwt"),
    doc = "With the feature `jwt`, `Builder::authenticate_jwt` signs clients in with JSON Web Tokens."
)]
//!
//! # Hooks
//!
//! | hook | when it runs | if it refuses ("no"); if it fails ("not now") |
//! |---|---|---|
//! | [`check_origin`](Builder::check_origin) | a page of an origin that is not allowed wants to connect | the upgrade is answered with 403; if it fails, with 503, and the client tries again |
//! | [`authenticate`](Builder::authenticate) | a client connects, or renews its session | the client must not come back by itself; if it fails, it comes back and tries again. The old session of a renewal continues in both cases |
//! | [`on_connected`](Builder::on_connected) | a client has connected; its first command waits for the hook | the failure is logged |
//! | [`before_join`](Builder::before_join) | before a client enters a room, and for each of its rooms after a renewal | the join is denied, and after a renewal the client leaves the room; if it fails, the client tries again, or stays while the server does |
//! | [`on_joined`](Builder::on_joined) | a client has entered a room; its next command waits for the hook | the failure is logged |
//! | [`authorize`](Builder::authorize) | before each trigger of a client; the hook receives the event's name and data | the trigger is denied; if it fails, the client may try again |
//! | [`before_each`](Builder::before_each) | before each event is sent, including the server's own | the event is blocked; if it fails, it is not sent, and the client may try again |
//! | [`after_each`](Builder::after_each) | after each event is queued; synchronous | the failure is logged |
//! | [`on_triggered`](Builder::on_triggered) | after each event is queued; asynchronous, in no order | the failure is logged |
//! | [`on_left`](Builder::on_left) | once for each `on_joined`, however the client left | the failure is logged |
//! | [`on_disconnected`](Builder::on_disconnected) | a connection has ended; the client is still in its rooms | the failure is logged |
//! | [`on_room_created`](Builder::on_room_created), [`on_room_deleted`](Builder::on_room_deleted) | a room was created or deleted | the failure is logged |
//! | [`on_history_evicted`](Builder::on_history_evicted) | the server has evicted events from memory | the server retries it, then logs the failure |
//! | [`on_erased`](Builder::on_erased) | events were erased, and an archive may have them | the server retries it, then logs the failure |
//! | [`load_history`](Builder::load_history) | a request for history needs events older than those in memory | the page is refused |
//!
//! A hook returns a `Result` whose error is a [`HookError`]. It **refuses** with [`refuse`] or a [`Refusal`]: the client
//! receives the reason, and the data that the refusal carries. It **fails** if it returns any other error, panics, or
//! runs longer than [`Limits::hook_deadline`]: the server logs the failure, and admits nobody and sends nothing. Only a
//! refusal means "no". A failure means "not now": the client receives `UNAVAILABLE` with the time after which it may try
//! again, and nothing that it already has is taken away. `?` converts any error into a `HookError`, and a refusal inside
//! the error stays a refusal. A failure affects only the operation that called the hook. (The server cannot interrupt a
//! hook that blocks its thread without awaiting, so do blocking work in `tokio::task::spawn_blocking`. A program built
//! with `panic = "abort"` ends at the first panic.)
//!
//! Hooks of one kind add up: they run in the order in which you set them. If they decide something, all of them must
//! agree, and the first refusal or failure is the answer.
//!
//! The values that hooks return have limits too. A hook that returns an event over a limit has failed, and the log names
//! the limit. A refusal over [`Limits::refusal_bytes`] is shortened. A hook or handler cannot wait for
//! [`Dialogue::stop`], which waits for it: the call fails at once with [`Error::StopInHook`].
//!
//! `on_joined` receives an [`Arrival`](hooks::Arrival). It distinguishes a new user from a second tab and from a client
//! that reconnects. `on_left` receives a [`Left`](hooks::Left), and `on_disconnected` a
//! [`ConnectionEnd`](hooks::ConnectionEnd): both say why.
//!
//! You register hooks before the server exists, so a hook gets the server from its arguments: the example below calls
//! `client.dialogue()`. Handlers and background tasks can use a [`WeakDialogue`] from [`Dialogue::downgrade`]; a
//! `Dialogue` in a handler would keep the server alive forever. Each of these hooks runs for every room, and
//! `room.id()` identifies the room.
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
//!         let bans = client.dialogue().state::<Bans>().ok_or("no list of bans")?;
//!         match bans.has(client.user_id()).await? {
//!             true => refuse("you are banned"),
//!             false => Ok(()),
//!         }
//!     })
//!     .on_joined(|client, room, arrival| async move {
//!         if arrival.user_is_new() {
//!             room.trigger(UserJoined { username: client.user_id().to_string() }).await?;
//!         }
//!         Ok(())
//!     });
//! # builder.define_events([]).build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! A hook whose name ends in `_of` is for one room type or family, and receives it with its fields:
//! [`before_join_of`](Builder::before_join_of), [`authorize_of`](Builder::authorize_of),
//! [`on_joined_of`](Builder::on_joined_of), [`on_left_of`](Builder::on_left_of),
//! [`before_each_of`](Builder::before_each_of), [`after_each_of`](Builder::after_each_of),
//! [`on_triggered_of`](Builder::on_triggered_of), [`on_room_created_of`](Builder::on_room_created_of) and
//! [`on_room_deleted_of`](Builder::on_room_deleted_of). With [`require_guards`](Builder::require_guards), `build` fails
//! and names each declared room that has no `before_join_of`, so no room is open by mistake.
//!
//! ```
//! # use dialogue::prelude::*;
//! # rooms! {
//! #     pub Rooms;
//! #     pub Lobby = "lobby" { events: [] }
//! #     pub Ticket { org: String, id: u64 } = "ticket-{org}-{id}" { events: [] }
//! # }
//! let builder = Dialogue::builder()
//!     .rooms::<Rooms>()
//!     .require_guards()
//!     .before_join_of(|_, _: Lobby| async { Ok(()) })
//!     .before_join_of(|client: Client, ticket: Ticket| async move {
//!         match client.claims()["org"] == *ticket.org {
//!             true => Ok(()),
//!             false => refuse("this ticket belongs to another organisation"),
//!         }
//!     });
//! # builder.build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! # Triggers and handlers
//!
//! [`Dialogue::trigger`] takes a room type, whose events the compiler checks, or a [`RoomHandle`], whose events the
//! server checks at run time. The payload is an event, an event with a sender or metadata, or a whole [`EventMessage`].
//! [`Dialogue::on`] registers a handler for a room's events, and [`Dialogue::stream`] returns them as a stream. Each
//! handler runs on its own task and receives the events in order. With [`Dialogue::on_with_sender`], the handler also
//! receives the room and the client that triggered the event.
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
//! let mut messages = dialogue.stream::<Message>(Chat);
//! let delivery = dialogue.trigger(Chat, Message { text: "hi".into() }.sent_by("ada")).await?;
//! assert_eq!((delivery.recipients, delivery.seq), (0, Some(1)));
//! let received = messages.next().await.expect("the server runs").expect("no lag");
//! assert_eq!((received.from.as_str(), received.data.text.as_str()), ("ada", "hi"));
//!
//! subscription.unsubscribe();
//! # Ok(())
//! # }
//! ```
//!
//! To reach clients outside of any room, use [`Dialogue::broadcast`] for all of them and [`Client::send`] for one.
//!
//! # Families
//!
//! A room with fields is a family: one declaration covers a room for each project, document or game. The server builds
//! a room's id from the fields, and parses the fields from the id.
//!
//! ```
//! # use dialogue::prelude::*;
//! # #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DialogueEvent)]
//! # pub struct Message { text: String }
//! rooms! {
//!     pub Rooms;
//!
//!     /// The server creates these rooms with `create_room`.
//!     pub Project { id: u64 } = "project-{id}" { events: [Message] }
//!
//!     /// The first join creates such a room; the server removes it after it has been empty for a while.
//!     pub Document { org: String, id: u64 } = "doc-{org}-{id}" { events: [Message], on_demand: true }
//!
//!     /// Clients create these rooms, at most five for each user.
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
//! assert!(Project::from_id("project-007").is_none(), "7 is printed as 7");
//! # Ok(())
//! # }
//! ```
//!
//! The ids of declared rooms and families are reserved, even while the rooms do not exist: no other room can have them.
//!
//! # History and recovery
//!
//! A room keeps the latest events of each type that has history (`#[event(history = 50)]`). These events carry a `seq`,
//! which is contiguous within the room. With `sync_history_on_join`, a client that joins receives them;
//! [`RoomHandle::history`] and the client's `history` command page through them. A client that rejoins a room sends the
//! position of its last event. The server replays every event that the client missed, in order and once each. If it
//! cannot replay all of them, it says so (`recovered: false`). Events without history are volatile: the server cannot
//! replay them.
//!
//! [`HistoryConfig`] bounds the memory for history. The server passes the events that it evicts to
//! [`on_history_evicted`](Builder::on_history_evicted), and gets them back from
//! [`load_history`](Builder::load_history):
//!
//! ```
//! use dialogue::prelude::*;
//! # use dialogue::history::HistoryQuery;
//! # #[derive(Clone)]
//! # struct Archive;
//! # impl Archive {
//! #     async fn insert(&self, _: &str, _: &str, _: Option<u64>, _json: String) -> std::io::Result<()> { Ok(()) }
//! #     async fn newest(&self, _: &HistoryQuery) -> std::io::Result<Vec<(String, String)>> { Ok(Vec::new()) }
//! # }
//! # let archive = Archive;
//!
//! let (store, load) = (archive.clone(), archive);
//! let builder = Dialogue::builder()
//!     .on_history_evicted(move |evicted| {
//!         let store = store.clone();
//!         async move {
//!             for event in &evicted.messages {
//!                 // The server repeats a batch after a failure: insert only the events that are not stored yet.
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
//!                 // After a restart of the server, older numbers no longer mean anything.
//!                 if epoch != query.epoch {
//!                     event.seq = None;
//!                 }
//!                 events.push(event);
//!             }
//!             Ok(events)
//!         }
//!     });
//! # builder.define_events([]).build()?;
//! # Ok::<(), dialogue::BuildError>(())
//! ```
//!
//! # A store
//!
//! By default, rooms and their history are in memory, and end with the process. With a store, they are in a file and
//! survive `kill -9`: clients recover after a restart as after a short loss of the connection, and page back through
//! everything that the file keeps. A trigger is answered when its event is stored.
//!
//! ```ignore
//! use dialogue::sqlite::{Durability, Retention, Sqlite}; // feature `sqlite`
//!
//! let dialogue = Dialogue::builder()
//!     .rooms::<Rooms>()
//!     .store(Sqlite::open("desk.db")) // and, if the defaults do not fit, `.durability(…)` and `.retention(…)`
//!     .build()?;                      // opens the file, and says what is wrong with it
//! ```
//!
//! `history = N` then bounds what is in memory and what a client receives at first. How long the file keeps an event is
//! its retention: 30 days and 1 GiB by default. A store that fails refuses events with history
//! ([`TriggerError::NotAccepted`]), and goes on by itself. In the repository, `docs/durability.md` says what can be
//! lost, and how to back up, restore and inspect the file. The example `desk` is a whole program.
//!
//! # Erasure
//!
//! [`RoomHandle::erase`] erases the data of one event, and [`Dialogue::erase_user`] that of all events of a user. The
//! number, the sender and the place of an erased event stay, so nothing changes for recovery and pages. Typed readers
//! find [`Unreadable::Erased`](event::Unreadable::Erased) in its place, clients report it as erased, and
//! [`on_erased`](Builder::on_erased) informs archives:
//!
//! ```
//! # use dialogue::prelude::*;
//! # async fn example(dialogue: Dialogue, room: dialogue::RoomHandle) -> Result<(), dialogue::history::EraseError> {
//! room.erase(58).await?;
//! let erased = dialogue.erase_user("ada").await?;
//! println!("{erased} events of ada are erased");
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! Dialogue limits everything that a client could use in excess: messages, queues, time, rooms and subscriptions.
//! [`Limits`] lists every limit with its default and the reason for it; [`Builder::limits`] changes them. The limits on
//! connections per user and per address are off by default. For your own limits, keep a [`RateLimiter`] in
//! [`state`](Builder::state) and ask it in [`authorize`](Builder::authorize). That hook runs only for clients'
//! triggers; it receives the client, the room, and the event's name and data.
//!
//! # Observing
//!
//! For metrics, traces and audit logs, [`Dialogue::observe`] returns a stream of everything that happens in every room
//! and to every client. [`Dialogue::stats`] returns counters and gauges. The module [`observe`] shows an example. For
//! the logic of your application, use [handlers](#triggers-and-handlers) and [hooks](#hooks) instead.
//!
//! # Logging
//!
//! Dialogue logs through `tracing`, to the application's subscriber or to the one that [`Builder::logger`] received.
//! [`default_logger()`] prints lines at `INFO` and above; use it unless your program has a subscriber, because a server
//! without one hides why a client cannot connect. Lines about hooks, refusals and ends of connections have the fields
//! `room`, `event`, `user`, `client` and `peer`, as far as they are known. A mistake of a client is never an error.
//! No client can flood the log: of each kind of line, the server logs ten at once and then one each second, and says how
//! many it has left out. `docs/observing.md` in the repository lists the lines.
//!
//! # Testing
//!
//! You can test a [`Dialogue`] without a socket: build it, trigger events, and listen to them. Use [`silent_logger()`]
//! to keep logs out of the output, and pass [`Handshake::new`] to the function behind your `authenticate`. With the
//! features `testing` and `client`, you can test rooms and hooks from a client's side, without a network and on a
//! paused clock. `testing::connect(&dialogue).await?` returns an ordinary client; the documentation of `connect` shows
//! such a test. To test another client, call [`Dialogue::start`] with port 0: it returns the address with the port that
//! the system chose. Or give the client one end of a `tokio::io::duplex`, and serve the other end with
//! `testing::serve_stream`.
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
//!             Some("spam") => refuse("no spam"),
//!             _ => Ok(message),
//!         }
//!     })
//!     .build()?;
//! let refused = dialogue.trigger(Chat, Message { text: "spam".into() }).await;
//! assert!(matches!(refused, Err(TriggerError::Refused(refusal)) if refusal.reason() == "no spam"));
//! # Ok(())
//! # }
//! ```
//!
//! # The contract
//!
//! The declarations are also the contract with programs in other languages. `Rooms::typescript()` returns TypeScript types
//! with a typed client, `Rooms::json_schema()` JSON Schemas, and `Rooms::asyncapi()` an AsyncAPI document. A server serves
//! the first and the last at `/dialogue/client.d.ts` and `/dialogue/asyncapi.json`. The AsyncAPI document says where the
//! server is if you set [`Builder::public_url`]. [`contract::check_lock`] in a test fails if a change would break deployed
//! clients. See the module [`contract`], and `docs/contract.md` in the repository.
//!
//! # Features
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `macros` | the derive and [`rooms!`] | yes |
//! | `runtime` | a server without sockets: [`Dialogue`], rooms, hooks and history | with `server` |
//! | `server` | HTTP and WebSockets: [`router`](Dialogue::router), [`start`](Dialogue::start), [`serve`](Dialogue::serve), [`stop`](Dialogue::stop) | yes |
//! | `client` | [`DialogueClient`]: the client for Rust programs | no |
//! | `inspector` | [`Builder::inspector`]: a web page that shows live rooms, events and rates, and triggers events | no |
//! | `jwt` | sign-in with JSON Web Tokens, built on the `jsonwebtoken` crate | no |
//! | `redis` | [`redis`]: several servers that share their rooms through Redis | no |
//! | `sqlite` | [`sqlite`]: rooms and their history in a file, which outlives the process | no |
//! | `testing` | for tests: clients without a network (with `client`), connections over any stream, and a WebSocket echo server for conformance suites | no |
//!
//! `server`, `jwt`, `redis` and `sqlite` enable `runtime`; `inspector` and `testing` enable `server`. A program that is only a client needs
//! `client` and `macros`, and compiles none of the server. Without features, the crate has events, schemas, room types
//! and the [`contract`]: enough for a crate that server and clients share.
//!
//! # Modules
//!
//! The root of the crate has the names that most programs use; [`prelude`] has the most frequent of them. Each other
//! name is in one module:
//!
//! | module | names for | feature |
//! |---|---|---|
//! | [`calls`] | what the server's calls return, such as a trigger that is not awaited yet | `runtime` |
//! | [`client`] | the client for Rust programs | `client` |
//! | [`contract`] | TypeScript, JSON Schema, AsyncAPI and the lock file | none |
//! | [`event`] | definitions of events at run time, their schemas and their validation | none |
//! | [`handlers`] | a handler's registration, and streams of events | `runtime` |
//! | [`history`] | the memory for history, and your own archive | `runtime` |
//! | [`hooks`] | what hooks receive and return | `client` or `runtime` |
//! | [`inspector`] | a guard for the inspector | `inspector` |
//! | [`jwt`] | sign-in with JSON Web Tokens | `jwt` |
//! | [`observe`] | observations and statistics | `runtime` |
//! | [`protocol`] | the error codes and close codes of the wire | `client` or `runtime` |
//! | [`rate_limit`] | your own rate limits | `runtime` |
//! | [`redis`] | several servers that share their rooms | `redis` |
//! | [`room`] | traits of rooms for generic code, and settings of rooms | none |
//! | [`sqlite`] | rooms and their history in a file | `sqlite` |
//! | [`testing`] | tests of your own server | `testing` |
//!
//! # Graceful shutdown
//!
//! [`serve`](Dialogue::serve) calls [`Dialogue::stop`] on SIGTERM or Ctrl-C. After SIGTERM, it first lets the server
//! continue for [`Limits::ready_delay`] (3 s by default) while the route `ready` answers 503, so that a load balancer sends
//! no further clients. `stop` refuses new connections, sends the waiting frames and closes each connection with 1012;
//! clients then reconnect after a random pause. It lets hooks and handlers finish, and passes the history in memory to
//! `on_history_evicted`. It returns when every task has ended, or with an error at [`Limits::drain_deadline`] (30 s). A
//! second signal ends the server at once. An orchestrator must allow both times together, 33 s by default, before it kills
//! the process (in Kubernetes, `terminationGracePeriodSeconds`).
//!
//! [`EventDefinition::inbound_schema`]: event::EventDefinition::inbound_schema
//! [`EventDefinition::new`]: event::EventDefinition::new
//! [`HistoryConfig`]: history::HistoryConfig
//! [`RateLimiter`]: rate_limit::RateLimiter

extern crate self as dialogue;

/// Compiles the programs in the README.
#[cfg(all(doctest, feature = "macros", feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[doc(hidden)]
pub mod __private;
mod chain;
#[cfg(feature = "client")]
pub mod client;
pub mod contract;
pub mod event;
#[cfg(feature = "inspector")]
pub mod inspector;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(any(feature = "client", feature = "runtime"))]
#[cfg_attr(
    all(feature = "runtime", not(feature = "server")),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
pub mod protocol;
#[cfg(feature = "runtime")]
pub mod rate_limit;
#[cfg_attr(
    all(feature = "runtime", not(feature = "server")),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
pub mod room;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(any(feature = "client", feature = "redis"))]
mod backoff;
#[cfg(feature = "runtime")]
#[allow(dead_code, reason = "the runtime will use the rest")]
mod cluster;
#[cfg(feature = "runtime")]
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
mod connection;
#[cfg(any(feature = "client", feature = "runtime"))]
mod containment;
#[cfg(feature = "runtime")]
mod delivery;
#[cfg(any(feature = "client", feature = "runtime"))]
mod duration;
mod error;
#[cfg(any(feature = "client", feature = "runtime"))]
mod hook;
mod id;
#[cfg(feature = "runtime")]
mod limit_exceeded;
#[cfg(feature = "runtime")]
mod limits;
#[cfg(feature = "runtime")]
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
mod log;
#[cfg(feature = "runtime")]
mod logger;
#[cfg(feature = "runtime")]
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
mod origin;
#[cfg(any(feature = "client", feature = "runtime"))]
mod random;
#[cfg(feature = "runtime")]
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
mod runtime;
mod schema;
#[cfg(feature = "runtime")]
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, unused_imports, reason = "only connections use the rest")
)]
mod serial;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "runtime")]
mod shutdown;
#[cfg(feature = "runtime")]
mod store_failure;
#[cfg(feature = "server")]
mod transport;

#[cfg(feature = "client")]
pub use client::handle::client::DialogueClient;
#[cfg(feature = "runtime")]
pub use connection::{Handshake, Identity};
pub use contract::room_set::RoomSet;
#[cfg(feature = "runtime")]
pub use delivery::{Delivery, TriggerError};
// The tests of every set of features declare events and rooms.
#[cfg(any(feature = "macros", test))]
pub use dialogue_macros::{DialogueEvent, rooms};
pub use error::Error;
pub use event::dialogue_event::DialogueEvent;
pub use event::message::EventMessage;
#[cfg(any(feature = "client", feature = "runtime"))]
pub use hook::{HookError, Refusal, refuse};
pub use id::{ClientId, EventName, RoomId, UserId};
#[cfg(feature = "runtime")]
pub use limit_exceeded::LimitExceeded;
#[cfg(feature = "runtime")]
pub use limits::Limits;
#[cfg(feature = "runtime")]
pub use logger::{default_logger, silent_logger};
#[cfg(feature = "runtime")]
pub use room::config::RoomConfig;
pub use room::typed::{Room, RoomRef};
#[cfg(feature = "runtime")]
pub use runtime::{BuildError, Builder, Client, Dialogue, InvalidLimits, JoinError, RoomHandle, WeakDialogue};
pub use schema::Violation;

/// The types that calls of a server return: a trigger or a new room before it is awaited, the rooms of a user, and the
/// views of this node.
///
/// You rarely name these types, because you await them or call their methods at once. See [`Dialogue::trigger`],
/// [`Dialogue::create_room`], [`Dialogue::rooms_of`] and [`Dialogue::here`].
#[cfg(feature = "runtime")]
pub mod calls {
    pub use crate::runtime::{
        CreateRoom, CreateRoomError, Here, Revoked, RoomHere, RoomUnavailable, Trigger, UserRooms,
    };
}

/// The types that [`Dialogue::on`] and [`Dialogue::stream`] return: a handler's registration, and a stream of events.
#[cfg(feature = "runtime")]
pub mod handlers {
    pub use crate::runtime::{EventStream, StreamError, Subscription};
}

/// The history of rooms: how much memory it may use, and how an application stores the events that the server evicts.
///
/// The [manual](crate#history-and-recovery) explains history, and shows an archive. See [`Builder::history`]
/// and [`RoomHandle::history`].
#[cfg(feature = "runtime")]
pub mod history {
    pub use crate::log::{ErasedHistory, EvictedHistory, HistoryConfig, HistoryManager, HistoryQuery, StoreFailure};
    pub use crate::runtime::{EraseError, HistoryError};
}

/// The types that [hooks](crate#hooks) receive, and the types that hooks and handlers return.
#[cfg(any(feature = "client", feature = "runtime"))]
pub mod hooks {
    pub use crate::hook::{HookFailure, HookOutcome};
    #[cfg(feature = "runtime")]
    pub use crate::runtime::{Arrival, ConnectionEnd, Left, WebOrigin};
}

/// Observe a server from within the program: the stream of [`Dialogue::observe`] and the numbers of
/// [`Dialogue::stats`].
///
/// - [`Observations`](observe::Observations) yields an [`Observation`](observe::Observation) for everything that happens.
/// - [`Stats`](observe::Stats) has counters and gauges. The server keeps them even if nobody observes it.
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
///             Err(lagged) => println!("missed {} observations", lagged.missed),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # dialogue::rooms! { pub Rooms; pub Chat = "chat" { events: [] } }
/// let dialogue = Dialogue::builder().rooms::<Rooms>().build()?;
/// tokio::spawn(log(dialogue.observe()?));
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "runtime")]
pub mod observe {
    pub use crate::runtime::{
        ByCode, HistorySize, Lagged, LeaveReason, Observation, Observations, ObserveError, ObservedEvent, Stats,
        StoreStats,
    };
}

/// Rooms and their history in a file: the store, its settings, and why it does not open.
///
/// See [`Sqlite`](sqlite::Sqlite).
#[cfg(feature = "sqlite")]
pub mod sqlite {
    pub use crate::log::sqlite::{Durability, Retention, Sqlite, SqliteError};
    /// For tests of programs whose store fails. Nothing here belongs in a production program.
    #[doc(hidden)]
    pub use crate::log::sqlite::{StoreAppender, StoreError, StoreFault, StoreFaults};
}

/// Several servers that share their rooms: the settings of Redis, and why they cannot be used.
///
/// See [`Redis`](redis::Redis).
#[cfg(feature = "redis")]
pub mod redis {
    pub use crate::cluster::redis::{Redis, RedisError};
}

/// The names that most programs with Dialogue need in scope.
pub mod prelude {
    #[cfg(any(feature = "macros", test))]
    pub use crate::rooms;
    #[cfg(feature = "runtime")]
    pub use crate::{Client, Dialogue, Identity, RoomHandle};
    pub use crate::{DialogueEvent, EventMessage, Room, RoomRef, RoomSet};
    #[cfg(any(feature = "client", feature = "runtime"))]
    pub use crate::{HookError, Refusal, refuse};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
