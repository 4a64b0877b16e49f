//! Extracts the text of doc comments.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the text of an item's doc comment, or `None` if the item has no doc comment.
pub(crate) fn text(attrs: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attrs.iter().filter_map(line).collect();
    let text = lines
        .iter()
        .flat_map(|comment| unstarred(comment).chain(comment.is_empty().then_some("")))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the lines of a comment. Removes the stars that begin the lines of a `/** … */` comment, as rustdoc does.
fn unstarred(comment: &str) -> impl Iterator<Item = &str> {
    let mut later = comment.lines().skip(1).map(str::trim_start);
    let starred = later.all(|line| line.is_empty() || line.starts_with('*'));
    comment
        .lines()
        .enumerate()
        .map(move |(at, line)| match line.trim_start().strip_prefix('*') {
            Some(rest) if starred && at > 0 => rest,
            _ => line,
        })
}

/// Returns the text of one `#[doc = "…"]`. The macro cannot read a value that is not a literal, such as
/// `include_str!(…)`, and ignores it.
fn line(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &attr.meta else {
        return None;
    };
    if !doc.path.is_ident("doc") {
        return None;
    }
    let mut value = &doc.value;
    // A macro that passes on a literal wraps it in an invisible group.
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) => Some(text.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_the_lines_and_keeps_paragraphs() {
        let item: syn::DeriveInput = syn::parse_quote! {
            /// One.
            /// Two.
            ///
            /// Three.
            #[doc(hidden)]
            struct Documented;
        };
        assert_eq!(text(&item.attrs).as_deref(), Some("One.\nTwo.\n\nThree."));
    }

    #[test]
    fn strips_the_stars_of_a_block_comment() {
        for (comment, expected) in [
            ("\n * One.\n *\n * * two\n ", "One.\n\n* two"),
            (" One.\n * Two. ", "One.\nTwo."),
            (" Some:\n\n * one\n\n and more", "Some:\n\n* one\n\nand more"),
            (" * One.", "* One."),
        ] {
            let item: syn::DeriveInput = syn::parse_quote!(#[doc = #comment] struct Documented;);
            assert_eq!(text(&item.attrs).as_deref(), Some(expected));
        }
    }

    #[test]
    fn finds_no_text_without_a_literal_doc_comment() {
        let item: syn::DeriveInput = syn::parse_quote! {
            #[doc = include_str!("elsewhere.md")]
            struct Undocumented;
        };
        assert_eq!(text(&item.attrs), None);
    }
}
