//! Splits the text of a declared id into literal and field segments, and checks its characters and length. Works on
//! plain text only.
//!
//! The alphabet and the maximum length match `RoomId::is_valid` in `dialogue`, which this crate cannot call.

use std::fmt;

use super::overlap::Part;

/// A part of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Literal text.
    Literal(String),
    /// The value of the field with this name.
    Field(String),
}

/// The segments as the check for overlaps reads them.
pub(super) fn parts(segments: &[Segment]) -> Vec<Part<'_>> {
    let parts = segments.iter().map(|segment| match segment {
        Segment::Literal(text) => Part::Literal(text.as_str()),
        Segment::Field(_) => Part::Field,
    });
    parts.collect()
}

/// The maximum length of an id, in bytes.
const MAX_BYTES: usize = 128;

/// Returns whether an id may contain `char`.
fn allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_.:=@,;%-".contains(char)
}

/// A mistake in the text of an id. Its text says what is wrong and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PatternError {
    Empty,
    /// `}` comes before its `{`.
    NotOpened,
    /// No `}` follows `{`.
    NotClosed,
    /// `{}`.
    NoName,
    /// The text between the braces is not the name of a field.
    NotAName(String),
    /// Two placeholders have this name.
    Twice(String),
    /// An id may not contain this character.
    Forbidden(char),
    /// Nothing separates these two fields.
    Adjacent(String, String),
    /// The literal after this field begins with a character that may also be part of the field's value.
    UnclearEnd {
        field: String,
        next: char,
    },
    /// Even the shortest values of the fields make the id this long, in bytes.
    TooLong(usize),
}

impl std::error::Error for PatternError {}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a room's id must not be empty: write one, such as `chat`"),
            Self::NotOpened => f.write_str("`}` has no matching `{`: write `{field}`"),
            Self::NotClosed => f.write_str("`{` has no matching `}`: write `{field}`"),
            Self::NoName => f.write_str("`{}` does not name a field: write `{field}`"),
            Self::NotAName(name) => write!(
                f,
                "`{{{name}}}` contains more than a field's name: write only the name, as in `{{field}}`"
            ),
            Self::Twice(name) => write!(f, "`{{{name}}}` is in the id twice: remove one of the two"),
            Self::Forbidden(bad) => write!(
                f,
                "a room's id may contain only ASCII letters, digits and `_.:=@,;%-`, not `{}`",
                bad.escape_debug()
            ),
            Self::Adjacent(first, second) => write!(
                f,
                "nothing separates `{{{first}}}` from `{{{second}}}`: write something between them, as in \
                 `{{{first}}}-{{{second}}}`"
            ),
            Self::UnclearEnd { field, next } => write!(
                f,
                "`{next}` cannot mark the end of `{{{field}}}`, because percent-escapes in a field may contain it: \
                 write another character after `{{{field}}}`, such as `-`"
            ),
            Self::TooLong(length) => write!(
                f,
                "a room's id may have at most {MAX_BYTES} characters, but this one needs {length}"
            ),
        }
    }
}

/// Splits an id into segments. Two literals are never adjacent.
pub(super) fn parse(text: &str) -> Result<Vec<Segment>, PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        match rest.find(['{', '}']) {
            Some(0) => rest = placeholder(rest, &mut segments)?,
            at => {
                let (literal, after) = rest.split_at(at.unwrap_or(rest.len()));
                segments.push(Segment::Literal(checked(literal)?));
                rest = after;
            }
        }
    }
    check_boundaries(&segments)?;
    check_length(&segments)?;
    Ok(segments)
}

/// Parses `{field}` at the start of `text` and returns the rest.
fn placeholder<'a>(text: &'a str, segments: &mut Vec<Segment>) -> Result<&'a str, PatternError> {
    let inside = text.strip_prefix('{').ok_or(PatternError::NotOpened)?;
    let (name, rest) = inside.split_once('}').ok_or(PatternError::NotClosed)?;
    if name.is_empty() {
        return Err(PatternError::NoName);
    }
    if !name.chars().all(|char| char.is_alphanumeric() || char == '_') {
        return Err(PatternError::NotAName(name.to_owned()));
    }
    let field = Segment::Field(name.to_owned());
    if segments.contains(&field) {
        return Err(PatternError::Twice(name.to_owned()));
    }
    segments.push(field);
    Ok(rest)
}

