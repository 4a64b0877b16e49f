//! The macros of Dialogue: `#[derive(DialogueEvent)]` and `rooms!`. Use them through the `dialogue` crate.
//!
//! Each macro has its own folder with five phases:
//!
//! - `syntax` parses tokens into a tree and continues after a mistake.
//! - `model` describes a correct input.
//! - `check` turns the tree into the model.
//! - `expand` turns the model into code. It cannot fail.
//! - `fallback` replaces wrong parts with stubs, so that one mistake does not cause further errors.
//!
//! Every mistake goes into `diagnostics`, so that one compile shows them all.

mod casing;
mod diagnostics;
mod docs;
mod event;
mod keys;
mod rooms;
mod value;

use proc_macro::TokenStream;

/// Turns a type into an event.
///
/// See `dialogue::DialogueEvent` for an explanation of events.
///
/// `#[event(…)]` on the type accepts these optional keys:
///
/// - `name = "…"`: the name on the wire. It has 1–64 characters of `[A-Za-z0-9_.:-]` and must not start with
///   `dialogue:`. Default: the type's name in kebab case.
/// - `description = "…"`: the meaning of the event. Default: the doc comment.
/// - `history`, `history = N` or `history(limit = N)`: each room keeps a history of events of this type. `N` is the
///   number of events; without it, the history manager sets the number. Default: no history.
/// - `crate = path`: the path of the `dialogue` crate. Default: `::dialogue`.
#[proc_macro_derive(DialogueEvent, attributes(event))]
pub fn derive_dialogue_event(input: TokenStream) -> TokenStream {
    event::derive(syn::parse_macro_input!(input as syn::DeriveInput)).into()
}

/// Declares the rooms of a server. The macro generates a type for each room, so that the compiler can check which
/// events each room allows.
///
/// ```text
/// rooms! {
///     /// Every room of this server.
///     pub Rooms;
///
///     /// Where everyone talks.
///     pub Chat = "chat" {
///         events: [Message, Typing],
///         server_events: [UserJoined],
///     }
///
///     /// One room per project.
///     pub Project { id: u64 } = "project-{id}" {
///         events: [Message],
///     }
/// }
/// ```
///
/// The name of the set comes first, then the rooms. A room with fields is a family: each member's id is built from the
/// values of the fields. Keys:
///
/// - `events` (required): the events that the server and the clients in the room may trigger. With `[]`, clients may
///   trigger nothing. With `*`, they may trigger any event.
/// - `server_events`: the events that only the server may trigger. Default: none; with `events: []`, any event.
/// - `name`: the name that people see. Default: the type's name in words.
/// - `description`: the description that people see. Default: the doc comment.
/// - `default_subscriptions`: the events that a client receives if it joins without naming any; `*` for every event.
///   Default: none.
/// - `max_size`: the maximum number of clients in the room at once. Default: no limit.
/// - `sync_history_on_join`: how much of the history a client receives when it joins. `true` sends the whole history
///   that the room keeps; a number sends that many events of each type. Default: `false`.
/// - `on_demand` (families): with `true`, the first join creates the member, and so does the server's
///   first event with history. Default: `false`.
/// - `client_created` (families): the number of members that each user may create. Default: none.
/// - `listed` (families): whether the server announces and lists on-demand members. Default: `false`.
///
/// `crate = path;` before the set's name sets the path of the `dialogue` crate. Default: `::dialogue`.
///
/// The macro generates:
///
/// - The set's type, for `Dialogue::builder().rooms::<Rooms>()`.
/// - A type for each room. A single room is a unit struct, such as `Chat`. A family is a struct with the id's fields,
///   such as `Project { id: 7 }`. The type implements `Room`, and it implements `Allows` and `ClientAllows` for its
///   events. A family also has `every()`, which stands for all of its rooms when you listen for events.
/// - An enum of the room's events, if they are listed. It is named after the room, such as `ChatEvent`. A handler that
///   takes the enum can match on every event of the room.
///
/// If the module of the block contains a module called `diagnostic`, that module hides the compiler's own `diagnostic`
/// attributes. `#![no_implicit_prelude]` hides them too. In that case, put the block into a separate module, or keep
/// the prelude.
///
/// The type of a family's field must implement `Display` and `FromStr`. A value that is parsed from its printed text
/// must print the same text again.
#[proc_macro]
pub fn rooms(input: TokenStream) -> TokenStream {
    rooms::expand(input.into()).into()
}
