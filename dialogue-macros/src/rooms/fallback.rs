//! What stands in for a mistake that is reported, so that nothing else is reported because of it.

use syn::ext::IdentExt;

use super::model::{Events, Field};
use super::pattern::Segment;

/// For a room whose events are unknown: any, so that no use of the room is wrong.
pub(super) fn events() -> Events {
    Events::Any
}

/// The segments without placeholders that have no field, and with every field that has no placeholder.
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
