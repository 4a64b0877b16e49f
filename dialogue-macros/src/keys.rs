//! Parses lists of `key value, key value, …` for both macros. Parsing continues after a mistake, and each key may
//! appear only once.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Ident, Token};

use crate::diagnostics::{Diagnostics, first_at, list, nearest};

/// The state of one key.
#[derive(Default)]
pub(crate) enum Slot<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The value is wrong, and the mistake has been reported.
    Broken(Ident),
    /// The key has a valid value.
    Given(Ident, T),
}

impl<T> Slot<T> {
    /// Parses the key's value into the slot.
    pub(crate) fn fill(
        &mut self,
        key: Ident,
        diagnostics: &mut Diagnostics,
        value: impl FnOnce(&mut Diagnostics) -> syn::Result<T>,
    ) -> syn::Result<()> {
        let first = match self {
            Self::Absent => None,
            Self::Broken(first) | Self::Given(first, _) => Some(first.span()),
        };
        let value = value(diagnostics);
        if let Some(first) = first {
            let message = format!("`{key}` is given twice{}: remove one of the two", first_at(first));
            diagnostics.at(&key, message);
            return value.map(drop);
        }
        match value {
            Ok(value) => *self = Self::Given(key, value),
            Err(error) => {
                *self = Self::Broken(key);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Returns the value, if the key has one and no mistake was found in it so far.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Given(_, value) => Some(value),
            _ => None,
        }
    }

    /// Returns the key, if it is there.
    pub(crate) fn key(&self) -> Option<&Ident> {
        match self {
            Self::Absent => None,
            Self::Broken(key) | Self::Given(key, _) => Some(key),
        }
    }
}

/// Parses comma-separated entries. `entry` receives each key and parses its value. After an error, parsing continues
/// with the next entry. `known` lists the allowed keys.
pub(crate) fn entries(
    input: ParseStream,
    known: &[&str],
    diagnostics: &mut Diagnostics,
    mut entry: impl FnMut(Ident, ParseStream, &mut Diagnostics) -> syn::Result<()>,
) {
    while !input.is_empty() {
        let parsed = key(input, known, diagnostics).and_then(|key| entry(key, input, diagnostics));
        if let Err(error) = parsed {
            diagnostics.push(error);
            skip_to_comma(input);
        }
        if input.is_empty() {
            break;
        }
        if let Err(error) = comma(input) {
            diagnostics.push(error);
            // If only the comma is missing, still parse the next entry.
            if !input.peek(Ident::peek_any) {
                skip_to_comma(input);
                let _ = input.parse::<Token![,]>();
            }
        }
    }
}

fn key(input: ParseStream, known: &[&str], diagnostics: &mut Diagnostics) -> syn::Result<Ident> {
    refuse_attributes(input, "a key", diagnostics)?;
    input.call(Ident::parse_any).map_err(|error| {
        let help = format!("expected a key: the keys are {}", list(known));
        syn::Error::new(error.span(), help)
    })
}

/// Rejects attributes, including doc comments, where none are allowed.
pub(crate) fn refuse_attributes(input: ParseStream, on: &str, diagnostics: &mut Diagnostics) -> syn::Result<()> {
    for attr in input.call(Attribute::parse_outer)? {
        let message = if is_cfg(&attr) {
            format!("`cfg` does not work on {on}: put it on a whole item, such as a separate `rooms!` block")
        } else if attr.path().is_ident("doc") {
            format!("{on} cannot have a doc comment: write it with `//` instead")
        } else {
            format!("{on} cannot have attributes: remove this one")
        };
        diagnostics.at(attr, message);
    }
    Ok(())
}

/// Returns whether an attribute compiles its item conditionally.
pub(crate) fn is_cfg(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")
}

/// Returns the error for a key that is not in `known`.
pub(crate) fn unknown(key: &Ident, known: &[&str]) -> syn::Error {
    let meant = match nearest(&key.to_string(), known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`? "),
        None => String::new(),
    };
    let keys = match known {
        [only] => format!("the only key is `{only}`"),
        _ => format!("the keys are {}", list(known)),
    };
    syn::Error::new(key.span(), format!("unknown key `{key}`: {meant}{keys}"))
}

/// Parses a whole group. After an error it consumes the rest of the group; otherwise syn would report the rest too.
pub(crate) fn whole<T>(
    content: &syn::parse::ParseBuffer<'_>,
    parse: impl FnOnce(ParseStream) -> syn::Result<T>,
) -> syn::Result<T> {
    let parsed = parse(content).and_then(|value| {
        if content.is_empty() {
            Ok(value)
        } else {
            Err(content.error("unexpected token: remove this"))
        }
    });
    while content.parse::<TokenTree>().is_ok() {}
    parsed
}

/// Parses the comma between two entries.
pub(crate) fn comma(input: ParseStream) -> syn::Result<()> {
    match input.parse::<Token![,]>() {
        Ok(_) => Ok(()),
        Err(error) => Err(syn::Error::new(error.span(), "missing comma: write `,` before this")),
    }
}

fn skip_to_comma(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}
