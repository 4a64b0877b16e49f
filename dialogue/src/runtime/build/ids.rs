//! No id belongs to two declarations of a server, even if they come from different room sets.

use super::check::BuildError;
use crate::room::overlap::{Part, shared_id};
use crate::room::{IdPattern, RoomDeclaration, Segment};

/// Checks the declarations of all sets. `sets` has the name of the set of each declaration. Within one set, the macro
/// has already checked this.
pub(in crate::runtime) fn check_ids(
    declarations: &[&'static RoomDeclaration],
    sets: &[&'static str],
) -> Result<(), BuildError> {
    let declared: Vec<_> = declarations
        .iter()
        .zip(sets)
        .map(|(declaration, set)| (*declaration, *set, parts(&declaration.id)))
        .collect();
    for (index, (later, set, later_parts)) in declared.iter().enumerate() {
        for (earlier, other_set, earlier_parts) in declared.iter().take(index) {
            if let Some(shared_id) = shared_id(later_parts, earlier_parts) {
                return Err(BuildError::DuplicateRoom {
                    id: later.id.to_string(),
                    room: later.type_name,
                    set,
                    other_id: earlier.id.to_string().into(),
                    other_room: earlier.type_name,
                    other_set,
                    shared_id: shared_id.into(),
                });
            }
        }
    }
    Ok(())
}

/// A declared id as the check for overlaps reads it.
fn parts(id: &IdPattern) -> Vec<Part<'static>> {
    let part = |segment: &Segment| match *segment {
        Segment::Literal(text) => Part::Literal(text),
        Segment::Field(_) => Part::Field,
    };
    match id {
        IdPattern::Fixed(id) => vec![Part::Literal(id)],
        IdPattern::Family { segments, .. } => segments.iter().map(part).collect(),
    }
}
