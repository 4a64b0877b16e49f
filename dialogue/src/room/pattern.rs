//! The ids of a family: builds an id from the values of the fields, and splits an id into the texts of the fields.
//!
//! This module only handles text. `rooms!` checks that each pattern is sound.

use std::fmt::{Display, Write};

use super::Segment;
use crate::id::RoomId;

/// Builds an id of a family. `fields` are the values of the field segments, in order.
///
/// In a field, the function percent-encodes all bytes outside `[A-Za-z0-9_.:=@,;-]`. It also encodes the character that
/// follows the field in the pattern, so that the id parses back to the same fields.
#[must_use]
pub fn print_id(segments: &[Segment], fields: &[&dyn Display]) -> RoomId {
    let mut id = String::new();
    let mut fields = fields.iter();
    for (at, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Literal(text) => id.push_str(text),
            Segment::Field(_) => {
                if let Some(field) = fields.next() {
                    print_field(&mut id, *field, end_of_field(segments, at));
                }
            }
        }
    }
    id.into()
}

fn print_field(id: &mut String, field: &dyn Display, end: Option<u8>) {
    for byte in field.to_string().bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"_.:=@,;-".contains(&byte);
        if plain && end != Some(byte) {
            id.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(id, "%{byte:02X}");
        }
    }
}

/// Returns the character that ends the field at index `at`: the first character of the literal that follows the field.
/// `rooms!` makes sure that the field's percent-escapes do not contain this character.
fn end_of_field(segments: &[Segment], at: usize) -> Option<u8> {
    match segments.get(at + 1) {
        Some(Segment::Literal(text)) => text.bytes().next(),
        _ => None,
    }
}

/// Returns the texts of an id's `N` fields, still percent-encoded. Returns `None` if the id does not match the pattern,
/// or if a field is empty.
#[must_use]
pub fn split_id<'a, const N: usize>(segments: &[Segment], id: &'a str) -> Option<[&'a str; N]> {
    let mut texts = [""; N];
    let mut slots = texts.iter_mut();
    let mut rest = id;
    for (at, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Literal(text) => rest = rest.strip_prefix(text)?,
            Segment::Field(_) => {
                let length = match end_of_field(segments, at) {
                    Some(end) => rest.bytes().position(|byte| byte == end)?,
                    None => rest.len(),
                };
                let (field, after) = rest.split_at_checked(length)?;
                if field.is_empty() {
                    return None;
                }
                *slots.next()? = field;
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERN: &[Segment] = &[
        Segment::Literal("org-"),
        Segment::Field("org"),
        Segment::Literal("-project-"),
        Segment::Field("id"),
    ];

    #[test]
    fn an_id_consists_of_its_literals_and_fields_in_order() {
        assert_eq!(print_id(PATTERN, &[&"acme", &7]), "org-acme-project-7");
    }

    #[test]
    fn encodes_bytes_outside_the_alphabet_and_the_byte_that_ends_the_field() {
        assert_eq!(print_id(PATTERN, &[&"a-b/%", &"c-d"]), "org-a%2Db%2F%25-project-c-d");
    }

    #[test]
    fn an_id_splits_into_the_texts_of_its_fields() {
        assert_eq!(split_id(PATTERN, "org-a%2Db-project-c-d"), Some(["a%2Db", "c-d"]));
    }

    #[test]
    fn an_id_that_does_not_match_the_pattern_does_not_split() {
        for id in [
            "",
            "org-",
            "org-a",
            "org-a-project",
            "org-a-project-",
            "org--project-7",
            "org-a-b-project-7",
            "team-a-project-7",
        ] {
            assert_eq!(split_id::<2>(PATTERN, id), None, "{id}");
        }
        assert_eq!(split_id::<0>(&[Segment::Literal("chat")], "chats"), None);
    }

    proptest! {
        #[test]
        fn a_printed_id_is_valid_and_splits_into_the_same_fields(org in ".+", id in ".+") {
            let printed = print_id(PATTERN, &[&org, &id]);
            prop_assert!(printed.chars().all(|char| RoomId::is_valid(&char.to_string())));
            let Some(texts) = split_id::<2>(PATTERN, &printed) else {
                return Err(TestCaseError::fail("the id does not split"));
            };
            let decoded = texts.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned());
            prop_assert_eq!(decoded, [org, id]);
        }

        #[test]
        fn splitting_never_panics(id in ".*") {
            let _ = split_id::<2>(PATTERN, &id);
        }
    }
}
