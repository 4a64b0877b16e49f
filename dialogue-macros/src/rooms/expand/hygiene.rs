//! Names and spans of generated code that cannot clash with, or be blamed on, the user's.

use proc_macro2::{Ident, Span};

/// Returns a local name. The underscores avoid a clash with a user's constant: a constant with the same name would turn
/// the binding into a constant pattern.
pub(super) fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// Returns a span at the room's name. Errors in generated code then point there, not at the whole of `rooms!`.
pub(super) fn shown_at(room: &Ident) -> Span {
    Span::call_site().located_at(room.span())
}
