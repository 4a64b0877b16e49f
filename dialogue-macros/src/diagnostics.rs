//! Collects every mistake in one macro call, so that a single compile shows them all.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Diagnostics(Vec<syn::Error>);

impl Diagnostics {
    /// Records a mistake at `tokens`. Pass only the tokens that the user must edit.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    /// Records a mistake that the parser found.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Returns whether no mistake has been found so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a `compile_error!` for each mistake.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// Returns `" (first on line 7)"` for the message about a duplicate. A macro on stable Rust cannot point at two places,
/// so the message names the line of the first.
pub(crate) fn first_at(span: Span) -> String {
    if proc_macro::is_available() {
        format!(" (first on line {})", span.unwrap().line())
    } else {
        String::new()
    }
}

/// Returns the candidate that the user probably meant by `typed`.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(typed, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Joins names for a sentence: `` `a`, `b` and `c` ``.
pub(crate) fn list(names: &[impl Display]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", most.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_candidate() {
        assert_eq!(nearest("evnts", ["events", "server_events", "name"]), Some("events"));
        assert_eq!(nearest("historty", ["history", "name"]), Some("history"));
    }

    #[test]
    fn names_no_candidate_when_none_is_near() {
        assert_eq!(nearest("zzz", ["events", "name"]), None);
    }

    #[test]
    fn joins_names_with_commas_and_and() {
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(list(&["a"]), "`a`");
    }
}
