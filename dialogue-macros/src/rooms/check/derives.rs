//! Derives that would come twice, since the macro writes them.

use syn::punctuated::Punctuated;
use syn::{Attribute, Path, Token, parse_quote};

use crate::diagnostics::Diagnostics;

/// What every single room implements.
pub(super) const OF_ROOM: &[&str] = &["Debug", "Clone", "Copy", "PartialEq", "Eq"];

/// What every family implements.
pub(super) const OF_FAMILY: &[&str] = &["Debug", "Clone"];

/// What a set of rooms implements.
pub(super) const OF_SET: &[&str] = &["Debug", "Clone", "Copy"];

/// The attributes without derives of what is `given`.
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
            diagnostics.at(path, "`rooms!` derives this by itself: remove it");
        }
        left.push(parse_quote!(#[derive(#(#kept),*)]));
    }
    left
}
