//! Turns the syntax tree into the model and checks every rule that concerns the event type alone.

use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, LitInt, Variant, parse_quote};

use super::model::{Event, History};
use super::name;
use super::syntax::Attributes;
use crate::diagnostics::Diagnostics;
use crate::keys::Slot;
use crate::{casing, docs};

/// Returns the event. Reports each wrong part and replaces it with its default.
pub(super) fn check(input: &DeriveInput, attributes: &Attributes, diagnostics: &mut Diagnostics) -> Event {
    refuse_generics(input, diagnostics);
    refuse_union(input, diagnostics);
    refuse_attributes_within(input, diagnostics);
    Event {
        ident: input.ident.clone(),
        name: event_name(input, attributes, diagnostics),
        description: match attributes.description.value() {
            Some(description) => Some(description.value()),
            None => docs::text(&input.attrs),
        },
        history: history(attributes, diagnostics),
        krate: match attributes.krate.value() {
            Some(path) => path.clone(),
            None => parse_quote!(::dialogue),
        },
    }
}

/// Rejects generics: an event's name on the wire stands for one schema, but a generic type would have one schema for
/// each of its instances.
fn refuse_generics(input: &DeriveInput, diagnostics: &mut Diagnostics) {
    if let Some(lifetime) = input.generics.lifetimes().next() {
        diagnostics.at(
            lifetime,
            "an event cannot borrow data, because it outlives the message that carried it: use `String` for \
             `&'a str` and `Vec<T>` for `&'a [T]`, and remove the lifetime",
        );
    } else if let Some(parameter) = input.generics.params.first() {
        diagnostics.at(
            parameter,
            "an event cannot be generic, because its name stands for one schema: declare a separate type for each \
             event, or use a field of type `serde_json::Value`",
        );
    }
}

/// Rejects unions: serde cannot know which field of a union is set.
fn refuse_union(input: &DeriveInput, diagnostics: &mut Diagnostics) {
    if let Data::Union(data) = &input.data {
        diagnostics.at(data.union_token, "a union cannot be an event: use a struct or an enum");
    }
}

/// Rejects `#[event(…)]` on variants and fields. Its keys describe the whole type; on a part of it they would be
/// silently ignored.
fn refuse_attributes_within(input: &DeriveInput, diagnostics: &mut Diagnostics) {
    let variants: Vec<&Variant> = match &input.data {
        Data::Enum(data) => data.variants.iter().collect(),
        _ => Vec::new(),
    };
    let on_variants = variants.iter().map(|variant| {
        (
            &variant.attrs,
            "`#[event(…)]` does not work on a variant, because the whole enum is one event: move it to the enum, or \
             declare a separate type for each event",
        )
    });
    let own: Option<&Fields> = match &input.data {
        Data::Struct(data) => Some(&data.fields),
        _ => None,
    };
    let fields = own
        .into_iter()
        .chain(variants.iter().map(|variant| &variant.fields))
        .flatten();
    let on_fields = fields.map(|field| {
        (
            &field.attrs,
            "`#[event(…)]` does not work on a field, because it describes the whole event: move it to the type",
        )
    });
    for (attrs, message) in on_variants.chain(on_fields) {
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
            diagnostics.at(attr, message);
        }
    }
}

/// Returns the name that the user gave. Returns the default name if there is none or if the given one is invalid.
fn event_name(input: &DeriveInput, attributes: &Attributes, diagnostics: &mut Diagnostics) -> String {
    let default = casing::kebab(&input.ident.unraw().to_string());
    match &attributes.name {
        Slot::Given(_, name) => {
            let text = name.value();
            match name::check(&text) {
                Ok(()) => return text,
                Err(error) => diagnostics.at(name, format!("an event's name {error}")),
            }
        }
        Slot::Broken(_) => {}
        Slot::Absent => {
            if let Err(error) = name::check(&default) {
                diagnostics.at(
                    &input.ident,
                    format!(
                        "the type's name gives the event the name `{default}`, but an event's name {error}: write \
                         another name with `#[event(name = \"…\")]`"
                    ),
                );
            }
        }
    }
    default
}

fn history(attributes: &Attributes, diagnostics: &mut Diagnostics) -> History {
    match attributes.history.value() {
        None => History::Off,
        Some(None) => History::ManagerLimit,
        Some(Some(limit)) => history_limit(limit, diagnostics),
    }
}

/// Rejects a history of 0 events: it would number events that no client could ever recover.
fn history_limit(limit: &LitInt, diagnostics: &mut Diagnostics) -> History {
    match limit.base10_parse::<usize>() {
        Ok(0) => diagnostics.at(
            limit,
            "a history of 0 events keeps nothing: remove `history`, or write how many events to keep",
        ),
        Ok(limit) => return History::Limit(limit),
        Err(error) => diagnostics.push(error),
    }
    History::Off
}
