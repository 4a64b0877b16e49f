//! Rejects derives that the macro already generates.

use syn::punctuated::Punctuated;
use syn::{Attribute, Path, Token, parse_quote};

use crate::diagnostics::Diagnostics;

/// The traits that the macro implements for every single room.
pub(super) const OF_ROOM: &[&str] = &["Debug", "Clone", "Copy", "PartialEq", "Eq"];

/// The traits that the macro implements for every family.
pub(super) const OF_FAMILY: &[&str] = &["Debug", "Clone"];

/// The traits that the macro implements for a set of rooms.
pub(super) const OF_SET: &[&str] = &["Debug", "Clone", "Copy"];

/// Reports derives of the traits in `given`, and returns the attributes without them.
pub(super) fn without(given: &[&str], attrs: Vec<Attribute>, diagnostics: &mut Diagnostics) -> Vec<Attribute> {
    let mut left = Vec::new();
    for attr in attrs {
        let derives = match attr.path().is_ident("derive") {
            true => attr
                .parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
                .ok(),
            false => None,
        };
        let Some(derives) = derives else {
            left.push(attr);
            continue;
        };
        let (refused, kept): (Vec<Path>, Vec<Path>) = derives.into_iter().partition(|path| {
            let derived = path.segments.last().map(|segment| segment.ident.to_string());
            derived.is_some_and(|derived| given.contains(&derived.as_str()))
        });
        for path in refused {
            let derived = path.segments.last().map(|segment| segment.ident.to_string());
            let message = format!("`rooms!` already derives `{}`: remove it", derived.unwrap_or_default());
            diagnostics.at(path, message);
        }
        left.push(parse_quote!(#[derive(#(#kept),*)]));
    }
    left
}
