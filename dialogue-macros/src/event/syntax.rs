//! `#[event(…)]` into what was written in it.

use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitInt, LitStr, Meta, Path, Token, parenthesized};

use crate::diagnostics::Diagnostics;
use crate::keys::{self, Slot};
use crate::value;

/// The keys, as written.
#[derive(Default)]
pub(super) struct Attributes {
    pub(super) name: Slot<LitStr>,
    pub(super) description: Slot<LitStr>,
    pub(super) history: Slot<Option<LitInt>>,
    pub(super) krate: Slot<Path>,
}

const KEYS: &[&str] = &["name", "description", "history", "crate"];

/// What every `#[event(…)]` of a type says together.
pub(super) fn attributes(attrs: &[Attribute], diagnostics: &mut Diagnostics) -> Attributes {
    let mut attributes = Attributes::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let Meta::List(list) = &attr.meta else {
            diagnostics.at(
                &attr.meta,
                "write `#[event(…)]` with keys in parentheses, such as `#[event(name = \"…\")]`",
            );
            continue;
        };
        let parser = |input: ParseStream<'_>| {
            keys::entries(input, diagnostics, |key, input, diagnostics| {
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
            "name" => self.name.fill(key, diagnostics, |_| text(input)),
            "description" => self.description.fill(key, diagnostics, |_| text(input)),
            "history" => self.history.fill(key, diagnostics, |_| history(input)),
            "crate" => self.krate.fill(key, diagnostics, |_| {
                input.parse::<Token![=]>()?;
                value::crate_path(input)
            }),
            _ => Err(keys::unknown(&key, KEYS)),
        }
    }
}

/// `= "…"`.
fn text(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse::<Token![=]>()?;
    value::text(input)
}

/// Nothing, `= N` or `(limit = N)`.
fn history(input: ParseStream<'_>) -> syn::Result<Option<LitInt>> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(None);
    }
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return value::number(input).map(Some);
    }
    if !input.peek(syn::token::Paren) {
        return Err(input.error("write `history`, `history = N` or `history(limit = N)`"));
    }
    let content;
    parenthesized!(content in input);
    keys::whole(&content, limit).map(Some)
}

/// `limit = N`.
fn limit(input: ParseStream<'_>) -> syn::Result<LitInt> {
    let key: Ident = input.parse()?;
    if key != "limit" {
        return Err(keys::unknown(&key, &["limit"]));
    }
    input.parse::<Token![=]>()?;
    value::number(input)
}
