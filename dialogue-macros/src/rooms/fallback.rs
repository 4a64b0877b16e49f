//! Replacements for parts with a reported mistake. They prevent further errors that the mistake would cause.

use syn::ext::IdentExt;

use super::model::{Events, Field};
use super::pattern::Segment;

/// Returns the events of a room whose own events are unknown. It allows any event, so that no use of the room is an
/// error.
pub(super) fn events() -> Events {
    Events::Any
}

/// Removes placeholders that have no field, and adds a placeholder for each field that has none.
pub(super) fn segments(segments: Vec<Segment>, fields: &[Field]) -> Vec<Segment> {
    let names: Vec<String> = fields.iter().map(|field| field.ident.unraw().to_string()).collect();
    let mut segments: Vec<Segment> = segments
        .into_iter()
        .filter(|segment| match segment {
            Segment::Literal(_) => true,
            Segment::Field(name) => names.contains(name),
        })
        .collect();
    for name in names {
        let field = Segment::Field(name);
        if !segments.contains(&field) {
            segments.push(field);
        }
    }
    segments
}
