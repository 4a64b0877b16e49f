//! Families whose ids TypeScript cannot distinguish from the ids of other rooms. A field of an id ends where the next
//! part starts, but `${string}` in a template matches any text.

use crate::contract::model::ContractRoom;
use crate::room::{IdPattern, Segment};

/// Whether the template of a family may match an id of another room. In doubt, the answer is yes.
pub(super) fn is_alike(family: &ContractRoom, other: &ContractRoom) -> bool {
    if std::ptr::eq(family, other) {
        return false;
    }
    let IdPattern::Family { segments, .. } = family.declaration.id else {
        return false;
    };
    let (beginning, end) = ends(segments);
    match other.declaration.id {
        IdPattern::Fixed(id) => id.strip_prefix(beginning).is_some_and(|rest| rest.ends_with(end)),
        IdPattern::Family { segments, .. } => {
            let (other_beginning, other_end) = ends(segments);
            (beginning.starts_with(other_beginning) || other_beginning.starts_with(beginning))
                && (end.ends_with(other_end) || other_end.ends_with(end))
        }
    }
}

/// The texts with which all ids of a family start and end.
fn ends(segments: &[Segment]) -> (&'static str, &'static str) {
    let literal = |segment: Option<&Segment>| match segment {
        Some(Segment::Literal(text)) => text,
        _ => "",
    };
    (literal(segments.first()), literal(segments.last()))
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    struct Bell;

    mod alike {
        use super::*;

        rooms! {
            pub(super) Alike;
            pub(super) Project = "project" { events: [Bell] }
            pub(super) Chat { org: String } = "org:{org}:chat" { events: [Bell] }
            pub(super) TeamChat { org: String, team: String } = "org:{org}:{team}:chat" { events: [Bell] }
            pub(super) Empty = "empty-" { events: [Bell] }
            pub(super) Emptied { id: u64 } = "empty-{id}" { events: [Bell] }
        }
    }

    mod apart {
        use super::*;

        rooms! {
            pub(super) Apart;
            pub(super) Project = "project" { events: [Bell] }
            pub(super) Projects { id: u64 } = "project-{id}" { events: [Bell] }
            pub(super) Chat { org: String } = "org-{org}-chat" { events: [Bell] }
            pub(super) Files { org: String } = "org-{org}-files" { events: [Bell] }
        }
    }

    #[test]
    fn rooms_whose_ids_a_template_cannot_tell_apart_are_in_objects_of_their_own() {
        let module = alike::Alike::typescript().unwrap();
        let (_, rooms) = module.split_once("export type Rooms = ").unwrap();
        let objects: Vec<&str> = rooms.split("\n} & {\n").collect();
        assert_eq!(objects.len(), 4);
        assert!(objects[0].contains("  project: {") && objects[0].contains("  \"empty-\": {"));
        assert!(objects[1].contains("[id: `org:${string}:chat`]"));
        assert!(objects[2].contains("[id: `org:${string}:${string}:chat`]"));
        assert!(objects[3].contains("[id: `empty-${string}`]"));
        assert!(apart::Apart::typescript().unwrap().contains("export interface Rooms {"));
    }
}