fn checked(literal: &str) -> Result<String, PatternError> {
    match literal.chars().find(|&char| !allowed(char)) {
        None => Ok(literal.to_owned()),
        Some(bad) => Err(PatternError::Forbidden(bad)),
    }
}

/// Checks that the end of each field is clear. A field ends where the next literal begins, so a literal must separate
/// two fields. The literal must not begin with a character of a percent-escape, because a field may contain
/// percent-escapes.
fn check_boundaries(segments: &[Segment]) -> Result<(), PatternError> {
    for pair in segments.windows(2) {
        match pair {
            [Segment::Field(first), Segment::Field(second)] => {
                return Err(PatternError::Adjacent(first.clone(), second.clone()));
            }
            [Segment::Field(field), Segment::Literal(literal)] => {
                if let Some(next) = literal.chars().next().filter(|&char| in_escape(char)) {
                    return Err(PatternError::UnclearEnd {
                        field: field.clone(),
                        next,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether `char` may be part of a percent-escape, such as `%2F`.
fn in_escape(char: char) -> bool {
    char == '%' || char.is_ascii_digit() || ('A'..='F').contains(&char)
}

/// Checks the length. Each field needs at least one byte.
fn check_length(segments: &[Segment]) -> Result<(), PatternError> {
    let length: usize = segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => text.len(),
            Segment::Field(_) => 1,
        })
        .sum();
    if length <= MAX_BYTES {
        Ok(())
    } else {
        Err(PatternError::TooLong(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    fn field(name: &str) -> Segment {
        Segment::Field(name.to_owned())
    }

    #[test]
    fn an_id_without_placeholders_is_one_literal() {
        assert_eq!(parse("chat:main"), Ok(vec![literal("chat:main")]));
    }

    #[test]
    fn placeholders_become_fields() {
        assert_eq!(
            parse("org-{org}-project-{id}"),
            Ok(vec![literal("org-"), field("org"), literal("-project-"), field("id")])
        );
    }

    #[test]
    fn rejects_characters_that_an_id_may_not_contain() {
        assert_eq!(parse(""), Err(PatternError::Empty));
        for (id, bad) in [("a b", ' '), ("a/b", '/'), ("größe", 'ö'), ("*", '*'), ("a\n", '\n')] {
            assert_eq!(parse(id), Err(PatternError::Forbidden(bad)), "{id}");
        }
    }

    #[test]
    fn rejects_broken_placeholders() {
        for (id, error) in [
            ("a{", PatternError::NotClosed),
            ("a{id", PatternError::NotClosed),
            ("a}", PatternError::NotOpened),
            ("a{}", PatternError::NoName),
            ("a{{id}}", PatternError::NotAName("{id".to_owned())),
            ("a{id:02}", PatternError::NotAName("id:02".to_owned())),
            ("{id}-{id}", PatternError::Twice("id".to_owned())),
        ] {
            assert_eq!(parse(id), Err(error), "{id}");
        }
    }

    #[test]
    fn rejects_fields_whose_end_is_ambiguous() {
        assert_eq!(
            parse("{a}{b}"),
            Err(PatternError::Adjacent("a".to_owned(), "b".to_owned()))
        );
        for (id, next) in [("{a}%b", '%'), ("{a}2", '2'), ("{a}F", 'F')] {
            let field = "a".to_owned();
            assert_eq!(parse(id), Err(PatternError::UnclearEnd { field, next }), "{id}");
        }
        assert!(parse("{a}f").is_ok());
    }

    #[test]
    fn rejects_an_id_that_is_too_long_for_any_value() {
        assert!(parse(&"x".repeat(128)).is_ok());
        assert_eq!(parse(&"x".repeat(129)), Err(PatternError::TooLong(129)));
        assert_eq!(
            parse(&format!("{}{{id}}", "x".repeat(128))),
            Err(PatternError::TooLong(129))
        );
    }
}
