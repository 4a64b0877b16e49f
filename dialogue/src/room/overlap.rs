//! Checks whether two declared ids can produce the same id. Works on plain text only.
//!
//! The check assumes that a field can print any text, whatever its type is. A macro cannot know that a `u64` is never
//! `archive`. So the check may report an overlap that cannot happen, but it never misses one.
//!
//! `dialogue-macros` checks the rooms of one block, and `dialogue` the rooms of all blocks of a server. A crate of macros
//! exports nothing else, so both crates have this file. A test holds the two copies equal.

use std::collections::{BTreeMap, VecDeque};

/// A part of a declared id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Literal(&'t str),
    /// The value of a field. It ends at the first character of the literal that follows.
    Field,
}

/// A shortest id that both declarations can produce.
pub(crate) fn shared_id(a: &[Part<'_>], b: &[Part<'_>]) -> Option<String> {
    let (a, b) = (steps(a), steps(b));
    // Each pair of states with the pair before it and the character between the two.
    let mut before: BTreeMap<Pair, (Pair, char)> = BTreeMap::new();
    let mut open = VecDeque::from([(0, 0)]);
    while let Some(at) = open.pop_front() {
        if at == (a.len(), b.len()) {
            return Some(way_to(at, &before));
        }
        for (class_a, next_a) in moves(&a, at.0) {
            for (class_b, next_b) in moves(&b, at.1) {
                let next = (next_a, next_b);
                if let Some(char) = class_a.meets(class_b)
                    && next != (0, 0)
                    && !before.contains_key(&next)
                {
                    before.insert(next, (at, char));
                    open.push_back(next);
                }
            }
        }
    }
    None
}

/// How far the two ids are read.
type Pair = (usize, usize);

/// The characters that lead to a pair of states.
fn way_to(mut at: Pair, before: &BTreeMap<Pair, (Pair, char)>) -> String {
    let mut chars = Vec::new();
    while let Some((earlier, char)) = before.get(&at) {
        chars.push(*char);
        at = *earlier;
    }
    chars.iter().rev().collect()
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
    /// A character of both sets.
    fn meets(self, other: Self) -> Option<char> {
        match (self, other) {
            (Self::One(a), Self::One(b)) => (a == b).then_some(a),
            // Literals consist of characters that an id may contain.
            (Self::One(char), Self::Field { end }) | (Self::Field { end }, Self::One(char)) => {
                (end != Some(char)).then_some(char)
            }
            // Each side excludes at most one character. A digit can be part of a number and of a text.
            (Self::Field { end: a }, Self::Field { end: b }) => {
                ['7', 'x', 'y'].into_iter().find(|char| ![a, b].contains(&Some(*char)))
            }
        }
    }
}

/// Turns a declared id into an automaton. Step `n` leads from state `n` to state `n + 1`. The step of a field also leads
/// from state `n + 1` to itself.
fn steps(parts: &[Part<'_>]) -> Vec<Class> {
    let mut steps = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(text) => steps.extend(text.chars().map(Class::One)),
            Part::Field => steps.push(Class::Field {
                end: match parts.get(at + 1) {
                    Some(Part::Literal(text)) => text.chars().next(),
                    _ => None,
                },
            }),
        }
    }
    steps
}

fn moves(steps: &[Class], state: usize) -> impl Iterator<Item = (Class, usize)> {
    let forward = steps.get(state).map(|&class| (class, state + 1));
    let stay = match state.checked_sub(1).and_then(|before| steps.get(before)) {
        Some(&class @ Class::Field { .. }) => Some((class, state)),
        _ => None,
    };
    forward.into_iter().chain(stay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(id: &str) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for piece in id.split_inclusive('}') {
            let (literal, field) = piece
                .split_once('{')
                .map_or((piece, None), |(text, field)| (text, Some(field)));
            if !literal.is_empty() {
                parts.push(Part::Literal(literal));
            }
            parts.extend(field.map(|_| Part::Field));
        }
        parts
    }

    fn shared(a: &str, b: &str) -> Option<String> {
        let (a, b) = (parts(a), parts(b));
        let found = shared_id(&a, &b);
        assert_eq!(
            found.is_some(),
            shared_id(&b, &a).is_some(),
            "the order must not matter"
        );
        found
    }

    #[test]
    fn equal_ids_overlap_and_different_ids_do_not() {
        assert_eq!(shared("chat", "chat").as_deref(), Some("chat"));
        assert_eq!(shared("chat", "chats"), None);
    }

    #[test]
    fn a_family_overlaps_with_a_room_that_looks_like_a_member() {
        assert_eq!(
            shared("project-{id}", "project-archive").as_deref(),
            Some("project-archive")
        );
        assert_eq!(shared("project-{id}", "project"), None);
        assert_eq!(shared("project-{id}", "project-"), None);
    }

    #[test]
    fn a_field_ends_at_the_character_that_follows_it() {
        assert_eq!(shared("a-{x}-b", "a-1-2-b"), None);
        assert_eq!(shared("a-{x}-b", "a-12-b").as_deref(), Some("a-12-b"));
        assert_eq!(shared("a-{x}.b", "a-1-2.b").as_deref(), Some("a-1-2.b"));
    }

    #[test]
    fn families_overlap_when_one_id_can_belong_to_both() {
        assert_eq!(shared("{a}", "{b}").as_deref(), Some("7"));
        assert_eq!(shared("project-{id}", "{kind}-{id}").as_deref(), Some("project-7"));
        assert_eq!(shared("doc-{id}", "doc-{org}-{id}").as_deref(), Some("doc-7-7"));
        assert_eq!(shared("project-{id}", "team-{id}"), None);
        assert_eq!(shared("a{x}", "{y}:b").as_deref(), Some("a:b"));
        assert_eq!(shared("{x}:a", "{x}:b"), None);
    }

    #[test]
    fn a_shared_id_avoids_the_characters_that_end_fields() {
        assert_eq!(shared("{a}x", "{b}y"), None);
        assert_eq!(shared("{a}_x", "{b}x_x").as_deref(), Some("7x_x"));
    }
}
