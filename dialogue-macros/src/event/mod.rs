//! `#[derive(DialogueEvent)]`.

mod check;
mod expand;
mod fallback;
mod model;
mod name;
mod syntax;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::diagnostics::Diagnostics;

pub(crate) fn derive(input: DeriveInput) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let attributes = syntax::attributes(&input.attrs, &mut diagnostics);
    let event = check::check(&input, &attributes, &mut diagnostics);
    if diagnostics.is_empty() {
        return expand::expand(&event);
    }
    let mut output = fallback::fallback(&input, &event);
    output.extend(diagnostics.into_compile_errors());
    output
}
