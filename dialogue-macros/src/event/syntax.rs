//! Parses `#[event(…)]` into its keys and values.

use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitInt, LitStr, Meta, Path, Token, parenthesized};

use crate::diagnostics::Diagnostics;
use crate::keys::{self, Slot};
use crate::value;

/// The keys and values, as the user wrote them.
#[derive(Default)]
pub(super) struct Attributes {
    pub(super) name: Slot<LitStr>,
    pub(super) description: Slot<LitStr>,
    pub(super) history: Slot<Option<LitInt>>,
    pub(super) krate: Slot<Path>,
}

const KEYS: &[&str] = &["name", "description", "history", "crate"];

/// Merges the keys of all `#[event(…)]` attributes of a type.
pub(super) fn attributes(attrs: &[Attribute], diagnostics: &mut Diagnostics) -> Attributes {
    let mut attributes = Attributes::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let Meta::List(list) = &attr.meta else {
            diagnostics.at(
                &attr.meta,
                "the keys of `event` go in parentheses: write `#[event(…)]`, such as `#[event(name = \"…\")]`",
            );
            continue;
        };
        let parser = |input: ParseStream<'_>| {
            keys::entries(input, KEYS, diagnostics, |key, input, diagnostics| {
                attributes.entry(key, input, diagnostics)
            });
            Ok(())
        };
        if let Err(error) = parser.parse2(list.tokens.clone()) {
            diagnostics.push(error);
        }
    }
    attributes
}

impl Attributes {
    fn entry(&mut self, key: Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        match key.to_string().as_str() {
            "name" => {
                let equals = equals(&key, "\"…\"", input);
                self.name
                    .fill(key, diagnostics, |_| equals.and_then(|()| value::text(input)))
            }
            "description" => {
                let equals = equals(&key, "\"…\"", input);
                self.description
                    .fill(key, diagnostics, |_| equals.and_then(|()| value::text(input)))
            }
            "history" => self.history.fill(key, diagnostics, |_| history(input)),
            "crate" => {
                let equals = equals(&key, "path", input);
                self.krate
                    .fill(key, diagnostics, |_| equals.and_then(|()| value::crate_path(input)))
            }
            _ => Err(keys::unknown(&key, KEYS)),
        }
    }
}

/// Parses the `=` that must follow a key.
fn equals(key: &Ident, value: &str, input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        return input.parse::<Token![=]>().map(drop);
    }
    let help = format!("`{key}` needs a value after `=`: write `{key} = {value}`");
    Err(syn::Error::new(key.span(), help))
}

/// Parses the part after `history`: nothing, `= N` or `(limit = N)`.
fn history(input: ParseStream<'_>) -> syn::Result<Option<LitInt>> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(None);
    }
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return value::number(input).map(Some);
    }
    if !input.peek(syn::token::Paren) {
        return Err(input.error(HISTORY));
    }
    let content;
    parenthesized!(content in input);
    keys::whole(&content, limit).map(Some)
}

const HISTORY: &str = "this is not a history setting: write `history`, `history = N` or `history(limit = N)`";

/// Parses `limit = N`.
fn limit(input: ParseStream<'_>) -> syn::Result<LitInt> {
    let key: Ident = input
        .parse()
        .map_err(|error: syn::Error| syn::Error::new(error.span(), HISTORY))?;
    if key != "limit" {
        return Err(keys::unknown(&key, &["limit"]));
    }
    equals(&key, "N", input)?;
    value::number(input)
}
