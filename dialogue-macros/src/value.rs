//! Parsers for the values of keys. Their errors say what to write instead.

use syn::parse::{Parse, ParseStream};
use syn::{LitBool, LitInt, LitStr, Path};

pub(crate) fn text(input: ParseStream) -> syn::Result<LitStr> {
    literal(input, "expected a string: write the text in quotes")
}

pub(crate) fn number(input: ParseStream) -> syn::Result<LitInt> {
    const HELP: &str = "expected a positive whole number, such as `50`";
    let number: LitInt = literal(input, HELP)?;
    match number.base10_parse::<usize>() {
        Ok(_) => Ok(number),
        Err(_) => Err(syn::Error::new(number.span(), HELP)),
    }
}

pub(crate) fn switch(input: ParseStream) -> syn::Result<LitBool> {
    literal(input, "expected `true` or `false`")
}

/// Parses the path after `crate =`.
pub(crate) fn crate_path(input: ParseStream) -> syn::Result<Path> {
    if input.peek(LitStr) {
        return Err(input.error("`crate` takes a path without quotes: write it as in `crate = my_crate::dialogue`"));
    }
    input.call(Path::parse_mod_style)
}

fn literal<T: Parse>(input: ParseStream, help: &str) -> syn::Result<T> {
    input
        .parse()
        .map_err(|error: syn::Error| syn::Error::new(error.span(), help))
}
