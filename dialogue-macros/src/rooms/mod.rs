//! `rooms!`.

mod check;
mod expand;
mod fallback;
mod model;
mod overlap;
mod pattern;
mod syntax;

use proc_macro2::TokenStream;
use syn::parse::Parser;

use crate::diagnostics::Diagnostics;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let parsed = (|input: syn::parse::ParseStream<'_>| syntax::rooms(input, &mut diagnostics)).parse2(input);
    let mut output = match parsed {
        Ok(rooms) => expand::expand(&check::check(rooms, &mut diagnostics)),
        Err(error) => {
            diagnostics.push(error);
            TokenStream::new()
        }
    };
    output.extend(diagnostics.into_compile_errors());
    output
}
