//! Checks a room's id and the fields that it is built from.

use syn::ext::IdentExt;
use syn::{Ident, LitStr};

use super::super::fallback;
use super::super::model::{Family, FamilyOptions, Field, Id};
use super::super::pattern::{self, Segment};
use super::super::syntax;
use crate::diagnostics::{Diagnostics, first_at, list, nearest};

pub(super) fn check(
    room: &Ident,
    id: &LitStr,
    fields: Option<syntax::Fields>,
    options: FamilyOptions,
    diagnostics: &mut Diagnostics,
) -> Id {
    let segments = match pattern::parse(&id.value()) {
        Ok(segments) => Some(segments),
        Err(error) => {
            diagnostics.at(id, error);
            None
        }
    };
    let Some(fields) = fields else {
        if let Some(segments) = &segments {
            refuse_placeholders_without_fields(room, id, segments, diagnostics);
        }
        return Id::Fixed(id.value());
    };
    if fields.fields.is_empty() {
        let message = format!(
            "a room without fields has no braces before its id: write `{room} = {}`",
            id.token()
        );
        diagnostics.push(syn::Error::new(fields.brace.span.join(), message));
    }
    let fields = distinct(fields.fields, diagnostics);
    let segments = match segments {
        Some(segments) => {
            match_fields(room, id, &segments, &fields, diagnostics);
            fallback::segments(segments, &fields)
        }
        None => fallback::segments(Vec::new(), &fields),
    };
    Id::Family(Family {
        fields,
        segments,
        options,
    })
}

fn distinct(fields: Vec<syntax::Field>, diagnostics: &mut Diagnostics) -> Vec<Field> {
    let mut distinct: Vec<Field> = Vec::new();
    for field in fields {
        if let Some(first) = distinct.iter().find(|first| first.ident == field.ident) {
            let place = first_at(first.ident.span());
            diagnostics.at(
                &field.ident,
                format!(
                    "the field `{}` is declared twice{place}: remove one of the two",
                    field.ident
                ),
            );
            continue;
        }
        // The id always contains the field, so the field cannot be conditional.
        let (refused, attrs): (Vec<_>, Vec<_>) = field.attrs.into_iter().partition(|attr| attr.path().is_ident("cfg"));
        for attr in refused {
            diagnostics.at(
                attr,
                "`cfg` does not work on a field: put it on a separate `rooms!` block",
            );
        }
        distinct.push(Field {
            attrs,
            ident: field.ident,
            ty: field.ty,
        });
    }
    distinct
}

fn refuse_placeholders_without_fields(room: &Ident, id: &LitStr, segments: &[Segment], diagnostics: &mut Diagnostics) {
    let names: Vec<&str> = placeholders(segments).collect();
    if names.is_empty() {
        return;
    }
    let fields: Vec<String> = names.iter().map(|name| format!("{name}: …")).collect();
    let stand_for = if names.len() == 1 {
        "stands for a field"
    } else {
        "stand for fields"
    };
    diagnostics.at(
        id,
        format!(
            "{} {stand_for}, but `{room}` has no fields: write `{room} {{ {} }} = …`",
            list(&names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>()),
            fields.join(", ")
        ),
    );
}

/// Checks that the id contains each field and that each placeholder names a field.
fn match_fields(room: &Ident, id: &LitStr, segments: &[Segment], fields: &[Field], diagnostics: &mut Diagnostics) {
    let names: Vec<String> = fields.iter().map(|field| field.ident.unraw().to_string()).collect();
    let unknown: Vec<&str> = placeholders(segments)
        .filter(|placeholder| !names.iter().any(|name| name == placeholder))
        .collect();
    let unused: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !placeholders(segments).any(|placeholder| placeholder == *name))
        .collect();
    let mut misspelt = Vec::new();
    for placeholder in &unknown {
        let meant = match (unknown.as_slice(), unused.as_slice()) {
            ([_], [field]) => Some(*field),
            _ => nearest(placeholder, unused.iter().copied()),
        };
        let advice = match meant {
            Some(field) => {
                misspelt.push(field);
                format!("write `{{{field}}}`")
            }
            None => format!("add one, as in `{room} {{ {placeholder}: … }}`, or remove the placeholder"),
        };
        diagnostics.at(id, format!("`{room}` has no field for `{{{placeholder}}}`: {advice}"));
    }
    for field in fields {
        let name = field.ident.unraw().to_string();
        // One error is enough for a misspelt placeholder.
        if !unused.contains(&name.as_str()) || misspelt.contains(&name.as_str()) {
            continue;
        }
        diagnostics.at(
            &field.ident,
            format!(
                "the field `{name}` is not in the id, so two rooms could have the same id: add `{{{name}}}` to {}",
                id.token()
            ),
        );
    }
}

fn placeholders(segments: &[Segment]) -> impl Iterator<Item = &str> {
    segments.iter().filter_map(|segment| match segment {
        Segment::Field(name) => Some(name.as_str()),
        Segment::Literal(_) => None,
    })
}
