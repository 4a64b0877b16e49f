//! Checks whether two declared ids can produce the same id. Works on plain text only.
//!
//! The check assumes that a field can print any text, whatever its type is. A macro cannot know that a `u64` is never
//! `archive`. So the check may report an overlap that cannot happen, but it never misses one.

use std::collections::HashSet;

use super::pattern::{Segment, allowed};

/// Returns whether some id matches both patterns.
pub(super) fn overlap(a: &[Segment], b: &[Segment]) -> bool {
    let (a, b) = (steps(a), steps(b));
    let mut seen = HashSet::from([(0, 0)]);
    let mut open = vec![(0, 0)];
    while let Some((at_a, at_b)) = open.pop() {
        if at_a == a.len() && at_b == b.len() {
            return true;
        }
        for (class_a, next_a) in moves(&a, at_a) {
            for (class_b, next_b) in moves(&b, at_b) {
                if class_a.meets(class_b) && seen.insert((next_a, next_b)) {
                    open.push((next_a, next_b));
                }
            }
        }
    }
    false
}

/// A set of characters.
#[derive(Clone, Copy)]
enum Class {
    One(char),
    /// Every character that an id may contain, except the one that ends the field.
    Field {
        end: Option<char>,
    },
}

impl Class {
    fn contains(self, char: char) -> bool {
        match self {
            Self::One(own) => own == char,
            Self::Field { end } => allowed(char) && end != Some(char),
        }
    }

    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(char), other) | (other, Self::One(char)) => other.contains(char),
            // Each side excludes at most one character, and the alphabet has more than two.
            (Self::Field { .. }, Self::Field { .. }) => true,
        }
    }
}

/// Turns the pattern into an automaton. Step `n` leads from state `n` to state `n + 1`. The step of a field also leads
/// from state `n + 1` to itself.
fn steps(segments: &[Segment]) -> Vec<Class> {
    let mut steps = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Literal(text) => steps.extend(text.chars().map(Class::One)),
            Segment::Field(_) => steps.push(Class::Field {
                end: match segments.get(at + 1) {
                    Some(Segment::Literal(text)) => text.chars().next(),
                    _ => None,
                },
            }),
        }
    }
    steps
}

fn moves(steps: &[Class], state: usize) -> impl Iterator<Item = (Class, usize)> {
    let forward = steps.get(state).map(|&class| (class, state + 1));
    let stay = match state.checked_sub(1).map(|before| steps[before]) {
        Some(class @ Class::Field { .. }) => Some((class, state)),
        _ => None,
    };
    forward.into_iter().chain(stay)
}

#[cfg(test)]
mod tests {
    use super::super::pattern::parse;
    use super::*;

    fn overlapping(a: &str, b: &str) -> bool {
        let (Ok(a), Ok(b)) = (parse(a), parse(b)) else {
            panic!("not ids: {a}, {b}");
        };
        assert_eq!(overlap(&a, &b), overlap(&b, &a), "the order must not matter");
        overlap(&a, &b)
    }

    #[test]
    fn equal_ids_overlap_and_different_ids_do_not() {
        assert!(overlapping("chat", "chat"));
        assert!(!overlapping("chat", "chats"));
    }

    #[test]
    fn a_family_overlaps_with_a_room_that_looks_like_a_member() {
        assert!(overlapping("project-{id}", "project-archive"));
        assert!(!overlapping("project-{id}", "project"));
        assert!(!overlapping("project-{id}", "project-"));
    }

    #[test]
    fn a_field_ends_at_the_character_that_follows_it() {
        assert!(!overlapping("a-{x}-b", "a-1-2-b"));
        assert!(overlapping("a-{x}-b", "a-12-b"));
        assert!(overlapping("a-{x}.b", "a-1-2.b"));
    }

    #[test]
    fn families_overlap_when_one_id_can_belong_to_both() {
        assert!(overlapping("{a}", "{b}"));
        assert!(overlapping("project-{id}", "{kind}-{id}"));
        assert!(!overlapping("project-{id}", "team-{id}"));
        assert!(overlapping("a{x}", "{y}:b"));
        assert!(!overlapping("{x}:a", "{x}:b"));
    }
}
