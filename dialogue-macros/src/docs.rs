//! Doc comments as text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of an item's doc comment; `None` if it has none.
pub(crate) fn text(attrs: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attrs.iter().filter_map(line).collect();
    let text = lines
        .iter()
        .flat_map(|line| line.lines().chain(line.is_empty().then_some("")))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text of one `#[doc = "…"]`. What is not a literal (`include_str!`) is unknown here and left out.
fn line(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &attr.meta else {
        return None;
    };
    if !doc.path.is_ident("doc") {
        return None;
    }
    let mut value = &doc.value;
    // A macro that passes a literal on wraps it in an invisible group.
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
    fn finds_nothing_where_nothing_is_written() {
        let item: syn::DeriveInput = syn::parse_quote! {
            #[doc = include_str!("elsewhere.md")]
            struct Undocumented;
        };
        assert_eq!(text(&item.attrs), None);
    }
}
