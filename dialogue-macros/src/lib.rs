//! The macros of Dialogue.
use proc_macro::TokenStream;

/// Derives `DialogueEvent`.
#[proc_macro_derive(DialogueEvent, attributes(event))]
pub fn derive_dialogue_event(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Declares rooms.
#[proc_macro]
pub fn rooms(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
