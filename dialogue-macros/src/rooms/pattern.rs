//! Splits the text of a declared id into literal and field segments, and checks its characters and length. Works on
//! plain text only.
//!
//! The alphabet and the maximum length match `RoomId::is_valid` in `dialogue`, which this crate cannot call.

/// A part of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Literal text.
    Literal(String),
    /// The value of the field with this name.
    Field(String),
}

/// The maximum length of an id, in bytes.
const MAX_BYTES: usize = 128;

/// Returns whether an id may contain `char`.
pub(super) fn allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_.:=@,;%-".contains(char)
}

/// Splits an id into segments. Two literals are never adjacent.
///
/// # Errors
///
/// Returns a message that explains the mistake and says what to write.
pub(super) fn parse(text: &str) -> Result<Vec<Segment>, String> {
    if text.is_empty() {
        return Err("a room's id must not be empty: write one, such as `chat`".to_owned());
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
fn placeholder<'a>(text: &'a str, segments: &mut Vec<Segment>) -> Result<&'a str, String> {
    let Some(inside) = text.strip_prefix('{') else {
        return Err("`}` has no matching `{`: write `{field}`".to_owned());
    };
    let Some((name, rest)) = inside.split_once('}') else {
        return Err("`{` has no matching `}`: write `{field}`".to_owned());
    };
    if name.is_empty() {
        return Err("`{}` does not name a field: write `{field}`".to_owned());
    }
    if !name.chars().all(|char| char.is_alphanumeric() || char == '_') {
        return Err(format!(
            "`{{{name}}}` contains more than a field's name: write only the name, as in `{{field}}`"
        ));
    }
    if segments.contains(&Segment::Field(name.to_owned())) {
        return Err(format!("`{{{name}}}` is in the id twice: remove one of the two"));
    }
    segments.push(Segment::Field(name.to_owned()));
    Ok(rest)
}

fn checked(literal: &str) -> Result<String, String> {
    match literal.chars().find(|&char| !allowed(char)) {
        None => Ok(literal.to_owned()),
        Some(bad) => Err(format!(
            "a room's id may contain only ASCII letters, digits and `_.:=@,;%-`, not `{}`",
            bad.escape_debug()
        )),
    }
}

/// Checks that the end of each field is clear. A field ends where the next literal begins, so a literal must separate
/// two fields. The literal must not begin with a character of a percent-escape, because a field may contain
/// percent-escapes.
fn check_boundaries(segments: &[Segment]) -> Result<(), String> {
    for pair in segments.windows(2) {
        match pair {
            [Segment::Field(first), Segment::Field(second)] => {
                return Err(format!(
                    "nothing separates `{{{first}}}` from `{{{second}}}`: write something between them, as in \
                     `{{{first}}}-{{{second}}}`"
                ));
            }
            [Segment::Field(field), Segment::Literal(literal)] => {
                if let Some(bad) = literal.chars().next().filter(|&char| in_escape(char)) {
                    return Err(format!(
                        "`{bad}` cannot mark the end of `{{{field}}}`, because percent-escapes in a field may contain \
                         it: write another character after `{{{field}}}`, such as `-`"
                    ));
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
fn check_length(segments: &[Segment]) -> Result<(), String> {
    let length: usize = segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => text.len(),
            Segment::Field(_) => 1,
        })
        .sum();
    if length <= MAX_BYTES {
        return Ok(());
    }
    Err(format!(
        "a room's id may have at most {MAX_BYTES} characters, but this one needs {length}"
    ))
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
        for id in ["", "a b", "a/b", "größe", "*", "a\n"] {
            assert!(parse(id).is_err(), "{id}");
        }
    }

    #[test]
    fn rejects_broken_placeholders() {
        for id in ["a{", "a}", "a{}", "a{id", "a{{id}}", "a{id:02}", "{id}-{id}"] {
            assert!(parse(id).is_err(), "{id}");
        }
    }

    #[test]
    fn rejects_fields_whose_end_is_ambiguous() {
        for id in ["{a}{b}", "{a}%b", "{a}2", "{a}F"] {
            assert!(parse(id).is_err(), "{id}");
        }
        assert!(parse("{a}f").is_ok());
    }

    #[test]
    fn rejects_an_id_that_is_too_long_for_any_value() {
        assert!(parse(&"x".repeat(128)).is_ok());
        assert!(parse(&"x".repeat(129)).is_err());
        assert!(parse(&format!("{}{{id}}", "x".repeat(128))).is_err());
    }
}
