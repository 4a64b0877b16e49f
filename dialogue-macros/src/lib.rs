//! The macros of Dialogue: `#[derive(DialogueEvent)]` and `rooms!`. Use them through the `dialogue` crate.
//!
//! Each macro is five phases in a folder of its own: `syntax` (tokens into a tree, going on after a mistake), `model`
//! (what a correct input means), `check` (the tree into the model), `expand` (the model into code, which cannot fail)
//! and `fallback` (what stands in for a mistake, so that nothing follows from it). Every mistake goes into
//! `diagnostics`, so that one compile shows them all.

mod casing;
mod diagnostics;
mod docs;
mod event;
mod keys;
mod rooms;
mod value;

use proc_macro::TokenStream;

/// Makes a type an event.
///
/// See `dialogue::DialogueEvent` for what an event is.
///
/// `#[event(…)]` on the type takes, all optional:
///
/// - `name = "…"`: the name on the wire, 1–64 characters of `[A-Za-z0-9_.:-]`, not starting with `dialogue:`. Default:
///   the type's name in kebab case.
/// - `description = "…"`: what the event means. Default: the doc comment.
/// - `history`, `history = N` or `history(limit = N)`: keep events of this type in each room, as many as the history
///   manager says or `N`. Default: none are kept.
/// - `crate = path`: where the `dialogue` crate is, if not at `::dialogue`.
#[proc_macro_derive(DialogueEvent, attributes(event))]
pub fn derive_dialogue_event(input: TokenStream) -> TokenStream {
    event::derive(syn::parse_macro_input!(input as syn::DeriveInput)).into()
}

/// Declares the rooms of a server: a type for each, and what the compiler needs to know which event may go where.
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
/// First the name of the set, then the rooms. A room with fields is a family; its id is built from them. Keys:
///
/// - `events` (required): what anyone in the room may trigger. `[]` makes a room in which clients may trigger nothing,
///   `*` one in which they may trigger anything.
/// - `server_events`: what only the server may trigger. Default: nothing more; with `events: []`, anything.
/// - `name`: for people. Default: the type's name in words.
/// - `description`: for people. Default: the doc comment.
/// - `default_subscriptions`: what a client that joins without asking is subscribed to; `*` for everything. Default:
///   nothing.
/// - `max_size`: the most clients that may be in the room at once. Default: no bound.
/// - `sync_history_on_join`: what of the history a joining client is sent: `true` for all that is kept, a number for
///   that many of each event type. Default: `false`.
/// - `on_demand` (families): `true` lets a member come into being at the first join. Default: `false`.
/// - `client_created` (families): how many members each user may create. Default: none.
/// - `listed` (families): whether on-demand members are announced and listed. Default: `false`.
///
/// `crate = path;` before the set's name says where the `dialogue` crate is, if not at `::dialogue`.
///
/// What it makes:
///
/// - the set's type, for `Dialogue::builder().rooms::<Rooms>()`;
/// - a type for each room, a unit struct or, for a family, a struct with the id's fields: `Chat`, `Project { id: 7 }`. It
///   implements `Room`, and `Allows` and `ClientAllows` for its events; a family has `every()`, which stands for all of
///   its rooms where one listens;
/// - where the events are listed, an enum of them, named after the room: `ChatEvent`. A handler that takes it matches them all.
///
/// A module called `diagnostic`, where the block is, hides what the compiler knows by that name, and `#![no_implicit_prelude]`
/// does so, too: put the block into a module of its own then, or let the prelude be.
///
/// The fields of a family have types that print (`Display`), parse (`FromStr`) and print the same again.
#[proc_macro]
pub fn rooms(input: TokenStream) -> TokenStream {
    rooms::expand(input.into()).into()
}
